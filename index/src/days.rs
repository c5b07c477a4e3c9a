//! Which days there are, which are open, and how one is opened: at most one handle for each directory, a bounded number of
//! handles and writers, and a directory that cannot be opened set aside and made again from the log.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use system_log_model::clock::Day;
use system_log_model::{EventId, OrgId, Sequence, Timestamp};

use crate::day::{DayError, DayHandle};
use crate::engine::{EngineError, SledEngine};
use crate::entry::Stored;
use crate::error::chain;
use crate::files;
use crate::log::record::{self, Record};
use crate::log::recovery;
use crate::options::StoreLimits;

/// Events of a day by organisation, ascending.
pub(crate) type DayEvents = Vec<(OrgId, Vec<Arc<Stored>>)>;

/// See the file's first lines.
pub(crate) struct Days {
    root: PathBuf,
    log: PathBuf,
    quarantine: PathBuf,
    limits: StoreLimits,
    slots: Mutex<HashMap<Day, Arc<Slot>>>,
    tick: AtomicU64,
    /// Days with an index writer, the least recently used first.
    writing: Mutex<Vec<Day>>,
    incidents: Mutex<Incidents>,
}

/// What had to be repaired since the store was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incidents {
    pub(crate) rebuilt: Vec<Day>,
    pub(crate) quarantined: Vec<String>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    used: AtomicU64,
}

#[derive(Default)]
struct State {
    open: Option<Arc<DayHandle>>,
    /// Closed by us and still held by a reader: the engine's lock allows no second handle.
    lingering: Weak<DayHandle>,
}

impl Days {
    pub(crate) fn at(directory: &Path, limits: &StoreLimits) -> io::Result<Self> {
        let root = directory.join("days");
        files::make_directory(&root)?;
        let days = Self {
            root,
            log: directory.join("log"),
            quarantine: directory.join("quarantine"),
            limits: limits.clone(),
            slots: Mutex::default(),
            tick: AtomicU64::new(0),
            writing: Mutex::default(),
            incidents: Mutex::default(),
        };
        for day in list(&days.root)? {
            days.slots.lock().insert(day, Arc::default());
        }
        Ok(days)
    }

    /// The days there are, ascending.
    pub(crate) fn all(&self) -> Vec<Day> {
        let mut days: Vec<Day> = self.slots.lock().keys().copied().collect();
        days.sort_unstable();
        days
    }

    pub(crate) fn incidents(&self) -> Incidents {
        self.incidents.lock().clone()
    }

    /// A day to read; `None` when there is none. `applied` is what the days must have.
    pub(crate) fn get(&self, day: Day, applied: u64) -> Result<Option<Arc<DayHandle>>, DayError> {
        let slot = self.slots.lock().get(&day).cloned();
        slot.map(|slot| self.open(day, &slot, applied)).transpose()
    }

    /// A day to write; made when there is none.
    pub(crate) fn get_or_make(&self, day: Day, applied: u64) -> Result<Arc<DayHandle>, DayError> {
        let slot = self.slots.lock().entry(day).or_default().clone();
        self.open(day, &slot, applied)
    }

    fn open(&self, day: Day, slot: &Slot, applied: u64) -> Result<Arc<DayHandle>, DayError> {
        let now = self.tick.fetch_add(1, Ordering::Relaxed);
        slot.used.store(now, Ordering::Relaxed);
        let mut state = slot.state.lock();
        if let Some(handle) = &state.open {
            return Ok(handle.clone());
        }
        let handle = match state.lingering.upgrade() {
            Some(handle) => handle,
            None => Arc::new(self.open_directory(day, applied)?),
        };
        state.open = Some(handle.clone());
        drop(state);
        self.close_some(day);
        Ok(handle)
    }

    fn open_directory(&self, day: Day, applied: u64) -> Result<DayHandle, DayError> {
        let path = self.root.join(day.to_string());
        let io = |source| EngineError::Io { path: path.clone(), source };
        files::make_directory(&path).map_err(io)?;
        let index = path.join("index");
        let memory = self.limits.writer_memory;
        let store = path.join("store");
        let handle = match SledEngine::open(&store, self.limits.day_cache) {
            Ok(engine) => DayHandle::open(Box::new(engine), &index, memory)?,
            Err(error) if !error.is_damage() => return Err(error.into()),
            Err(error) => {
                tracing::error!(%day, error = chain(&error), "a day's store cannot be opened and is set aside");
                self.set_aside(day, &path)?;
                let engine = SledEngine::open(&store, self.limits.day_cache)?;
                let handle = DayHandle::open(Box::new(engine), &index, memory)?;
                handle.apply(&self.read_log(day, applied)?)?;
                handle.index.close_writer();
                handle
            }
        };
        if handle.was_rebuilt {
            tracing::warn!(%day, "the day's index was made again from its store");
            self.incidents.lock().rebuilt.push(day);
        }
        Ok(handle)
    }

