//! Which days there are, what each consists of at this moment, and how one is opened: at most one handle for each directory, a
//! bounded number of handles and writers, and a directory that cannot be opened set aside and made again from what is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use system_log_model::clock::{Day, MICROS_PER_DAY};
use system_log_model::{OrgId, Timestamp};

use crate::chunk::Chunk;
use crate::day::{DayError, DayHandle};
use crate::engine::{EngineError, SledEngine};
use crate::entry::Stored;
use crate::error::chain;
use crate::failpoint::{self, Failpoint};
use crate::files;
use crate::late::{self, Late};
use crate::options::StoreLimits;

pub(crate) mod directory;
mod handles;
mod repair;

/// Events of a day by organisation, ascending.
pub(crate) type DayEvents = Vec<(OrgId, Vec<Arc<Stored>>)>;

/// Late chunks and their day.
pub(crate) type DayChunkList = (Day, Vec<Arc<Chunk>>);

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
    /// Days in which something could not be read: they are written anew from what is whole.
    suspects: Mutex<BTreeSet<Day>>,
    /// Closed days whose index has to be made again.
    unindexed: Mutex<BTreeSet<Day>>,
    /// Held by the applier for a round, so that nobody closes a day under its hands.
    pub(crate) applying: Mutex<()>,
}

/// What had to be repaired since the store was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incidents {
    pub(crate) rebuilt: Vec<Day>,
    pub(crate) quarantined: Vec<String>,
    pub(crate) losses: Vec<String>,
}

/// What a day has beside late rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Base {
    /// Nothing.
    #[default]
    Nothing,
    /// A store and an index that are still written.
    Live,
    /// The file and the index of that generation.
    Sealed(u32),
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    used: AtomicU64,
}

#[derive(Default)]
struct State {
    base: Base,
    open: Option<Arc<DayHandle>>,
    /// Closed by us and still held by a reader: the engine's lock allows no second handle.
    lingering: Weak<DayHandle>,
    late: Late,
    late_since: Option<Instant>,
    /// Rows go to the late ones from now on, because the day is being written anew.
    is_closing: bool,
}

/// A day at one moment.
pub(crate) struct View {
    pub(crate) handle: Option<Arc<DayHandle>>,
    pub(crate) late: Late,
}

/// What is known of a day without opening it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    pub(crate) day: Day,
    pub(crate) base: Base,
    pub(crate) late_rows: u64,
    pub(crate) late_since: Option<Instant>,
}

impl Days {
    pub(crate) fn at(directory: &Path, limits: &StoreLimits) -> io::Result<Self> {
        let root = directory.join("days");
        files::make_directory(&root)?;
        let days = Self {
            log: directory.join("log"),
            quarantine: directory.join("quarantine"),
            limits: limits.clone(),
            slots: Mutex::default(),
            tick: AtomicU64::new(0),
            writing: Mutex::default(),
            incidents: Mutex::default(),
            suspects: Mutex::default(),
            unindexed: Mutex::default(),
            applying: Mutex::default(),
            root,
        };
        for day in directory::list(&days.root)? {
            let path = days.path(day);
            let base = directory::base(&path)?;
            if let Base::Sealed(generation) = base {
                directory::tidy(&path, generation)?;
            }
            let state = Mutex::new(State { base, ..State::default() });
            days.slots.lock().insert(day, Arc::new(Slot { state, used: AtomicU64::new(0) }));
        }
        Ok(days)
    }

    /// Gives days the late rows they had when the store was closed. Those that a closed day has meanwhile are returned.
    pub(crate) fn load_late(&self, loaded: HashMap<Day, Vec<Arc<Chunk>>>) -> Result<Vec<DayChunkList>, DayError> {
        let mut known = Vec::new();
        for (day, mut chunks) in loaded {
            chunks.sort_by_key(|chunk| chunk.bounds());
            let slot = self.slots.lock().entry(day).or_default().clone();
            let base = slot.state.lock().base;
            let last = match base {
                Base::Sealed(_) => self.open(day, &slot, 0)?.map_or(0, |handle| handle.rows.extent().last),
                Base::Live | Base::Nothing => 0,
            };
            let (done, late): (Vec<_>, Vec<_>) = chunks.into_iter().partition(|chunk| chunk.bounds().1 <= last);
            slot.state.lock().add_late(late);
            if !done.is_empty() {
                known.push((day, done));
            }
        }
        Ok(known)
    }

