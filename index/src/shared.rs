//! What the writer, the applier and the readers of one store have in common.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use system_log_model::{Clock, EventId, Sequence};

use crate::api_keys::ApiKeys;
use crate::checkpoint::{Checkpoint, Position};
use crate::days::Days;
use crate::dedupe::{KeyHash, PendingKeys, Remembered};
use crate::directory::Directory;
use crate::entry::Stored;
use crate::error::{MaintainError, ReadError, Unavailable};
use crate::files::disk_bytes;
use crate::keys::Keys;
use crate::letters::PendingLetters;
use crate::log::record::Record;
use crate::log::segment;
use crate::marks::Marks;
use crate::memory::{Batch, Memory};
use crate::meta::Meta;
use crate::options::StoreLimits;
use crate::seal;
use crate::stages::Stages;
use crate::status::Status;

/// See the file's first line.
pub(crate) struct Shared {
    pub(crate) directory: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: StoreLimits,
    pub(crate) memory: Memory,
    pub(crate) names: RwLock<Directory>,
    pub(crate) letters: PendingLetters,
    /// Keys that only the log has.
    pub(crate) keys: PendingKeys,
    pub(crate) key_files: Keys,
    pub(crate) api_keys: ApiKeys,
    pub(crate) marks: Marks,
    pub(crate) meta: Meta,
    pub(crate) days: Days,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) load: Load,
    pub(crate) stages: Stages,
    pub(crate) poison: OnceLock<Arc<str>>,
    pub(crate) is_closed: AtomicBool,
    pub(crate) apply_error: Mutex<Option<String>>,
    /// (damage, torn bytes) that the log showed when it was opened.
    pub(crate) log_state: Mutex<(Vec<String>, u64)>,
}

/// What is accepted and not in the days yet, against its bounds (S10).
#[derive(Debug, Default)]
pub(crate) struct Load {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    /// Whether so many records would find room at this moment.
    pub(crate) fn has_room(&self, records: usize, limits: &StoreLimits) -> bool {
        let held = self.records.load(Ordering::Relaxed);
        held == 0 || held + records <= limits.pending_records
    }

    /// Takes room, or says that there is none.
    pub(crate) fn take(&self, records: usize, bytes: usize, limits: &StoreLimits) -> bool {
        let held_records = self.records.fetch_add(records, Ordering::Relaxed) + records;
        let held_bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // A request that alone is over the bound passes when nothing else waits, else it never could.
        let is_alone = held_records == records;
        let fits = held_records <= limits.pending_records && held_bytes <= limits.pending_bytes;
        if fits || is_alone {
            return true;
        }
        self.give(records, bytes);
        false
    }

    /// Takes room without asking: what the log already has.
    pub(crate) fn add(&self, records: usize, bytes: usize) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A batch for the records of one frame, which get the sequences from `first` on.
pub(crate) fn batch_of(first: u64, records: Vec<Record>, bytes: usize) -> Batch {
    let mut batch = Batch {
        last: first.saturating_sub(1),
        events: Vec::new(),
        keys: Vec::new(),
        changes: Vec::new(),
        bytes,
        since: std::time::Instant::now(),
    };
    let mut claims: Vec<(KeyHash, Remembered)> = Vec::new();
    for record in records {
        let first = batch.last + 1;
        batch.last += record.span();
        match record {
            Record::Change(change) => batch.changes.push((first, change)),
            Record::Events { key, received, events, claim } => {
                let days = events.iter().map(|e| e.occurred_at.day()).collect();
                let remembered = Remembered { received, first, days };
                if let Some(claim) = claim {
                    claims.push((claim, remembered.clone()));
                }
                if let Some(key) = key {
                    batch.keys.push((key, remembered));
                }
                batch.events.extend((first..).zip(events).map(stored));
            }
        }
    }
    // Of the groups that share a claim each has its part of the ids.
    claims.dedup_by(|(claim, later), (same, earlier)| {
        let goes_on = claim == same && earlier.first + earlier.days.len() as u64 == later.first;
        if goes_on {
            earlier.days.append(&mut later.days);
        }
        goes_on
    });
    batch.keys.extend(claims);
    batch
}

fn stored((sequence, event): (u64, system_log_model::Event)) -> Arc<Stored> {
    let id = EventId { sequence: Sequence(sequence), day: event.occurred_at.day() };
    Arc::new(Stored { id, event })
}

impl Shared {
    /// Makes a durable batch visible; for each change, whether it found something.
    pub(crate) fn publish(&self, batch: Batch) -> Vec<bool> {
        let mut found = Vec::with_capacity(batch.changes.len());
        if !batch.changes.is_empty() {
            let mut names = self.names.write();
            for (sequence, change) in &batch.changes {
                found.push(names.apply(change));
                self.letters.apply(*sequence, change);
                self.api_keys.apply(change);
                self.marks.apply(change);
            }
        }
        for (key, remembered) in &batch.keys {
            self.keys.insert(*key, remembered.clone());
        }
        self.memory.publish(batch);
        found
    }

