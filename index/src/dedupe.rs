//! One stored group for each key and the whole retention (S11): what is remembered about a key, and for how long.
//!
//! Keys whose groups are not in the `meta` store yet are kept here; the writer looks here first and there second.

use std::collections::HashMap;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use system_log_model::clock::Day;
use system_log_model::{EventId, Sequence, Timestamp, retention};

use crate::entry::DedupeKey;

/// A key as it is stored: half a SHA-256, so that nobody can make two keys meet and no key tells what it was.
pub(crate) type KeyHash = [u8; 16];

/// The stored form of a key. Lengths stand before the parts, so that no two triples read the same.
pub(crate) fn hash(key: &DedupeKey) -> KeyHash {
    let mut digest = Sha256::new();
    for part in [key.org.as_str(), &key.collector, &key.key] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut half = KeyHash::default();
    half.copy_from_slice(&digest.finalize()[..16]);
    half
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

    /// `received 8 | first sequence 8 | day 4 …`, big endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 4 * self.days.len());
        bytes.extend_from_slice(&self.received.micros().to_be_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        for day in &self.days {
            bytes.extend_from_slice(&day.0.to_be_bytes());
        }
        bytes
    }

    /// Reads [`Self::encode`]; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (received, rest) = bytes.split_first_chunk::<8>()?;
        let (first, days) = rest.split_first_chunk::<8>()?;
        let (days, left) = days.as_chunks::<4>();
        left.is_empty().then(|| Self {
            received: Timestamp::from_micros(i64::from_be_bytes(*received)),
            first: u64::from_be_bytes(*first),
            days: days.iter().map(|d| Day(i32::from_be_bytes(*d))).collect(),
        })
    }
}

/// Keys of groups that are in the log and not in the `meta` store yet.
#[derive(Debug, Default)]
pub(crate) struct PendingKeys(Mutex<HashMap<KeyHash, Remembered>>);

impl PendingKeys {
    pub(crate) fn get(&self, key: &KeyHash) -> Option<Remembered> {
        self.0.lock().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: KeyHash, remembered: Remembered) {
        self.0.lock().insert(key, remembered);
    }

    /// Forgets keys that the `meta` store has; one that was used again since stays.
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

    #[test]
    fn what_is_remembered_reads_back_and_rubbish_does_not() {
        let remembered =
            Remembered { received: Timestamp::from_micros(-5), first: 9, days: vec![Day(20_000), Day(-1)] };
        let bytes = remembered.encode();
        assert_eq!(Remembered::decode(&bytes), Some(remembered));
        assert_eq!(Remembered::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Remembered::decode(&[]), None);
    }
}
