//! Which days there are, what each consists of at this moment, and how one is opened: at most one handle for each directory, a
//! bounded number of handles and writers, and a directory that cannot be opened set aside and made again from what is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use system_log_model::clock::{Day, MICROS_PER_DAY};
use system_log_model::{OrgId, Timestamp};

use crate::chunk::Chunk;
use crate::day::{DayError, DayHandle, DayParts};
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
mod rewrite;

use directory::PartName;

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
    /// Days in which something could not be read: they are written anew from what is whole.
    suspects: Mutex<BTreeSet<Day>>,
    /// Closed days whose index has to be made again.
    unindexed: Mutex<BTreeSet<Day>>,
    late_rows: AtomicUsize,
    late_bytes: AtomicUsize,
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Base {
    /// Nothing.
    #[default]
    Nothing,
    /// A store and an index that are still written.
    Live,
    /// Parts, each a file and an index, ascending.
    Sealed(Arc<[PartName]>),
}

impl Base {
    /// The parts of a closed day; none of any other.
    pub(crate) fn parts(&self) -> &[PartName] {
        match self {
            Self::Sealed(parts) => parts,
            Self::Live | Self::Nothing => &[],
        }
    }
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    used: AtomicU64,
}

#[derive(Default)]
struct State {
    base: Base,
    open: Option<Arc<DayParts>>,
    /// Closed by us and still held by a reader: the engine's lock allows no second handle.
    lingering: Weak<DayParts>,
    late: Late,
    late_since: Option<Instant>,
    /// Rows go to the late ones from now on, because the day is being written anew.
    is_closing: bool,
}

/// A day at one moment.
pub(crate) struct View {
    pub(crate) parts: Option<Arc<DayParts>>,
    pub(crate) late: Late,
}

