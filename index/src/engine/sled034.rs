//! sled 0.34.7, with what it lacks: a sync that reaches the disk, panics at open turned into errors, and a directory that opens
//! after a kill at any moment.
//!
//! Its own `flush` ends in `sync_file_range` on Linux, so the data file is synced here as well, through a handle of our own:
//! the kernel reports a lost write once for each handle, and sled's only logs it. Values above 128 KiB are files of their own
//! that sled never syncs; ours are smaller, but one giant event may make one.

use std::fs::{self, File};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{Engine, EngineError, Pair, Pairs, Write};
use crate::failpoint::{self, Failpoint};
use crate::files;

/// sled collects garbage only in its flusher, so it stays on; what is written is synced by us, so it may be slow.
const FLUSHER_MS: u64 = 5_000;

/// A reader that holds a closed day is done after a batch of rows.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// See [`LOCK_WAIT`]; sled tells nobody when a lock is given back.
const LOCK_POLL: Duration = Duration::from_millis(1);

/// One sled directory.
pub(crate) struct SledEngine {
    db: sled::Db,
    data: File,
    directory: PathBuf,
}

impl SledEngine {
    /// Opens or makes a directory. Damage is an error, whatever sled itself makes of it.
    pub(crate) fn open(directory: &Path, cache: u64) -> Result<Self, EngineError> {
        if !directory.exists() {
            Self::make(directory, cache)?;
        }
        Self::open_there(directory, cache)
    }

    /// Makes an empty directory under another name first: sled cannot open what a kill left of one in the making.
    fn make(directory: &Path, cache: u64) -> Result<(), EngineError> {
        let fresh = directory.with_extension("new");
        let io = |error| EngineError::io(&fresh)(error);
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(io)?;
        }
        Self::open_there(&fresh, cache)?.sync()?;
        failpoint::hit(Failpoint::EngineMade);
        files::rename(&fresh, directory).map_err(io)
    }

    fn open_there(directory: &Path, cache: u64) -> Result<Self, EngineError> {
        remove_unfinished_snapshots(directory)?;
        let config = sled::Config::new().path(directory).cache_capacity(cache).flush_every_ms(Some(FLUSHER_MS));
        let db = open_when_free(&config)?;
        let path = directory.join("db");
        let data = File::open(&path).map_err(EngineError::io(&path))?;
        File::open(directory).and_then(|dir| dir.sync_all()).map_err(EngineError::io(directory))?;
        Ok(Self { db, data, directory: directory.to_owned() })
    }
}

/// Removes what a kill left of a snapshot in the making. sled writes one under `snap.<lsn>.generating` before it has its name, and
/// at the next open takes the file with the highest name, that one included: in one of 180 kills at a random moment (4,500
/// tried, engine alone) it could not open its directory for that reason, and in none of 3,000 without such a file. The snapshot
/// before it and the data file have everything.
fn remove_unfinished_snapshots(directory: &Path) -> Result<(), EngineError> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(EngineError::io(&path))?;
        }
    }
    Ok(())
}

/// Opens once the file's lock is free. The data folder has one owner, so who still holds the lock is this very process: the
/// last reader of a day that was closed a moment ago, on its way out.
fn open_when_free(config: &sled::Config) -> Result<sled::Db, EngineError> {
    let mut waited = Duration::ZERO;
    loop {
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened.map_err(|panic| EngineError::Panicked(panic_text(&*panic)))? {
            Ok(db) => return Ok(db),
            Err(error) => {
                let error = EngineError::from(error);
                if !error.is_locked() || waited >= LOCK_WAIT {
                    return Err(error);
                }
            }
        }
        thread::sleep(LOCK_POLL);
        waited += LOCK_POLL;
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}

fn pair((key, value): (sled::IVec, sled::IVec)) -> Pair {
    (key.to_vec(), value.to_vec())
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn at_or_before(&self, key: &[u8]) -> Result<Option<Pair>, EngineError> {
        let up_to = (Bound::<&[u8]>::Unbounded, Bound::Included(key));
        let last = self.db.range::<&[u8], _>(up_to).next_back();
        Ok(last.transpose()?.map(pair))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>) -> Pairs<'_> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let prefix = prefix.to_vec();
        let range = self.db.range::<&[u8], _>((from, Bound::Unbounded));
        let is_ours = move |found: &sled::Result<(sled::IVec, sled::IVec)>| {
            found.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix))
        };
        Box::new(range.take_while(is_ours).map(|found| Ok(pair(found?))))
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(self.db.apply_batch(batch)?)
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.db.flush()?;
        let path = self.directory.join("db");
        self.data.sync_data().map_err(EngineError::io(&path))?;
        let blobs = self.directory.join("blobs");
        let Ok(entries) = fs::read_dir(&blobs) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            // A blob may be collected under our hands; then it is not needed either.
            if let Ok(blob) = File::open(entry.path()) {
                blob.sync_data().map_err(EngineError::io(&entry.path()))?;
            }
        }
        File::open(&blobs).and_then(|dir| dir.sync_all()).map_err(EngineError::io(&blobs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_a_kill_left_half_written_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("store");
        let engine = SledEngine::open(&directory, 1 << 20).unwrap();
        engine.write(vec![(b"key".to_vec(), Some(b"value".to_vec()))]).unwrap();
        engine.sync().unwrap();
        drop(engine);
        fs::write(directory.join("snap.7FFFFFFFFFFFFFFF.generating"), "half").unwrap();
        let engine = SledEngine::open(&directory, 1 << 20).unwrap();
        assert_eq!(engine.get(b"key").unwrap(), Some(b"value".to_vec()));
    }
}
