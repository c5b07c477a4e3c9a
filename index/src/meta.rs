//! What must last and is not an event: members, bindings, dead letters, keys of both kinds and marks, in one small store. The log is the truth;
//! this is what is left of it when its files are gone. The same change applied twice is the same state.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use system_log_model::{ApiKey, Binding, DeadLetter, Member, OrgId, Timestamp};

use crate::day::DayError;
use crate::dedupe::{KeyHash, Remembered};
use crate::directory::Directory;
use crate::engine::{Engine, SledEngine, Write};
use crate::entry::{Change, Mark};

const MEMBER: u8 = b'm';
const BINDING: u8 = b'b';
const LETTER: u8 = b'l';
const KEY: u8 = b'd';
const API_KEY: u8 = b'k';
const MARK: u8 = b'o';
/// Keys removed in one write, so that a sweep needs little memory.
const SWEEP_BATCH: usize = 10_000;

/// See the file's first lines. The engine is gone once the store is closed: it holds a lock of its own on its folder.
pub(crate) struct Meta(RwLock<Option<Arc<dyn Engine>>>);

/// A kind and the parts of a name, each ended by a zero byte that no part may hold.
fn key(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut key = vec![kind];
    for part in parts {
        // Parts come from outside; a zero in them must not make two names meet.
        key.extend(part.bytes().flat_map(|b| match b {
            0 => [1, 1].into_iter().take(2),
            1 => [1, 2].into_iter().take(2),
            b => [b, 0].into_iter().take(1),
        }));
        key.push(0);
    }
    key
}

fn member_key(org: &OrgId, id: &str) -> Vec<u8> {
    key(MEMBER, &[org.as_str(), id])
}

fn binding_key(binding: &Binding) -> Vec<u8> {
    key(BINDING, &[&binding.source, &binding.kind, &binding.value])
}

fn letter_key(id: &str) -> Vec<u8> {
    key(LETTER, &[id])
}

fn dedupe_key(hash: &KeyHash) -> Vec<u8> {
    let mut key = vec![KEY];
    key.extend_from_slice(hash);
    key
}

fn mark_key(mark: &Mark) -> Vec<u8> {
    let mut key = vec![MARK];
    key.extend_from_slice(mark);
    key
}

/// When a stored mark may go; none for bytes that are no mark's.
fn mark_until(value: &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_micros(i64::from_be_bytes(value.try_into().ok()?)))
}

impl Meta {
    pub(crate) fn open(directory: &Path, cache: u64) -> Result<Self, DayError> {
        Ok(Self(RwLock::new(Some(Arc::new(SledEngine::open(directory, cache)?)))))
    }

    /// Lets the engine go; whoever still reads keeps it until he is done.
    pub(crate) fn close(&self) {
        self.0.write().take();
    }

    fn engine(&self) -> Result<Arc<dyn Engine>, DayError> {
        self.0.read().clone().ok_or(DayError::Closed)
    }

    /// Everything about members and bindings.
    pub(crate) fn directory(&self) -> Result<Directory, DayError> {
        let mut directory = Directory::default();
        let engine = self.engine()?;
        for found in engine.scan(&[MEMBER], None) {
            let (org, member): (OrgId, Member) = rmp_serde::from_slice(&found?.1)?;
            directory.apply(&Change::UpsertMember { org, member });
        }
        for found in engine.scan(&[BINDING], None) {
            let binding: Binding = rmp_serde::from_slice(&found?.1)?;
            directory.apply(&Change::UpsertBinding(binding));
        }
        Ok(directory)
    }

    /// Every API key.
    pub(crate) fn api_keys(&self) -> Result<Vec<ApiKey>, DayError> {
        let engine = self.engine()?;
        engine.scan(&[API_KEY], None).map(|found| Ok(rmp_serde::from_slice(&found?.1)?)).collect()
    }

    /// Every mark that is still needed.
    pub(crate) fn marks(&self, now: Timestamp) -> Result<Vec<(Mark, Timestamp)>, DayError> {
        let engine = self.engine()?;
        let mut marks = Vec::new();
        for found in engine.scan(&[MARK], None) {
            let (key, value) = found?;
            let mark = key.get(1..).and_then(|mark| Mark::try_from(mark).ok());
            marks.extend(mark.zip(mark_until(&value)).filter(|(_, until)| *until >= now));
        }
        Ok(marks)
    }