    /// What a key, or a claim, was last used for. Pending ones first: what the applier moves meanwhile is then in one or in
    /// both, never in none.
    pub(crate) fn remembered(&self, key: &KeyHash) -> Option<Remembered> {
        self.keys.get(key).or_else(|| self.key_files.get(key))
    }

    /// Whether nothing more can be stored, and why.
    pub(crate) fn unavailable(&self) -> Option<Unavailable> {
        if let Some(why) = self.poison.get() {
            return Some(Unavailable::Poisoned(why.clone()));
        }
        self.is_closed.load(Ordering::Acquire).then_some(Unavailable::Closed)
    }

    /// The same for the writer, which still takes what was queued before the store was closed.
    pub(crate) fn unavailable_to_write(&self) -> Option<Unavailable> {
        let why = self.poison.get()?;
        Some(Unavailable::Poisoned(why.clone()))
    }

    pub(crate) fn check_open(&self) -> Result<(), ReadError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(ReadError::Closed);
        }
        Ok(())
    }

    /// Notes a day that shows damage, so that it is written anew from what is whole of it.
    pub(crate) fn watched<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Day { day, source }) = &read
            && seal::is_damage(source)
        {
            self.days.suspect(*day);
        }
        read
    }

    /// Where the days are once everything up to a sequence is applied.
    pub(crate) fn position(&self, applied: u64) -> Position {
        let late_above = self.days.oldest_late().map_or(applied, |first| applied.min(first.saturating_sub(1)));
        Position { applied, late_above }
    }

    /// Removes the files of the log that hold nothing but what is in the days.
    pub(crate) fn drop_log(&self) -> Result<(), MaintainError> {
        // In this order: what is applied by now and late is known to be late.
        let applied = self.memory.applied();
        let log = self.log_directory();
        segment::drop_below(&log, self.position(applied).late_above).map_err(MaintainError::io(&log))?;
        Ok(())
    }

    pub(crate) fn log_directory(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub(crate) fn status(&self) -> Status {
        let incidents = self.days.incidents();
        let (log_damage, torn_bytes) = self.log_state.lock().clone();
        let (store_bytes, index_bytes) = self.days.disk_bytes();
        Status {
            poisoned: self.poison.get().is_some(),
            poison: self.poison.get().map(ToString::to_string),
            apply_error: self.apply_error.lock().clone(),
            last_sequence: self.memory.visible(),
            applied_sequence: self.memory.applied(),
            pending_events: self.memory.waiting().0 as u64,
            pending_records: self.load.records.load(Ordering::Relaxed) as u64,
            pending_bytes: self.load.bytes.load(Ordering::Relaxed) as u64,
            days: self.days.all().len() as u64,
            unindexed_days: self.days.unindexed().iter().map(ToString::to_string).collect(),
            rebuilt_days: incidents.rebuilt.iter().map(ToString::to_string).collect(),
            quarantined: incidents.quarantined,
            losses: incidents.losses,
            late_events: self.days.late().rows as u64,
            stages: self.stages.totals(),
            log_damage,
            torn_bytes,
            log_bytes: disk_bytes(&self.log_directory()),
            store_bytes,
            index_bytes,
            meta_bytes: disk_bytes(&self.directory.join("meta")),
            key_bytes: disk_bytes(&self.directory.join("keys")),
        }
    }
}
