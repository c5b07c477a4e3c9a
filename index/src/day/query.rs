//! A filter as a query over one day's index, and whether that query alone is exact.

use std::sync::Arc;

use system_log_model::search::Phrase;
use system_log_model::text::{fold, words};
use system_log_model::{Filter, OrgId};
use tantivy::query::{AllQuery, BooleanQuery, Occur, PhrasePrefixQuery, PhraseQuery, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{Searcher, Term};

use super::excluded::Excluded;
use super::schema::{Fields, MAX_EXACT_WORD_BYTES, tag};

/// More endings than this of an open phrase are not gone through; the texts of the phrase's other words are looked at.
const MAX_ENDINGS: u32 = 1_000;

/// What rows of one organisation must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'q> {
    pub(crate) org: &'q OrgId,
    pub(crate) filter: &'q Filter,
}

/// A query, and whether what it finds still has to be checked against the global search.
pub(super) struct Built {
    pub(super) query: Box<dyn Query>,
    pub(super) search_is_exact: bool,
}

struct Builder<'a> {
    fields: Fields,
    searcher: &'a Searcher,
    kinds: &'a [Arc<str>],
    clauses: Vec<(Occur, Box<dyn Query>)>,
    search_is_exact: bool,
}

/// The query for a day. The needles of message, recipient and subject are not in it: the texts are looked at.
pub(super) fn build(
    conditions: Conditions<'_>,
    fields: Fields,
    searcher: &Searcher,
    kinds: &[Arc<str>],
) -> tantivy::Result<Built> {
    let filter = conditions.filter;
    let mut builder = Builder { fields, searcher, kinds, clauses: Vec::new(), search_is_exact: true };
    let stream = fields.stream_term(conditions.org, filter.log);
    builder.must(term(stream));
    builder.typed(filter);
    if let Some(needle) = &filter.contains.event_name {
        let named = |kind: &str| fold(kind).contains(needle.as_str());
        let kinds = builder.kinds_where(named);
        builder.must(Box::new(BooleanQuery::union(kinds)));
    }
    if let Some(search) = &filter.search {
        for phrase in &search.include {
            let (query, is_exact) = builder.phrase(phrase)?;
            builder.search_is_exact &= is_exact;
            builder.must(query);
        }
        for phrase in &search.exclude {
            let (query, is_exact) = builder.phrase(phrase)?;
            builder.search_is_exact &= is_exact;
            // Too wide a query would exclude too much; the texts decide then.
            if is_exact {
                builder.clauses.push((Occur::MustNot, Box::new(Excluded(query))));
            }
        }
    }
    Ok(builder.build())
}

