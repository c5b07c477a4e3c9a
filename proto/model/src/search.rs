//! The global search: what a reader types into the one box, over event names and messages.
//!
//! Terms are ANDed. A bare term matches at a word start; one with inner punctuation is a phrase whose last word is a word
//! start; a quoted phrase is whole adjacent words of one field; a leading `-` excludes what the term would find.

use crate::limits::MAX_QUERY_CHARS;
use crate::text::{fold, words};

/// Adjacent words of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Folded; never empty.
    pub words: Vec<String>,
    /// The last word need only begin so.
    pub prefix: bool,
}

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Every one must be found.
    pub include: Vec<Phrase>,
    /// None may be found.
    pub exclude: Vec<Phrase>,
}

impl Phrase {
    /// Whether the phrase stands in a field, given as its folded words in order.
    #[must_use]
    pub fn found_in(&self, field: &[&str]) -> bool {
        let last = self.words.len() - 1;
        field.windows(self.words.len()).any(|window| {
            window.iter().zip(&self.words).enumerate().all(|(i, (have, want))| {
                if i == last && self.prefix { have.starts_with(want.as_str()) } else { *have == want.as_str() }
            })
        })
    }
}

impl Search {
    /// Reads a search text. No text is no search at all (`Ok(None)`).
    ///
    /// # Errors
    /// A sentence for the caller when the text is too long or holds no word.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > MAX_QUERY_CHARS {
            return Err(format!("at most {MAX_QUERY_CHARS} characters"));
        }
        let mut search = Self::default();
        for Term { text, quoted, excluded } in terms(text) {
            let words: Vec<String> = words(&fold(text)).map(str::to_owned).collect();
            if words.is_empty() {
                continue;
            }
            let phrase = Phrase { words, prefix: !quoted };
            if excluded { search.exclude.push(phrase) } else { search.include.push(phrase) }
        }
        if search.include.is_empty() && search.exclude.is_empty() {
            return Err("needs at least one word: a run of letters or digits".into());
        }
        Ok(Some(search))
    }

    /// Whether an event with these folded texts is found.
    #[must_use]
    pub fn matches(&self, folded_name: &str, folded_message: &str) -> bool {
        let name: Vec<&str> = words(folded_name).collect();
        let message: Vec<&str> = words(folded_message).collect();
        let found = |phrase: &Phrase| phrase.found_in(&name) || phrase.found_in(&message);
        self.include.iter().all(found) && !self.exclude.iter().any(found)
    }
}

struct Term<'a> {
    text: &'a str,
    quoted: bool,
    excluded: bool,
}

/// Splits at white space and quotes; a quote that is never closed reaches to the end.
fn terms(mut rest: &str) -> Vec<Term<'_>> {
    let mut terms = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return terms;
        }
        let excluded = rest.starts_with('-');
        if excluded {
            rest = &rest[1..];
        }
        let (text, after, quoted) = match rest.strip_prefix('"') {
            Some(inner) => {
                let end = inner.find('"').unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or(""), true)
            }
            None => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                (&rest[..end], &rest[end..], false)
            }
        };
        terms.push(Term { text, quoted, excluded });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, name: &str, message: &str) -> bool {
        Search::parse(query).unwrap().unwrap().matches(&fold(name), &fold(message))
    }

    #[test]
    fn words_are_anded_and_match_at_a_word_start() {
        assert!(found("refus CONN", "webhook_failed", "Connection refused by host"));
        assert!(!found("efused", "webhook_failed", "Connection refused"));
        assert!(found("failed refused", "webhook_failed", "Connection refused"), "one in the name, one in the message");
    }

    #[test]
    fn inner_punctuation_makes_a_phrase_with_an_open_end() {
        assert!(found("webhook_fail", "webhook_failed", ""));
        assert!(!found("webhook_fail", "webhook_sent", "webhook and fail"));
        assert!(!found("web_failed", "webhook_failed", ""), "only the last word is open");
    }

    #[test]
    fn quotes_want_whole_adjacent_words_of_one_field() {
        assert!(found("\"connection refused\"", "x", "Connection: refused!"));
        assert!(!found("\"connection refuse\"", "x", "connection refused"));
        assert!(!found("\"failed connection\"", "webhook_failed", "connection refused"));
    }

    #[test]
    fn minus_excludes_what_the_term_would_find() {
        assert!(!found("connection -refus", "x", "connection refused"));
        assert!(found("-\"refused connection\"", "x", "connection refused"));
        assert!(found("a-b", "x", "a b"), "a dash inside is punctuation");
    }

    #[test]
    fn a_query_without_a_word_is_an_error() {
        assert!(Search::parse("").unwrap().is_none());
        for bad in [" \t ", "-", "\"\"", "*** -- _", &"x".repeat(MAX_QUERY_CHARS + 1)] {
            assert!(Search::parse(bad).is_err(), "{bad}");
        }
    }
}
