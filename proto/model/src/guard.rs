//! The guard: the only door into the store. It removes secrets from every event and every dead letter and cannot be
//! switched off (S1).
//!
//! A secret becomes `[redacted:<kind>]`. What the guard promises: no eight characters of a secret it knows survive,
//! cleaning twice changes nothing more, and every text is read in linear time. What it must not do is change anything
//! else: an id, a digest or a sentence about a password is what people look for in a log.
//!
//! | idea | file |
//! |---|---|
//! | one pass: a prefilter finds the places, rules look there | [`scan`] |
//! | names that announce a secret: the head noun decides | [`keys`] |
//! | from a name to its value | [`assign`] |
//! | is the value a secret or a word about one? | [`value`], [`entropy`] |
//! | tokens with a prefix, one line each | [`formats`], [`issued`] |
//! | JWT, private keys | [`blocks`] |
//! | `Authorization`, `Cookie`, curl | [`header`] |
//! | passwords in URLs, hooks, the webhook field | [`url`] |
//! | encodings: read again without them | [`carriers`] |
//! | the deployment's own secrets | [`literals`] |
//! | JSON attributes, bodies of dead letters | [`walk`], [`payload`] |

mod assign;
mod blocks;
mod carriers;
mod entropy;
mod formats;
mod header;
mod issued;
mod keys;
mod kind;
mod literals;
mod payload;
mod scan;
mod text;
mod url;
mod value;
mod walk;

#[cfg(test)]
mod kept;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod whole;

use std::borrow::Cow;
use std::sync::Arc;

use crate::clean::Clean;
use crate::event::{Actor, AiUsage, Change, Event, WebhookDelivery};
use kind::{Kind, Span};
use literals::Literals;

/// Removing a secret may bring another to light, beside it or around it; more often than this it is an attack.
const ROUNDS: usize = 6;

/// The redaction engine with its compiled rules. Build once, share.
#[derive(Debug, Default)]
pub struct Guard {
    literals: Literals,
}

impl Guard {
    /// An engine with the built-in rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine that also removes the deployment's own secrets, wherever they stand. One of fewer than six bytes is
    /// ignored: it would take ordinary words apart.
    #[must_use]
    pub fn with_literals(literals: impl IntoIterator<Item = String>) -> Self {
        Self { literals: Literals::new(literals) }
    }

    /// Removes every secret from an event (S1). The URL of a webhook delivery keeps its query; only userinfo is masked.
    #[must_use]
    pub fn clean(&self, mut event: Event) -> Clean {
        for text in [&mut event.message, &mut event.recipient, &mut event.subject] {
            self.in_place(text);
        }
        for text in [&mut event.kind, &mut event.source] {
            if let Some(new) = self.redacted(text) {
                *text = Arc::from(new);
            }
        }
        if let Some(actor) = &mut event.actor {
            self.actor(actor);
        }
        if let Some(change) = &mut event.change {
            self.change(change);
        }
        if let Some(webhook) = &mut event.webhook {
            self.webhook(webhook);
        }
        if let Some(ai) = &mut event.ai {
            self.ai(ai);
        }
        self.walk_object(&mut event.attributes, None, 0);
        Clean::from_guarded(event)
    }

    /// Removes every secret from a text: log lines, messages to operators. Borrows when there is none.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.redacted(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Removes every secret from a payload. JSON and forms keep their structure; other text and binary keep all other
    /// bytes.
    #[must_use]
    pub fn payload(&self, payload: &[u8], content_type: &str) -> Vec<u8> {
        payload::clean(self, payload, content_type)
    }

    /// Whether a request header is a credential that never enters a plugin.
    #[must_use]
    pub fn removes_header(name: &str) -> bool {
        keys::is_credential_header(name)
    }

    fn actor(&self, actor: &mut Actor) {
        for text in [&mut actor.id, &mut actor.display_name, &mut actor.email] {
            self.in_place(text);
        }
    }

    /// The name of what was changed tells what the values are.
    fn change(&self, change: &mut Change) {
        let key = keys::classify_field(change.field.as_bytes());
        for text in [&mut change.before, &mut change.after] {
            match key.and_then(|key| walk::field(key, text)) {
                Some(kind) => kind.marker().clone_into(text),
                None => self.in_place(text),
            }
        }
        self.in_place(&mut change.field);
    }

    fn webhook(&self, webhook: &mut WebhookDelivery) {
        if let Some(kept) = url::kept(&webhook.url) {
            webhook.url = kept;
        }
        // the deployment's own secrets are nobody's query parameter
        if let Some(new) = replaced(&webhook.url, &self.literals.find(webhook.url.as_bytes())) {
            webhook.url = new;
        }
        self.in_place(&mut webhook.method);
    }

    fn ai(&self, ai: &mut AiUsage) {
        for text in [&mut ai.model, &mut ai.provider, &mut ai.operation, &mut ai.error] {
            self.in_place(text);
        }
    }

    fn in_place(&self, text: &mut String) {
        if let Some(new) = self.redacted(text) {
            *text = new;
        }
    }

    /// The text without its secrets, until nothing more is found, so that a second cleaning has nothing to do.
    fn redacted(&self, text: &str) -> Option<String> {
        let mut current = replaced(text, &carriers::find(text.as_bytes(), &self.literals))?;
        for _ in 0..ROUNDS {
            match replaced(&current, &carriers::find(current.as_bytes(), &self.literals)) {
                None => return Some(current),
                Some(next) => current = next,
            }
        }
        Some(Kind::Secret.marker().to_owned())
    }
}

/// The text with a marker in place of each span. `None` if there are no spans.
fn replaced(text: &str, spans: &[Span]) -> Option<String> {
    if spans.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        // Rules read bytes; what they found of a character goes with all of it.
        let start = text.floor_char_boundary(span.start).max(at);
        let end = text.ceil_char_boundary(span.end);
        out.push_str(&text[at..start]);
        let quote = if span.bare_json { "\"" } else { "" };
        out.extend([quote, span.kind.marker(), quote]);
        at = end.max(at);
    }
    out.push_str(&text[at..]);
    Some(out)
}