fn term(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

impl Builder<'_> {
    fn must(&mut self, query: Box<dyn Query>) {
        self.clauses.push((Occur::Must, query));
    }

    fn any_tag<'v>(&mut self, letter: u8, values: impl Iterator<Item = &'v [u8]>) {
        let terms: Vec<_> = values.map(|value| term(self.fields.tag_term(letter, value))).collect();
        if !terms.is_empty() {
            self.must(Box::new(BooleanQuery::union(terms)));
        }
    }

    fn typed(&mut self, filter: &Filter) {
        let ranks: Vec<[u8; 1]> = filter.categories.iter().map(|c| [c.rank()]).collect();
        self.any_tag(tag::CATEGORY, ranks.iter().map(<[u8; 1]>::as_slice));
        let ranks: Vec<[u8; 1]> = filter.severities.iter().map(|s| [s.rank()]).collect();
        self.any_tag(tag::SEVERITY, ranks.iter().map(<[u8; 1]>::as_slice));
        self.any_tag(tag::KIND, filter.types.iter().map(|t| t.as_bytes()));
        self.any_tag(tag::ACTOR, filter.actor_ids.iter().map(|a| a.as_bytes()));
        self.any_tag(tag::MODEL, filter.models.iter().map(|m| m.as_bytes()));
        if let Some(success) = filter.success {
            self.any_tag(tag::SUCCESS, [[u8::from(success)].as_slice()].into_iter());
        }
        if filter.bot_only {
            self.any_tag(tag::BOT, [[].as_slice()].into_iter());
        }
        if filter.exclude_pre_auth {
            let pre_auth = term(self.fields.tag_term(tag::PRE_AUTH, &[]));
            self.clauses.push((Occur::MustNot, pre_auth));
        }
    }

    fn kinds_where(&self, wanted: impl Fn(&str) -> bool) -> Vec<Box<dyn Query>> {
        self.kinds
            .iter()
            .filter(|kind| wanted(kind))
            .map(|kind| term(self.fields.tag_term(tag::KIND, kind.as_bytes())))
            .collect()
    }

    /// A phrase in the event name or in the message; and whether the query finds nothing else.
    fn phrase(&self, phrase: &Phrase) -> tantivy::Result<(Box<dyn Query>, bool)> {
        let mut either = self.kinds_where(|kind| {
            let folded = fold(kind);
            phrase.found_in(&words(&folded).collect::<Vec<_>>())
        });
        let (message, is_exact) = self.in_message(phrase)?;
        either.push(message);
        Ok((Box::new(BooleanQuery::union(either)), is_exact))
    }

    fn in_message(&self, phrase: &Phrase) -> tantivy::Result<(Box<dyn Query>, bool)> {
        let terms: Vec<Term> = phrase.words.iter().map(|word| self.fields.word_term(word)).collect();
        let is_short = |word: &String| word.len() <= MAX_EXACT_WORD_BYTES;
        if !phrase.words.iter().all(is_short) {
            return Ok((self.whole_words(phrase, &terms), false));
        }
        match (terms.as_slice(), phrase.prefix) {
            ([only], false) => Ok((term(only.clone()), true)),
            (_, false) => Ok((Box::new(PhraseQuery::new(terms)), true)),
            ([_], true) => {
                // A single open word is a range of the dictionary, without a limit and without memory for each ending.
                let mut query = PhrasePrefixQuery::new(terms);
                query.set_max_expansions(u32::MAX);
                Ok((Box::new(query), true))
            }
            ([.., open], true) => {
                if self.endings(open)? > MAX_ENDINGS {
                    return Ok((self.whole_words(phrase, &terms), false));
                }
                let mut query = PhrasePrefixQuery::new(terms);
                query.set_max_expansions(MAX_ENDINGS);
                Ok((Box::new(query), true))
            }
            ([], true) => Ok((Box::new(AllQuery), false)),
        }
    }

    /// Rows that have every word of a phrase that stands in the index as it is; more than the phrase finds.
    fn whole_words(&self, phrase: &Phrase, terms: &[Term]) -> Box<dyn Query> {
        let last = terms.len().saturating_sub(1);
        let is_whole =
            |(at, word): &(usize, &String)| word.len() <= MAX_EXACT_WORD_BYTES && !(phrase.prefix && *at == last);
        let whole: Vec<_> =
            phrase.words.iter().enumerate().filter(is_whole).map(|(at, _)| term(terms[at].clone())).collect();
        if whole.is_empty() {
            return Box::new(AllQuery);
        }
        Box::new(BooleanQuery::intersection(whole))
    }

    /// How many words of any segment begin so, at most one more than matter.
    fn endings(&self, open: &Term) -> tantivy::Result<u32> {
        let begin = open.serialized_value_bytes();
        let mut most = 0;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(self.fields.message)?;
            let mut stream = index.terms().range().ge(begin).into_stream()?;
            let mut count = 0;
            while count <= MAX_ENDINGS && stream.advance() && stream.key().starts_with(begin) {
                count += 1;
            }
            most = most.max(count);
        }
        Ok(most)
    }

    fn build(mut self) -> Built {
        let search_is_exact = self.search_is_exact;
        // A single condition is answered from the dictionary when it is only counted.
        let query = match (self.clauses.len(), self.clauses.pop()) {
            (1, Some((Occur::Must, only))) => only,
            (_, Some(last)) => {
                self.clauses.push(last);
                Box::new(BooleanQuery::new(self.clauses))
            }
            (_, None) => Box::new(AllQuery),
        };
        Built { query, search_is_exact }
    }
}
