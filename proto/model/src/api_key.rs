//! API keys of internal services: what a key may do, for whom, and for how long. The secret itself is never here, only its
//! digest.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::OrgId;

/// The digest of a key's secret. The secret is 256 random bits, so that a plain SHA-256 cannot be guessed back.
pub type KeyDigest = [u8; 32];

/// Longest name of a source in a scope, in bytes: names of sources are words.
const MAX_SOURCE_BYTES: usize = 64;
/// How a scope to send begins.
const INGEST: &str = "ingest:";
/// The scope to keep members and bindings.
const DIRECTORY: &str = "directory";

/// One thing that a key may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyScope {
    /// Send records under that name.
    Ingest(String),
    /// Keep members and bindings.
    Directory,
}

/// A key that was made. It is never removed, so that a list shows who could have written what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Names it; sorts by when it was made.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// At least one.
    pub scopes: Vec<KeyScope>,
    /// Whom it may act for; empty for all.
    pub orgs: Vec<OrgId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// What its secret must hash to.
    pub digest: KeyDigest,
}

impl KeyScope {
    /// Reads `ingest:SOURCE` or `directory`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == DIRECTORY {
            return Some(Self::Directory);
        }
        let source = text.strip_prefix(INGEST)?;
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let is_name = !source.is_empty() && source.len() <= MAX_SOURCE_BYTES && source.bytes().all(is_word);
        is_name.then(|| Self::Ingest(source.to_owned()))
    }
}

impl std::fmt::Display for KeyScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ingest(source) => write!(f, "{INGEST}{source}"),
            Self::Directory => f.write_str(DIRECTORY),
        }
    }
}

impl ApiKey {
    /// Whether it is honoured at that moment.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written_and_nothing_else_is() {
        for text in ["ingest:webhook", "ingest:my_source-2", "directory"] {
            assert_eq!(KeyScope::parse(text).map(|scope| scope.to_string()).as_deref(), Some(text));
        }
        let long = format!("ingest:{}", "x".repeat(65));
        for text in ["", "ingest", "ingest:", "ingest:*", "ingest:Web hook", "admin", "Directory", "ingest:a:b", &long]
        {
            assert_eq!(KeyScope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_holds_until_it_expires_or_is_revoked() {
        let at = Timestamp::from_micros;
        let key = ApiKey {
            id: "k".into(),
            name: String::new(),
            scopes: vec![KeyScope::Directory],
            orgs: Vec::new(),
            created_at: at(0),
            expires_at: Some(at(10)),
            revoked_at: None,
            digest: KeyDigest::default(),
        };
        assert!(key.holds(at(9)) && !key.holds(at(10)));
        assert!(!ApiKey { expires_at: None, revoked_at: Some(at(1)), ..key }.holds(at(5)));
    }
}