    /// Takes changes and keys over, in order, all or none; synced when it returns.
    pub(crate) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = &'a Change>,
        keys: impl Iterator<Item = &'a (KeyHash, Remembered)>,
    ) -> Result<(), DayError> {
        let mut writes: Vec<Write> = Vec::new();
        let engine = self.engine()?;
        for change in changes {
            writes.extend(write_of(&*engine, change, &writes)?);
        }
        for (hash, remembered) in keys {
            writes.push((dedupe_key(hash), Some(remembered.encode())));
        }
        if writes.is_empty() {
            return Ok(());
        }
        engine.write(writes)?;
        Ok(engine.sync()?)
    }

    pub(crate) fn remembered(&self, hash: &KeyHash) -> Result<Option<Remembered>, DayError> {
        let value = self.engine()?.get(&dedupe_key(hash))?;
        Ok(value.as_deref().and_then(Remembered::decode))
    }

    pub(crate) fn letter(&self, id: &str) -> Result<Option<DeadLetter>, DayError> {
        let value = self.engine()?.get(&letter_key(id))?;
        Ok(value.map(|value| rmp_serde::from_slice(&value)).transpose()?)
    }

    /// Visits letters behind an id, by id, until the visitor has enough.
    pub(crate) fn letters(
        &self,
        after: Option<&str>,
        mut visit: impl FnMut(DeadLetter) -> ControlFlow<()>,
    ) -> Result<(), DayError> {
        let (engine, after) = (self.engine()?, after.map(letter_key));
        for found in engine.scan(&[LETTER], after.as_deref()) {
            if visit(rmp_serde::from_slice(&found?.1)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Removes keys that are free again and letters older than `cutoff`; how many of each. Marks that may go, go too.
    pub(crate) fn sweep(&self, now: Timestamp, cutoff: Timestamp) -> Result<(usize, usize), DayError> {
        let expired = |value: &[u8]| Remembered::decode(value).is_none_or(|remembered| remembered.is_expired(now));
        let keys = self.remove_where(KEY, expired)?;
        let old =
            |value: &[u8]| rmp_serde::from_slice::<DeadLetter>(value).is_ok_and(|letter| letter.received_at < cutoff);
        let letters = self.remove_where(LETTER, old)?;
        self.remove_where(MARK, |value| mark_until(value).is_none_or(|until| until < now))?;
        Ok((keys, letters))
    }

    fn remove_where(&self, kind: u8, goes: impl Fn(&[u8]) -> bool) -> Result<usize, DayError> {
        let engine = self.engine()?;
        let mut removed = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut writes: Vec<Write> = Vec::new();
            let mut is_more = false;
            for found in engine.scan(&[kind], after.as_deref()) {
                let (key, value) = found?;
                if goes(&value) {
                    writes.push((key.clone(), None));
                }
                if writes.len() == SWEEP_BATCH {
                    after = Some(key);
                    is_more = true;
                    break;
                }
            }
            removed += writes.len();
            if !writes.is_empty() {
                engine.write(writes)?;
            }
            if !is_more {
                return Ok(removed);
            }
        }
    }
}

/// What a change does to the store, after the `before` ones of the same batch.
fn write_of(engine: &dyn Engine, change: &Change, before: &[Write]) -> Result<Option<Write>, DayError> {
    Ok(match change {
        Change::UpsertMember { org, member } => {
            Some((member_key(org, &member.id), Some(rmp_serde::to_vec(&(org, member))?)))
        }
        Change::DeleteMember { org, id } => Some((member_key(org, id), None)),
        Change::UpsertBinding(binding) => Some((binding_key(binding), Some(rmp_serde::to_vec(binding)?))),
        Change::DeleteBinding(binding) => {
            let key = binding_key(binding);
            let earlier = before.iter().rev().find(|(k, _)| *k == key);
            let held = match earlier {
                Some((_, value)) => value.clone(),
                None => engine.get(&key)?,
            };
            // Only its owner may remove it, here as in the directory.
            let held: Option<Binding> = held.map(|value| rmp_serde::from_slice(&value)).transpose()?;
            held.is_some_and(|held| held.org == binding.org).then_some((key, None))
        }
        Change::PutDeadLetter(letter) => Some((letter_key(&letter.id), Some(rmp_serde::to_vec(letter)?))),
        Change::DeleteDeadLetter { id } => Some((letter_key(id), None)),
        Change::PutApiKey(api_key) => Some((key(API_KEY, &[&api_key.id]), Some(rmp_serde::to_vec(api_key)?))),
        Change::TakeDelivery { mark, until } => Some((mark_key(mark), Some(until.micros().to_be_bytes().to_vec()))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_meet() {
        assert_ne!(key(b'm', &["a", "b\0c"]), key(b'm', &["a\0b", "c"]));
        assert_ne!(key(b'm', &["\0"]), key(b'm', &["\u{1}\u{1}"]));
        assert!(key(b'l', &["a"]) < key(b'l', &["ab"]), "order is kept");
        assert!(key(b'l', &["a\0"]) < key(b'l', &["a\u{1}"]));
    }
}