    fn set_aside(&self, day: Day, path: &Path) -> Result<(), DayError> {
        files::make_directory(&self.quarantine).map_err(EngineError::io(&self.quarantine))?;
        let free = |n: &u32| !self.quarantine.join(format!("{day}.{n}")).exists();
        let number = (1..).find(free).unwrap_or_default();
        let name = format!("{day}.{number}");
        fs::rename(path, self.quarantine.join(&name)).map_err(EngineError::io(path))?;
        files::make_directory(path).map_err(EngineError::io(path))?;
        self.incidents.lock().quarantined.push(name);
        Ok(())
    }

    /// What the log still has of a day, up to what the days must have; the applier brings the rest.
    fn read_log(&self, day: Day, applied: u64) -> Result<DayEvents, DayError> {
        let mut events: BTreeMap<OrgId, Vec<Arc<Stored>>> = BTreeMap::new();
        let visit = |frame: crate::log::frame::Frame| {
            let mut sequence = frame.first;
            for record in record::decode_all(&frame.raw).unwrap_or_default() {
                let span = record.span();
                if let Record::Events { events: group, .. } = record {
                    for (sequence, event) in (sequence..).zip(group) {
                        if event.occurred_at.day() == day && sequence <= applied {
                            let id = EventId { sequence: Sequence(sequence), day };
                            let org = event.org.clone();
                            let stored = Arc::new(Stored { id, event });
                            events.entry(org).or_default().push(stored);
                        }
                    }
                }
                sequence += span;
            }
        };
        recovery::read(&self.log, 0, visit).map_err(EngineError::io(&self.log))?;
        Ok(events.into_iter().collect())
    }

    /// Closes the days that were not used for longest, as long as too many are open.
    fn close_some(&self, keep: Day) {
        let slots: Vec<(Day, Arc<Slot>)> = {
            let slots = self.slots.lock();
            slots.iter().map(|(d, s)| (*d, s.clone())).collect()
        };
        let is_open = |slot: &Slot| slot.state.try_lock().is_some_and(|state| state.open.is_some());
        let mut open: Vec<_> = slots.into_iter().filter(|(_, s)| is_open(s)).collect();
        open.sort_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
        let writing = self.writing.lock().clone();
        let too_many = open.len().saturating_sub(self.limits.open_days.max(1));
        let idle = |(day, _): &&(Day, Arc<Slot>)| *day != keep && !writing.contains(day);
        for (_, slot) in open.iter().filter(idle).take(too_many) {
            if let Some(mut state) = slot.state.try_lock()
                && let Some(handle) = state.open.take()
            {
                state.lingering = Arc::downgrade(&handle);
            }
        }
    }

    /// Says that a day's index writer was used; others give theirs back.
    pub(crate) fn wrote(&self, day: Day) {
        let mut writing = self.writing.lock();
        writing.retain(|other| *other != day);
        writing.push(day);
        let too_many = writing.len().saturating_sub(self.limits.writers.max(1));
        let closing: Vec<Day> = writing.drain(..too_many).collect();
        drop(writing);
        closing.into_iter().for_each(|day| self.close_writer(day));
    }

    fn close_writer(&self, day: Day) {
        let slot = self.slots.lock().get(&day).cloned();
        let handle = slot.and_then(|slot| slot.state.lock().open.clone());
        if let Some(handle) = handle {
            handle.index.close_writer();
        }
    }

    /// Closes every writer and every day.
    pub(crate) fn close(&self) {
        let writing = std::mem::take(&mut *self.writing.lock());
        writing.into_iter().for_each(|day| self.close_writer(day));
        self.slots.lock().values().for_each(|slot| {
            let mut state = slot.state.lock();
            if let Some(handle) = state.open.take() {
                state.lingering = Arc::downgrade(&handle);
            }
        });
    }

    /// Removes the days whose last instant is before `cutoff`. Readers that hold one keep it until they are done.
    pub(crate) fn remove_before(&self, cutoff: Timestamp) -> io::Result<Vec<Day>> {
        let mut removed = Vec::new();
        for day in self.all() {
            if day.end() > cutoff {
                continue;
            }
            self.writing.lock().retain(|other| *other != day);
            self.slots.lock().remove(&day);
            // The name goes first, so that a removal that is cut off leaves no half day.
            let path = self.root.join(day.to_string());
            let going = self.root.join(format!("{day}.removed"));
            match fs::rename(&path, &going) {
                Ok(()) => fs::remove_dir_all(&going)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            removed.push(day);
        }
        if !removed.is_empty() {
            files::sync_directory(&self.root)?;
        }
        Ok(removed)
    }

    /// (store, index) bytes on disk.
    pub(crate) fn disk_bytes(&self) -> (u64, u64) {
        let sum = |part: &str| {
            let size = |day: &Day| files::disk_bytes(&self.root.join(day.to_string()).join(part));
            self.all().iter().map(size).sum()
        };
        (sum("store"), sum("index"))
    }
}

/// The days that have a directory, ascending; what an interrupted removal left is removed.
pub(crate) fn list(root: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let midnight = format!("{name}T00:00:00Z");
        if let Some(at) = Timestamp::parse(&midnight) {
            days.push(at.day());
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// Finishes removals that were cut off.
pub(crate) fn finish_removals(directory: &Path) -> io::Result<()> {
    let root = directory.join("days");
    if !root.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "removed") {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
