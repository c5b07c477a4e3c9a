//! The keys that the log no longer has: sorted files that are written once, each with a filter, merged as they grow many.
//!
//! A key is random, so a tree would be touched everywhere by every round, and a table in memory would take the idle budget at a
//! few million keys. Here a round writes one small file; eight files of about one size become one; a lookup asks each file's
//! filter (ten bits a key, one cache line) and reads at most the files that say yes. A file is dropped when the newest of its
//! keys is free again, so none may reach over more than a few days.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use system_log_model::Timestamp;
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::retention;

use crate::dedupe::{KeyHash, Remembered};
use crate::failpoint::{self, Failpoint};
use crate::files;

mod run;

use run::{Entry, Run};

/// So many files of about one size are merged.
const FAN_IN: usize = 8;
/// Keys of the smallest size; the next one is [`FAN_IN`] times as large.
const SMALLEST: usize = 1_024;
/// A merged file reaches over no more time, or its oldest keys would stay long after they are free.
const MAX_SPAN_MICROS: i64 = 8 * MICROS_PER_DAY;
/// And holds no more keys: about 100 MB.
const MAX_KEYS: usize = 4 << 20;

/// See the file's first lines.
pub(crate) struct Keys {
    directory: PathBuf,
    /// Ascending by the sequences they cover.
    runs: RwLock<Vec<Arc<Run>>>,
    /// Held while the set of files changes.
    changing: Mutex<()>,
}

impl Keys {
    /// Opens all files; what of them could not be read, for the operator.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Vec<String>)> {
        files::make_directory(directory)?;
        let mut runs: Vec<Arc<Run>> = Vec::new();
        let mut losses = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            match Run::open(&path) {
                Ok(Some(run)) => runs.push(Arc::new(run)),
                // An unfinished file: whatever it would have held is still elsewhere.
                Ok(None) if path.extension().is_some_and(|e| e == run::UNFINISHED) => fs::remove_file(&path)?,
                Ok(None) => {}
                Err(error) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    losses.push(format!("keys {name}: {error}; what they were used for may be stored a second time"));
                    fs::rename(&path, path.with_extension("damaged"))?;
                }
            }
        }
        // A merge that was cut off behind its new file left the ones that went into it.
        let covered = |run: &Run| runs.iter().any(|other| other.covers(run));
        let (gone, kept): (Vec<_>, Vec<_>) = runs.iter().cloned().partition(|run| covered(run));
        gone.iter().try_for_each(|run| fs::remove_file(run.path()))?;
        let mut runs = kept;
        runs.sort_by_key(|run| run.first());
        Ok((Self { directory: directory.to_owned(), runs: RwLock::new(runs), changing: Mutex::default() }, losses))
    }

    /// What a key was last used for.
    pub(crate) fn get(&self, key: &KeyHash) -> Option<Remembered> {
        let runs = self.runs.read();
        runs.iter().rev().find_map(|run| run.get(key))
    }

    /// Keeps the keys of the sequences from `first` to `last`; they last when this returns.
    pub(crate) fn add<'k>(
        &self,
        (first, last): (u64, u64),
        keys: impl Iterator<Item = &'k (KeyHash, Remembered)>,
        now: Timestamp,
    ) -> io::Result<()> {
        let _changing = self.changing.lock();
        let mut entries: Vec<Entry> = keys.map(|(key, remembered)| Entry::of(key, remembered)).collect();
        if entries.is_empty() {
            return Ok(());
        }
        // A key that was used again after it was free: the later use counts.
        entries.sort_by(|a, b| (a.key, b.first).cmp(&(b.key, a.first)));
        entries.dedup_by_key(|entry| entry.key);
        let run = Run::write(&self.directory, (first, last), entries.len(), entries.into_iter())?;
        let mut runs = self.runs.write();
        // After a crash a round may come again, with more in it.
        runs.retain(|other| !run.covers(other));
        runs.push(Arc::new(run));
        drop(runs);
        self.merge(now)
    }

    /// Merges the newest files for as long as enough of them are of one size.
    fn merge(&self, now: Timestamp) -> io::Result<()> {
        loop {
            let runs = self.runs.read().clone();
            let Some(from) = worth_merging(&runs) else {
                return Ok(());
            };
            let parts = &runs[from..];
            let range = (parts[0].first(), parts[parts.len() - 1].last());
            let merged = Run::merge(&self.directory, range, parts, |entry| !is_free(entry.received, now))?;
            failpoint::hit(Failpoint::KeysMerged);
            let mut current = self.runs.write();
            current.truncate(from);
            current.push(Arc::new(merged));
            drop(current);
            parts.iter().try_for_each(|run| fs::remove_file(run.path()))?;
        }
    }

    /// Removes files whose every key is free again; how many keys that were.
    pub(crate) fn sweep(&self, now: Timestamp) -> io::Result<usize> {
        let _changing = self.changing.lock();
        let mut runs = self.runs.write();
        let (free, kept): (Vec<_>, Vec<_>) = runs.iter().cloned().partition(|run| is_free(run.newest(), now));
        *runs = kept;
        drop(runs);
        free.iter().try_for_each(|run| {
            failpoint::hit(Failpoint::SweepKeys);
            fs::remove_file(run.path())
        })?;
        Ok(free.iter().map(|run| run.len()).sum())
    }
}

fn is_free(received: i64, now: Timestamp) -> bool {
    Timestamp::from_micros(received) < retention::cutoff(now)
}

fn size(run: &Run) -> u32 {
    let mut size = 0;
    let mut keys = run.len() / SMALLEST;
    while keys >= FAN_IN {
        keys /= FAN_IN;
        size += 1;
    }
    size
}

/// Where the files begin that are to become one.
fn worth_merging(runs: &[Arc<Run>]) -> Option<usize> {
    let last = runs.last()?;
    // Files of long ago must not keep those of today from being merged.
    let is_alike = |run: &&Arc<Run>| {
        size(run) <= size(last) && last.newest().saturating_sub(run.oldest()).abs() <= MAX_SPAN_MICROS
    };
    let alike = runs.iter().rev().take_while(is_alike).count();
    let from = runs.len() - alike;
    let keys: usize = runs[from..].iter().map(|run| run.len()).sum();
    (alike >= FAN_IN && keys <= MAX_KEYS).then_some(from)
}

#[cfg(test)]
mod tests;