    fn path(&self, day: Day) -> PathBuf {
        self.root.join(day.to_string())
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

    /// Notes for the operator what cannot be brought back.
    pub(crate) fn lost(&self, what: String) {
        tracing::error!(%what, "data is lost");
        self.incidents.lock().losses.push(what);
    }

    fn slot(&self, day: Day) -> Option<Arc<Slot>> {
        self.slots.lock().get(&day).cloned()
    }

    /// A day's handle; `None` when it has none. `applied` is what the days must have.
    pub(crate) fn get(&self, day: Day, applied: u64) -> Result<Option<Arc<DayHandle>>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        self.open(day, &slot, applied)
    }

    /// A day's handle and its late rows, of one moment.
    pub(crate) fn view(&self, day: Day, applied: u64) -> Result<Option<View>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        loop {
            let handle = self.open(day, &slot, applied)?;
            let state = slot.state.lock();
            // Between the two somebody may have closed the handle or written the day anew.
            if state.open.is_some() || state.base == Base::Nothing {
                return Ok(Some(View { handle: state.open.clone().or(handle), late: state.late.clone() }));
            }
        }
    }

    /// Whether a day has late rows.
    pub(crate) fn has_late(&self, day: Day) -> bool {
        self.slot(day).is_some_and(|slot| !slot.state.lock().late.is_empty())
    }

    /// What is known of every day, ascending.
    pub(crate) fn glances(&self) -> Vec<Glance> {
        let slots: Vec<(Day, Arc<Slot>)> = self.slots.lock().iter().map(|(day, slot)| (*day, slot.clone())).collect();
        let glance = |(day, slot): (Day, Arc<Slot>)| {
            let state = slot.state.lock();
            Glance { day, base: state.base, late_rows: late::rows(&state.late), late_since: state.late_since }
        };
        let mut glances: Vec<Glance> = slots.into_iter().map(glance).collect();
        glances.sort_unstable_by_key(|glance| glance.day);
        glances
    }

    /// Whether a day is written in place at `now`, and not yet from aside.
    pub(crate) fn is_live_at(&self, day: Day, now: Timestamp) -> bool {
        let close_after = i64::try_from(self.limits.close_after.as_micros()).unwrap_or(MICROS_PER_DAY);
        day.end().plus_micros(close_after) > now
    }

    /// A day to write in place; made when it is young and there is none. `None` when its rows are late ones.
    pub(crate) fn live(&self, day: Day, applied: u64, now: Timestamp) -> Result<Option<Arc<DayHandle>>, DayError> {
        let slot = self.slots.lock().entry(day).or_default().clone();
        {
            let mut state = slot.state.lock();
            let is_aside = state.is_closing || !state.late.is_empty();
            match state.base {
                _ if is_aside => return Ok(None),
                Base::Sealed(_) => return Ok(None),
                Base::Nothing if !self.is_live_at(day, now) => return Ok(None),
                Base::Nothing => state.base = Base::Live,
                Base::Live => {}
            }
        }
        self.open(day, &slot, applied)
    }

    /// The highest sequence a day has.
    pub(crate) fn last(&self, day: Day, applied: u64) -> Result<u64, DayError> {
        let Some(view) = self.view(day, applied)? else {
            return Ok(0);
        };
        let base = view.handle.map_or(0, |handle| handle.rows.extent().last);
        Ok(view.late.iter().map(|chunk| chunk.bounds().1).fold(base, u64::max))
    }

    /// Makes late rows visible.
    pub(crate) fn add_late(&self, day: Day, chunks: Vec<Arc<Chunk>>) {
        let slot = self.slots.lock().entry(day).or_default().clone();
        slot.state.lock().add_late(chunks);
    }

    /// From now on the day's rows are late ones; what it has at this moment.
    pub(crate) fn begin_closing(&self, day: Day, applied: u64) -> Result<Option<View>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        {
            let _between_rounds = self.applying.lock();
            slot.state.lock().is_closing = true;
        }
        self.view(day, applied)
    }

    /// Gives closing up; the day goes on as it was.
    pub(crate) fn stop_closing(&self, day: Day) {
        if let Some(slot) = self.slot(day) {
            slot.state.lock().is_closing = false;
        }
    }

    /// Where the next generation of a day is written; the directory is fresh.
    pub(crate) fn prepare(&self, day: Day) -> Result<(u32, PathBuf), DayError> {
        let base = self.slot(day).map_or(Base::Nothing, |slot| slot.state.lock().base);
        let generation = match base {
            Base::Sealed(generation) => generation + 1,
            Base::Live | Base::Nothing => 1,
        };
        let path = self.path(day);
        let into = directory::unfinished(&path, generation);
        let fresh = || -> io::Result<()> {
            files::make_directory(&path)?;
            if into.exists() {
                fs::remove_dir_all(&into)?;
            }
            fs::create_dir(&into)
        };
        fresh().map_err(EngineError::io(&into))?;
        Ok((generation, into))
    }

    /// Puts a finished generation in the place of what the day was, with `taken` of its late chunks in it. Returns the handle
    /// the day had: its files may go once nobody holds it. `None` when the day is gone meanwhile.
    pub(crate) fn replace(&self, day: Day, generation: u32, taken: usize) -> Result<Option<Weak<DayHandle>>, DayError> {
        let path = self.path(day);
        directory::finish(&path, generation).map_err(EngineError::io(&path))?;
        let handle = DayHandle::open_sealed(&directory::sealed(&path, generation))?;
        self.writing.lock().retain(|other| *other != day);
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        let mut state = slot.state.lock();
        let before = state.open.replace(Arc::new(handle));
        if let Some(handle) = &before {
            handle.close_writer();
        }
        state.base = Base::Sealed(generation);
        state.lingering = Weak::new();
        state.late = Arc::new(state.late[taken..].to_vec());
        state.late_since = (!state.late.is_empty()).then(Instant::now);
        state.is_closing = false;
        Ok(Some(before.map_or_else(Weak::new, |handle| Arc::downgrade(&handle))))
    }

    /// Removes what a closed day no longer needs on disk.
    pub(crate) fn tidy(&self, day: Day) -> io::Result<()> {
        let Some(Base::Sealed(generation)) = self.slot(day).map(|slot| slot.state.lock().base) else {
            return Ok(());
        };
        directory::tidy(&self.path(day), generation)
    }

    /// Says that something in a day could not be read.
    pub(crate) fn suspect(&self, day: Day) {
        self.suspects.lock().insert(day);
    }

    pub(crate) fn take_suspect(&self) -> Option<Day> {
        self.suspects.lock().pop_first()
    }

    fn open(&self, day: Day, slot: &Slot, applied: u64) -> Result<Option<Arc<DayHandle>>, DayError> {
        let now = self.tick.fetch_add(1, Ordering::Relaxed);
        slot.used.store(now, Ordering::Relaxed);
        let mut state = slot.state.lock();
        if let Some(handle) = &state.open {
            return Ok(Some(handle.clone()));
        }
        let handle = match (state.lingering.upgrade(), state.base) {
            (_, Base::Nothing) => return Ok(None),
            (Some(handle), _) => handle,
            (None, Base::Live) => Arc::new(self.open_live(day, applied)?),
            (None, Base::Sealed(generation)) => Arc::new(self.open_sealed(day, generation, applied, &mut state)?),
        };
        if handle.was_rebuilt {
            tracing::warn!(%day, "the day's index was made again from its store");
            self.incidents.lock().rebuilt.push(day);
        }
        if handle.index().is_none() {
            self.unindexed.lock().insert(day);
        }
        state.open = Some(handle.clone());
        drop(state);
        self.close_some(day);
        Ok(Some(handle))
    }

    fn open_live(&self, day: Day, applied: u64) -> Result<DayHandle, DayError> {
        let path = self.path(day);
        files::make_directory(&path).map_err(EngineError::io(&path))?;
        let (store, index) = (path.join("store"), path.join("index"));
        let opened = SledEngine::open(&store, self.limits.day_cache).map_err(DayError::from);
        match opened.and_then(|engine| DayHandle::open(Box::new(engine), &index, self.limits.writer_memory)) {
            Ok(handle) => Ok(handle),
            Err(error) if !is_lost(&error) => Err(error),
            Err(error) => {
                tracing::error!(%day, error = chain(&error), "a day's store cannot be opened and is set aside");
                self.remake_live(day, applied)
            }
        }
    }

    fn open_sealed(
        &self,
        day: Day,
        generation: u32,
        applied: u64,
        state: &mut MutexGuard<'_, State>,
    ) -> Result<DayHandle, DayError> {
        let directory = directory::sealed(&self.path(day), generation);
        match DayHandle::open_sealed(&directory) {
            // A footer that is gone.
            Err(DayError::Sealed) => {
                tracing::error!(%day, "a closed day is damaged and is made again from what is whole of it");
                let generation = self.remake_sealed(day, generation, applied)?;
                state.base = Base::Sealed(generation);
                DayHandle::open_sealed(&directory::sealed(&self.path(day), generation))
            }
            opened => opened,
        }
    }

    /// Removes the days whose last instant is before `cutoff`; each with the late rows it had. Readers that hold one keep it
    /// until they are done.
    pub(crate) fn remove_before(&self, cutoff: Timestamp) -> io::Result<Vec<(Day, Late)>> {
        let mut removed = Vec::new();
        for day in self.all() {
            if day.end() > cutoff {
                continue;
            }
            self.writing.lock().retain(|other| *other != day);
            let late = self.slots.lock().remove(&day).map(|slot| slot.state.lock().late.clone());
            // The name goes first, so that a removal that is cut off leaves no half day.
            let path = self.path(day);
            let going = self.root.join(format!("{day}.removed"));
            match fs::rename(&path, &going) {
                Ok(()) => {
                    failpoint::hit(Failpoint::SweepDay);
                    fs::remove_dir_all(&going)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            removed.push((day, late.unwrap_or_default()));
        }
        if !removed.is_empty() {
            files::sync_directory(&self.root)?;
        }
        Ok(removed)
    }

    /// (store, index) bytes on disk.
    pub(crate) fn disk_bytes(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for glance in self.glances() {
            let path = self.path(glance.day);
            let (store, index) = match glance.base {
                Base::Nothing => continue,
                Base::Live => (path.join("store"), path.join("index")),
                Base::Sealed(generation) => {
                    let sealed = directory::sealed(&path, generation);
                    (sealed.join(crate::day::sealed::FILE), sealed.join(crate::day::INDEX))
                }
            };
            sum = (sum.0 + files::disk_bytes(&store), sum.1 + files::disk_bytes(&index));
        }
        sum
    }
}

/// Whether a live day cannot be read as it is, and never will be.
fn is_lost(error: &DayError) -> bool {
    match error {
        DayError::Engine(error) => error.is_damage(),
        DayError::Chunk { .. } | DayError::Note | DayError::Incomplete { .. } => true,
        _ => false,
    }
}

impl State {
    fn add_late(&mut self, chunks: Vec<Arc<Chunk>>) {
        if chunks.is_empty() {
            return;
        }
        self.late_since.get_or_insert_with(Instant::now);
        let mut late = self.late.to_vec();
        late.extend(chunks);
        self.late = Arc::new(late);
    }
}

/// Events by organisation, in the order the organisation's rows are kept in.
pub(crate) fn by_org(events: impl IntoIterator<Item = Stored>) -> DayEvents {
    let mut orgs: BTreeMap<OrgId, Vec<Arc<Stored>>> = BTreeMap::new();
    for stored in events {
        orgs.entry(stored.event.org.clone()).or_default().push(Arc::new(stored));
    }
    for rows in orgs.values_mut() {
        rows.sort_unstable_by_key(|stored| stored.id.sequence);
        rows.dedup_by_key(|stored| stored.id.sequence);
    }
    orgs.into_iter().collect()
}
