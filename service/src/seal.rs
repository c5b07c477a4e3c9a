//! Sealed tokens: page and resume tokens that say nothing to a client, cannot be altered, and hold for one caller and one
//! question only (the `binding`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::auth::{Caller, Scope};

/// A nonce this long may be drawn at random for every token.
const NONCE_BYTES: usize = 24;
/// Longer is none of ours: ids, times and a digest's state take a few hundred bytes.
const MAX_TOKEN_BYTES: usize = 4_096;

/// What a token is bound to: used with anything else it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding([u8; 32]);

impl Binding {
    /// Binds to a use (`list`, `export`, …), a caller with his organisation, and the parts of the question.
    #[must_use]
    pub fn new(what: &str, caller: &Caller, filter: Option<&impl Message>, parts: &[&str]) -> Self {
        let org = match &caller.scope {
            Scope::All | Scope::Key(_) => "*",
            Scope::One(org) => org.as_str(),
        };
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(what.as_bytes());
        add(org.as_bytes());
        add(caller.subject.as_bytes());
        add(&filter.map(Message::encode_to_vec).unwrap_or_default());
        parts.iter().for_each(|part| add(part.as_bytes()));
        Self(hash.finalize().into())
    }
}

/// Seals and opens tokens with the data folder's own key, so that they survive a restart.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// From a key of 32 bytes; a key of another length is stretched by hashing.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key: [u8; 32] = Sha256::digest(key).into();
        Self { cipher: XChaCha20Poly1305::new(&key.into()) }
    }

    /// A URL-safe token. `None` only when the machine has no random numbers.
    #[must_use]
    pub fn seal(&self, binding: &Binding, content: &impl Serialize) -> Option<String> {
        let plain = rmp_serde::to_vec(content).ok()?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload { msg: &plain, aad: &binding.0 };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The content of a token sealed here for that binding; `None` for any other text.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, binding: &Binding, token: &str) -> Option<T> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let plain = self.cipher.decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &binding.0 }).ok()?;
        rmp_serde::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use system_log_model::OrgId;

    use super::*;
    use crate::auth::Role;
    use crate::wire::pb::EventFilter;

    fn caller(org: &str, subject: &str) -> Caller {
        let scope = Scope::One(OrgId::new(org).unwrap());
        Caller { subject: subject.into(), name: String::new(), email: String::new(), role: Role::Admin, scope }
    }

    /// proves: S4
    #[test]
    fn a_token_opens_for_its_own_caller_and_question_only() {
        let sealer = Sealer::new(b"an obviously fake key");
        let filter = EventFilter { query: "a".into(), ..EventFilter::default() };
        let bind = |org, user, order| Binding::new("list", &caller(org, user), Some(&filter), &[order]);
        let own = bind("acme", "u1", "type");
        let token = sealer.seal(&own, &42_u64).unwrap();
        assert_eq!(sealer.open::<u64>(&own, &token), Some(42));
        for other in [bind("evil", "u1", "type"), bind("acme", "u2", "type"), bind("acme", "u1", "")] {
            assert_eq!(sealer.open::<u64>(&other, &token), None);
        }
        let mut altered = token.clone().into_bytes();
        altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
        assert_eq!(sealer.open::<u64>(&own, std::str::from_utf8(&altered).unwrap()), None);
        assert_eq!(sealer.open::<u64>(&own, "not a token"), None);
    }
}
