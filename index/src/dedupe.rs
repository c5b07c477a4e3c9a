//! One stored group for each key and the whole retention (S11): what is remembered about a key, and for how long.
//!
//! Keys whose groups are not in the files of keys yet are kept here; the writer looks here first and there second.

use std::collections::HashMap;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use system_log_model::clock::Day;
use system_log_model::{EventId, Sequence, Timestamp, retention};

use crate::entry::{Claim, DedupeKey};

/// A key as it is stored: 96 bits of a SHA-256. No key tells what it was, and among ten million two meet with a chance of one
/// in 10^15; an organisation is part of what is hashed, so who works at making two meet loses only events of its own.
pub(crate) type KeyHash = [u8; 12];

/// The stored form of a key. Lengths stand before the parts, so that no two read the same.
pub(crate) fn hash(key: &DedupeKey) -> KeyHash {
    hash_parts(&[key.org.as_str(), &key.collector, &key.key])
}

/// The stored form of a claim. What it begins with is no organisation's id, so it never reads like a key.
pub(crate) fn hash_claim(claim: &Claim) -> KeyHash {
    hash_parts(&["*", &claim.reach, &claim.collector, &claim.key, &claim.address])
}

fn hash_parts(parts: &[&str]) -> KeyHash {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut hash = KeyHash::default();
    hash.copy_from_slice(&digest.finalize()[..size_of::<KeyHash>()]);
    hash
}

/// What a key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) received: Timestamp,
    /// Sequence of the first event; the others follow.
    pub(crate) first: u64,
    pub(crate) days: Vec<Day>,
}

impl Remembered {
    /// The ids the group got.
    pub(crate) fn ids(&self) -> Vec<EventId> {
        let id = |(sequence, day): (u64, &Day)| EventId { sequence: Sequence(sequence), day: *day };
        (self.first..).zip(&self.days).map(id).collect()
    }

    /// Whether the key is free again.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.received < retention::cutoff(now)
    }
}

/// Keys of groups that are in the log and not in the files of keys yet.
#[derive(Debug, Default)]
pub(crate) struct PendingKeys(Mutex<HashMap<KeyHash, Remembered>>);

impl PendingKeys {
    pub(crate) fn get(&self, key: &KeyHash) -> Option<Remembered> {
        self.0.lock().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: KeyHash, remembered: Remembered) {
        self.0.lock().insert(key, remembered);
    }

    /// Forgets keys that the files have; one that was used again since stays.
    pub(crate) fn forget<'a>(&self, keys: impl Iterator<Item = &'a KeyHash>, applied: u64) {
        let mut pending = self.0.lock();
        for key in keys {
            if pending.get(key).is_some_and(|r| r.first <= applied) {
                pending.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use system_log_model::OrgId;

    #[test]
    fn keys_differ_in_every_part() {
        let key = |org, collector: &str, key: &str| {
            hash(&DedupeKey { org: OrgId::new(org).unwrap(), collector: collector.into(), key: key.into() })
        };
        let all = [key("a", "bc", "d"), key("ab", "c", "d"), key("a", "b", "cd"), key("a", "bc", "e")];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one));
        }
    }
}
