//! What of an event the index knows, and how: tags for whole values, words of the message, two numbers.
//!
//! A tag is a letter and a value in one field: far fewer dictionaries for the small organisation-days that are the rule. The
//! kinds of a day are a handful, so words and substrings of the event name are looked up in the dictionary and need no field.

use sha2::{Digest, Sha256};
use system_log_model::text::{cut, fold, words};
use system_log_model::{ActorKind, Event, Log, OrgId};
use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{TantivyDocument, Term};

/// Longer words stand cut in the index; a question with such a word looks at the text itself.
pub(crate) const MAX_WORD_BYTES: usize = 255;
/// A word of at most so many bytes is never one that was cut: a cut one lacks less than a character.
pub(crate) const MAX_EXACT_WORD_BYTES: usize = MAX_WORD_BYTES - 4;
/// Longer values stand as a digest in the index.
const MAX_TAG_BYTES: usize = 1_000;

pub(crate) const SEQUENCE: &str = "sequence";
pub(crate) const OCCURRED_AT: &str = "occurred_at";
const WORDS: &str = "words";

/// The letters of tags. Part of the on-disk format.
pub(crate) mod tag {
    pub(crate) const STREAM: u8 = b'o';
    pub(crate) const KIND: u8 = b'k';
    pub(crate) const CATEGORY: u8 = b'c';
    pub(crate) const SEVERITY: u8 = b's';
    pub(crate) const ACTOR: u8 = b'a';
    pub(crate) const BOT: u8 = b'b';
    pub(crate) const PRE_AUTH: u8 = b'p';
    pub(crate) const MODEL: u8 = b'm';
    pub(crate) const SUCCESS: u8 = b'y';
}

/// The fields, in the order they are declared in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) tag: Field,
    pub(crate) message: Field,
    sequence: Field,
    occurred_at: Field,
}

/// The schema and its fields.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let tag = builder.add_bytes_field("tag", BytesOptions::default().set_indexed());
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(WORDS)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let message = TextOptions::default().set_indexing_options(indexing);
    let message = builder.add_text_field("message", message);
    let fast = NumericOptions::default().set_fast();
    let sequence = builder.add_u64_field(SEQUENCE, fast.clone());
    let occurred_at = builder.add_i64_field(OCCURRED_AT, fast);
    let fields = Fields { tag, message, sequence, occurred_at };
    (builder.build(), fields)
}

/// Our own splitting and nothing else.
pub(crate) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::new();
    manager.register(WORDS, Words);
    // The engine looks this one up for every indexed field, also for bytes, which are never split.
    manager.register("default", Words);
    manager
}

fn tag_bytes(letter: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![letter];
    if value.len() <= MAX_TAG_BYTES {
        bytes.extend_from_slice(value);
    } else {
        // Longer than any value that stands as it is, so it meets none of them.
        bytes.resize(MAX_TAG_BYTES + 2, 0);
        bytes.extend_from_slice(&Sha256::digest(value));
    }
    bytes
}

/// Organisation and log in one: nearly every question names both.
fn stream_bytes(org: &OrgId, log: Log) -> Vec<u8> {
    let mut value = vec![log.rank()];
    value.extend_from_slice(org.as_str().as_bytes());
    tag_bytes(tag::STREAM, &value)
}

impl Fields {
    /// A tag to look for.
    pub(crate) fn tag_term(&self, letter: u8, value: &[u8]) -> Term {
        Term::from_field_bytes(self.tag, &tag_bytes(letter, value))
    }

    /// One organisation's log.
    pub(crate) fn stream_term(&self, org: &OrgId, log: Log) -> Term {
        Term::from_field_bytes(self.tag, &stream_bytes(org, log))
    }

    /// A word of the message to look for.
    pub(crate) fn word_term(&self, word: &str) -> Term {
        Term::from_field_text(self.message, cut(word, MAX_WORD_BYTES))
    }

    /// What the index learns of an event.
    pub(crate) fn document(&self, sequence: u64, event: &Event) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        let mut tag = |letter, value: &[u8]| {
            document.add_bytes(self.tag, &tag_bytes(letter, value));
        };
        tag(tag::KIND, event.kind.as_bytes());
        tag(tag::SEVERITY, &[event.severity.rank()]);
        if let Some(category) = event.category {
            tag(tag::CATEGORY, &[category.rank()]);
        }
        // Nobody known and an empty id are the same to a filter.
        let actor = event.actor.as_ref();
        tag(tag::ACTOR, actor.map_or(&[], |a| a.id.as_bytes()));
        if actor.and_then(|a| a.kind) == Some(ActorKind::Bot) {
            tag(tag::BOT, &[]);
        }
        if event.pre_auth {
            tag(tag::PRE_AUTH, &[]);
        }
        if let Some(ai) = &event.ai {
            tag(tag::MODEL, ai.model.as_bytes());
            tag(tag::SUCCESS, &[u8::from(ai.success)]);
        }
        document.add_bytes(self.tag, &stream_bytes(&event.org, event.log));
        document.add_text(self.message, &event.message);
        document.add_u64(self.sequence, sequence);
        document.add_i64(self.occurred_at, event.occurred_at.micros());
        document
    }
}

/// The model's words over the model's folding, as the engine wants them.
#[derive(Debug, Clone, Default)]
struct Words;

struct WordStream {
    folded: String,
    at: usize,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        WordStream { folded: fold(text).into_owned(), at: 0, token: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        let rest = self.folded.get(self.at..).unwrap_or_default();
        let Some(word) = words(rest).next() else {
            return false;
        };
        let from = self.at + (word.as_ptr().addr() - rest.as_ptr().addr());
        self.at = from + word.len();
        self.token.offset_from = from;
        self.token.offset_to = self.at;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(cut(word, MAX_WORD_BYTES));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_splits_as_the_model_does() {
        let text = "Webhook_FAILED: 503, größe-α İstanbul e\u{301}x 😀 ß";
        let mut tokenizer = Words;
        let mut stream = tokenizer.token_stream(text);
        let mut found = Vec::new();
        while let Some(token) = stream.next() {
            assert_eq!(token.position, found.len());
            found.push(token.text.clone());
        }
        let folded = fold(text);
        assert_eq!(found, words(&folded).collect::<Vec<_>>());
    }

    #[test]
    fn long_values_do_not_meet_each_other() {
        let long = vec![b'x'; MAX_TAG_BYTES + 1];
        let mut other = long.clone();
        other[500] = b'y';
        assert_ne!(tag_bytes(b'a', &long), tag_bytes(b'a', &other));
        assert!(tag_bytes(b'a', &other).len() < 2_000);
    }
}
