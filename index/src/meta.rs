//! What must last and is not an event: members, bindings, dead letters, API keys and marks, in one small store. The log is the truth;
//! this is what is left of it when its files are gone. The same change applied twice is the same state.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use system_log_model::{ApiKey, Binding, DeadLetter, Member, OrgId, Timestamp};

use crate::day::DayError;
use crate::directory::Directory;
use crate::engine::{Engine, EngineError, SledEngine, Write};
use crate::entry::{Change, Mark};
use crate::error::chain;
use crate::failpoint::{self, Failpoint};
use crate::files;

/// How often something was written. A store that knows of less than its copy has lost something.
const ROUNDS: &[u8] = b"\0rounds";
const MEMBER: u8 = b'm';
const BINDING: u8 = b'b';
const LETTER: u8 = b'l';
const API_KEY: u8 = b'k';
const MARK: u8 = b'o';
/// Keys removed in one write, so that a sweep needs little memory.
const SWEEP_BATCH: usize = 10_000;

/// See the file's first lines. The engine is gone once the store is closed: it holds a lock of its own on its folder.
pub(crate) struct Meta {
    engine: RwLock<Option<Arc<dyn Engine>>>,
    /// Whether something changed since the copy was written.
    is_changed: AtomicBool,
}

/// The pairs of a copy.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

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
        let engine: Arc<dyn Engine> = Arc::new(SledEngine::open(directory, cache)?);
        Ok(Self { engine: RwLock::new(Some(engine)), is_changed: AtomicBool::new(false) })
    }

    /// Opens the store, or, when its files are damaged, a new one with what the copy has; then also what that means.
    pub(crate) fn open_or_replace(directory: &Path, cache: u64) -> Result<(Self, Directory, Option<String>), DayError> {
        let copy = read_copy(&copy_path(directory));
        let noted = copy.iter().flatten().find(|(key, _)| key == ROUNDS).map_or(0, |(_, value)| number(value));
        let opened = Self::open(directory, cache).and_then(|meta| {
            let found = rounds(&*meta.engine()?)?;
            if found < noted {
                return Err(DayError::Incomplete { noted, found });
            }
            Ok((meta.directory()?, meta))
        });
        let why = match opened {
            Ok((names, meta)) => return Ok((meta, names, None)),
            Err(DayError::Engine(error)) if !error.is_damage() => return Err(error.into()),
            Err(error) => chain(&error),
        };
        let aside = (1..).map(|n| directory.with_extension(format!("damaged-{n}"))).find(|path| !path.exists());
        let aside = aside.unwrap_or_else(|| directory.with_extension("damaged"));
        fs::rename(directory, &aside).map_err(EngineError::io(directory))?;
        let meta = Self::open(directory, cache)?;
        let found = copy.as_ref().map_or(0, Vec::len);
        let engine = meta.engine()?;
        engine.write(copy.unwrap_or_default().into_iter().map(|(key, value)| (key, Some(value))).collect())?;
        engine.sync()?;
        let names = meta.directory()?;
        let what = format!(
            "meta: members, bindings, keys and dead letters could not be read ({why}): {found} entries are back from the \
             copy; dead letters are not, and neither is what changed in the minute before; the files are in {}",
            aside.file_name().unwrap_or_default().to_string_lossy()
        );
        Ok((meta, names, Some(what)))
    }

    /// Writes a copy of everything but dead letters, if something changed since the last one.
    pub(crate) fn copy(&self, directory: &Path) -> Result<(), DayError> {
        if !self.is_changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let engine = self.engine()?;
        let pairs: Result<Pairs, EngineError> = engine
            .scan(&[], None)
            .filter(|found| !found.as_ref().is_ok_and(|(key, _)| key.first() == Some(&LETTER)))
            .collect();
        failpoint::hit(Failpoint::MetaCopy);
        let path = copy_path(directory);
        let written = rmp_serde::to_vec(&pairs?).map_err(DayError::from).and_then(|bytes| {
            let mut content = crc32c::crc32c(&bytes).to_le_bytes().to_vec();
            content.extend_from_slice(&bytes);
            files::replace(&path, &content).map_err(|error| EngineError::io(&path)(error).into())
        });
        if written.is_err() {
            self.is_changed.store(true, Ordering::Release);
        }
        written
    }

    /// Lets the engine go; whoever still reads keeps it until he is done.
    pub(crate) fn close(&self) {
        self.engine.write().take();
    }

    fn engine(&self) -> Result<Arc<dyn Engine>, DayError> {
        self.engine.read().clone().ok_or(DayError::Closed)
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

    /// Takes changes over, in order, all or none; synced when it returns.
    pub(crate) fn apply<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Result<(), DayError> {
        let mut writes: Vec<Write> = Vec::new();
        let engine = self.engine()?;
        for change in changes {
            writes.extend(write_of(&*engine, change, &writes)?);
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.push((ROUNDS.to_vec(), Some((rounds(&*engine)? + 1).to_be_bytes().to_vec())));
        engine.write(writes)?;
        engine.sync()?;
        self.is_changed.store(true, Ordering::Release);
        Ok(())
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

    /// Removes letters older than `cutoff`; how many. Marks that may go, go too.
    pub(crate) fn sweep(&self, now: Timestamp, cutoff: Timestamp) -> Result<usize, DayError> {
        let old =
            |value: &[u8]| rmp_serde::from_slice::<DeadLetter>(value).is_ok_and(|letter| letter.received_at < cutoff);
        self.remove_where(MARK, |value| mark_until(value).is_none_or(|until| until < now))?;
        self.remove_where(LETTER, old)
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

fn rounds(engine: &dyn Engine) -> Result<u64, EngineError> {
    Ok(engine.get(ROUNDS)?.as_deref().map_or(0, number))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Where the copy is, beside the store.
fn copy_path(directory: &Path) -> PathBuf {
    directory.with_extension("copy")
}

/// The copy's pairs; `None` when there is none that is whole.
fn read_copy(path: &Path) -> Option<Pairs> {
    let content = fs::read(path).ok()?;
    let (crc, bytes) = content.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*crc) == crc32c::crc32c(bytes)).then(|| rmp_serde::from_slice(bytes).ok())?
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