/// What is known of a day without opening it.
#[derive(Debug, Clone)]
pub(crate) struct Glance {
    pub(crate) day: Day,
    pub(crate) base: Base,
    pub(crate) late_rows: u64,
    /// The lowest sequence among those.
    pub(crate) late_from: Option<u64>,
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
            late_rows: AtomicUsize::new(0),
            late_bytes: AtomicUsize::new(0),
            applying: Mutex::default(),
            root,
        };
        for day in directory::list(&days.root)? {
            let path = days.path(day);
            let base = directory::base(&path)?;
            if let Base::Sealed(parts) = &base {
                directory::tidy(&path, parts)?;
            }
            let state = Mutex::new(State { base, ..State::default() });
            days.slots.lock().insert(day, Arc::new(Slot { state, used: AtomicU64::new(0) }));
        }
        Ok(days)
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

    /// What a day has on disk; `None` when that is nothing. `applied` is what the days must have.
    pub(crate) fn get(&self, day: Day, applied: u64) -> Result<Option<Arc<DayParts>>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        self.open(day, &slot, applied)
    }

    /// What a day has on disk and its late rows, of one moment.
    pub(crate) fn view(&self, day: Day, applied: u64) -> Result<Option<View>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        loop {
            let parts = self.open(day, &slot, applied)?;
            let state = slot.state.lock();
            // Between the two somebody may have closed the day or written it anew.
            if state.open.is_some() || state.base == Base::Nothing {
                return Ok(Some(View { parts: state.open.clone().or(parts), late: state.late.clone() }));
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
        let mut glances: Vec<Glance> = slots.iter().map(|(day, slot)| slot.glance(*day)).collect();
        glances.sort_unstable_by_key(|glance| glance.day);
        glances
    }

    /// What is known of a day.
    pub(crate) fn glance(&self, day: Day) -> Option<Glance> {
        self.slot(day).map(|slot| slot.glance(day))
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
        // Without an index nothing can be added: rows are late ones until the day is closed, which makes one.
        let live = self.open(day, &slot, applied)?.filter(|parts| parts.is_live() && !parts.is_unindexed());
        Ok(live.and_then(|parts| parts.all().first().cloned()))
    }

    /// The highest sequence a day has.
    pub(crate) fn last(&self, day: Day, applied: u64) -> Result<u64, DayError> {
        let Some(view) = self.view(day, applied)? else {
            return Ok(0);
        };
        let base = view.parts.map_or(0, |parts| parts.last());
        Ok(view.late.iter().map(|chunk| chunk.bounds().1).fold(base, u64::max))
    }

    /// Makes late rows visible.
    pub(crate) fn add_late(&self, day: Day, chunks: Vec<Arc<Chunk>>) {
        if chunks.is_empty() {
            return;
        }
        let slot = self.slots.lock().entry(day).or_default().clone();
        let mut state = slot.state.lock();
        state.late_since.get_or_insert_with(Instant::now);
        let mut late = state.late.to_vec();
        late.extend(chunks);
        self.set_late(&mut state, late);
    }

    fn set_late(&self, state: &mut State, late: Vec<Arc<Chunk>>) {
        let (before, now) = (late::size(&state.late), late::size(&late));
        self.late_rows.fetch_add(now.rows, Ordering::AcqRel);
        self.late_bytes.fetch_add(now.bytes, Ordering::AcqRel);
        self.late_rows.fetch_sub(before.rows, Ordering::AcqRel);
        self.late_bytes.fetch_sub(before.bytes, Ordering::AcqRel);
        state.late = Arc::new(late);
    }

    /// How much of all days is late.
    pub(crate) fn late(&self) -> late::Size {
        let load = |number: &AtomicUsize| number.load(Ordering::Acquire);
        late::Size { rows: load(&self.late_rows), bytes: load(&self.late_bytes) }
    }

    /// The lowest sequence that only the log has on disk, because it is late. Ask after the applied position was read: what is
    /// applied is late by then, or it is in a day.
    pub(crate) fn oldest_late(&self) -> Option<u64> {
        self.glances().iter().filter_map(|glance| glance.late_from).min()
    }

    /// Says that something in a day could not be read.
    pub(crate) fn suspect(&self, day: Day) {
        self.suspects.lock().insert(day);
    }

    pub(crate) fn take_suspect(&self) -> Option<Day> {
        self.suspects.lock().pop_first()
    }

    fn open(&self, day: Day, slot: &Slot, applied: u64) -> Result<Option<Arc<DayParts>>, DayError> {
        let now = self.tick.fetch_add(1, Ordering::Relaxed);
        slot.used.store(now, Ordering::Relaxed);
        let mut state = slot.state.lock();
        if let Some(parts) = &state.open {
            return Ok(Some(parts.clone()));
        }
        // What is late is not on disk; a day that has to be made again is made without it.
        let late = state.late.iter().map(|chunk| chunk.bounds().0).min();
        let up_to = late.map_or(applied, |first| applied.min(first.saturating_sub(1)));
        let parts = match (state.lingering.upgrade(), state.base.clone()) {
            (_, Base::Nothing) => return Ok(None),
            (Some(parts), _) => parts,
            (None, Base::Live) => Arc::new(DayParts::of(vec![Arc::new(self.open_live(day, up_to)?)])),
            (None, Base::Sealed(names)) => Arc::new(self.open_sealed(day, &names, up_to, &mut state)?),
        };
        if parts.is_unindexed() {
            self.unindexed.lock().insert(day);
        }
        state.open = Some(parts.clone());
        drop(state);
        self.close_some(day);
        Ok(Some(parts))
    }

    fn open_live(&self, day: Day, up_to: u64) -> Result<DayHandle, DayError> {
        let path = self.path(day);
        files::make_directory(&path).map_err(EngineError::io(&path))?;
        let (store, index) = (path.join("store"), path.join("index"));
        let opened = SledEngine::open(&store, self.limits.day_cache).map_err(DayError::from);
        match opened.and_then(|engine| DayHandle::open(Box::new(engine), &index, self.limits.writer_memory)) {
            Ok(handle) => Ok(handle),
            Err(error) if !is_lost(&error) => Err(error),
            Err(error) => {
                tracing::error!(%day, error = chain(&error), "a day's store cannot be opened and is set aside");
                self.remake_live(day, up_to)
            }
        }
    }

    fn open_sealed(
        &self,
        day: Day,
        names: &[PartName],
        up_to: u64,
        state: &mut MutexGuard<'_, State>,
    ) -> Result<DayParts, DayError> {
        let path = self.path(day);
        let open = |name: &PartName| DayHandle::open_sealed(&name.path(&path)).map(Arc::new);
        match names.iter().map(open).collect::<Result<Vec<_>, _>>() {
            // A footer that is gone.
            Err(DayError::Sealed) => {
                tracing::error!(%day, "a closed day is damaged and is made again from what is whole of it");
                let name = self.remake_sealed(day, names, up_to)?;
                state.base = Base::Sealed([name].into());
                Ok(DayParts::of(vec![open(&name)?]))
            }
            opened => opened.map(DayParts::of),
        }
    }

    /// Removes the days whose last instant is before `cutoff`. Readers that hold one keep it until they are done.
    pub(crate) fn remove_before(&self, cutoff: Timestamp) -> io::Result<Vec<Day>> {
        let mut removed = Vec::new();
        for day in self.all() {
            if day.end() > cutoff {
                continue;
            }
            self.writing.lock().retain(|other| *other != day);
            if let Some(slot) = self.slots.lock().remove(&day) {
                self.set_late(&mut slot.state.lock(), Vec::new());
            }
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
            removed.push(day);
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
            let places = match &glance.base {
                Base::Nothing => Vec::new(),
                Base::Live => vec![(path.join("store"), path.join("index"))],
                Base::Sealed(parts) => {
                    let both = |part: PathBuf| (part.join(crate::day::sealed::FILE), part.join(crate::day::INDEX));
                    parts.iter().map(|part| both(part.path(&path))).collect()
                }
            };
            for (store, index) in places {
                sum = (sum.0 + files::disk_bytes(&store), sum.1 + files::disk_bytes(&index));
            }
        }
        sum
    }
}

impl Slot {
    fn glance(&self, day: Day) -> Glance {
        let state = self.state.lock();
        Glance {
            day,
            base: state.base.clone(),
            late_rows: late::size(&state.late).rows as u64,
            late_from: state.late.iter().map(|chunk| chunk.bounds().0).min(),
            late_since: state.late_since,
        }
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

/// Events by organisation, in the order the organisation's rows are kept in.
pub(crate) fn by_org(events: impl IntoIterator<Item = Arc<Stored>>) -> DayEvents {
    let mut orgs: BTreeMap<OrgId, Vec<Arc<Stored>>> = BTreeMap::new();
    for stored in events {
        orgs.entry(stored.event.org.clone()).or_default().push(stored);
    }
    for rows in orgs.values_mut() {
        rows.sort_unstable_by_key(|stored| stored.id.sequence);
        rows.dedup_by_key(|stored| stored.id.sequence);
    }
    orgs.into_iter().collect()
}
