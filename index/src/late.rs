//! What came late: events of days that are no longer written. A late row is in no index; it is kept here, in one small store
//! for all days and at hand in memory, until its day is written anew ([`crate::seal`]).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use system_log_model::clock::Day;
use system_log_model::{EventId, OrgId, Query, Sequence};

use crate::chunk::{Chunk, Row, Shape, pack};
use crate::day::sealed::chunks_within;
use crate::day::{DayError, damaged};
use crate::days::DayEvents;
use crate::engine::{Engine, EngineError, SledEngine, Write};
use crate::entry::Stored;
use crate::failpoint::{self, Failpoint};
use crate::files;

/// A store that is empty and larger than this is begun anew: the engine never gives space back.
const WORTH_RESETTING: u64 = 2 << 20;

/// The late rows of one day, in the order they came. Cheap to clone; never changed, only replaced.
pub(crate) type Late = Arc<Vec<Arc<Chunk>>>;

/// See the file's first lines.
pub(crate) struct Overlay {
    directory: PathBuf,
    cache: u64,
    engine: RwLock<Option<Arc<dyn Engine>>>,
    rows: AtomicUsize,
    bytes: AtomicUsize,
    /// The highest sequence of each day that has late rows, and the lock under which the note is written.
    highest: Mutex<BTreeMap<Day, u64>>,
}

/// What the note beside the store says: rows that are there, and the highest sequence among them. It is written after rows were
/// added and before some are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Noted {
    rows: u64,
    highest: u64,
}

/// What the store held when it was opened.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) days: HashMap<Day, Vec<Arc<Chunk>>>,
    /// What of it could not be read, for the operator.
    pub(crate) losses: Vec<String>,
}

/// Ascending by day, then by the order the rows came in.
fn key(day: Day, chunk: &Chunk) -> Vec<u8> {
    let mut key = day_prefix(day).to_vec();
    key.extend_from_slice(&chunk.bounds().0.to_be_bytes());
    key
}

fn day_prefix(day: Day) -> [u8; 4] {
    // With the sign bit turned, days before 1970 sort first.
    (day.0.cast_unsigned() ^ 1 << 31).to_be_bytes()
}

fn day_of(key: &[u8]) -> Option<Day> {
    let day = key.first_chunk::<4>()?;
    Some(Day((u32::from_be_bytes(*day) ^ 1 << 31).cast_signed()))
}

/// Chunks for a day's new rows.
pub(crate) fn chunks_of(events: &DayEvents) -> Result<Vec<Arc<Chunk>>, DayError> {
    let rows: Vec<Row<'_>> =
        events.iter().flat_map(|(_, events)| events.iter().map(|s| (s.id.sequence.0, &s.event))).collect();
    let packed = pack(&rows, Shape::LIVE).map_err(DayError::Pack)?;
    packed.into_iter().map(|(_, bytes)| Chunk::parse(bytes).map(Arc::new).map_err(DayError::Pack)).collect()
}

/// Rows and bytes of late chunks.
fn size(chunks: &[Arc<Chunk>]) -> (usize, usize) {
    chunks.iter().fold((0, 0), |(rows, bytes), chunk| (rows + chunk.rows, bytes + chunk.size()))
}

/// How many rows late chunks hold.
pub(crate) fn rows(chunks: &[Arc<Chunk>]) -> u64 {
    size(chunks).0 as u64
}

/// The rows of a question among a day's late rows, up to a sequence.
pub(crate) fn matching(day: Day, late: &Late, query: &Query, last: u64) -> Result<Vec<Arc<Stored>>, DayError> {
    let mut found = Vec::new();
    for chunk in late.iter() {
        let Some(span) = chunk.span(&query.org).filter(|span| span.first <= last) else { continue };
        let sequences = chunk.sequences(span).map_err(|source| damaged(chunk, source))?;
        let events = chunk.events(span).map_err(|source| damaged(chunk, source))?;
        let wanted = sequences.into_iter().zip(events).filter(|(s, event)| *s <= last && query.matches(event));
        found.extend(wanted.map(|(sequence, event)| Arc::new(stored(day, sequence, event))));
    }
    Ok(found)
}

/// One late row.
pub(crate) fn get(day: Day, late: &Late, org: &OrgId, sequence: u64) -> Result<Option<Stored>, DayError> {
    for chunk in late.iter() {
        let Some(span) = chunk.span(org).filter(|span| (span.first..=span.last).contains(&sequence)) else { continue };
        let sequences = chunk.sequences(span).map_err(|source| damaged(chunk, source))?;
        if let Some(row) = sequences.iter().position(|other| *other == sequence) {
            let events = chunk.events(span).map_err(|source| damaged(chunk, source))?;
            return Ok(events.into_iter().nth(row).map(|event| stored(day, sequence, event)));
        }
    }
    Ok(None)
}

fn stored(day: Day, sequence: u64, event: system_log_model::Event) -> Stored {
    Stored { id: EventId { sequence: Sequence(sequence), day }, event }
}

impl Overlay {
    /// Opens the store; every day's late rows, and what could not be read. A store that cannot be opened is set aside, and
    /// what is whole of it read from its files.
    pub(crate) fn open(directory: &Path, cache: u64) -> Result<(Self, Loaded), DayError> {
        let overlay = Self {
            directory: directory.to_owned(),
            cache,
            engine: RwLock::new(None),
            rows: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            highest: Mutex::default(),
        };
        let loaded = match overlay.load_all() {
            Ok(loaded) => loaded,
            Err(DayError::Engine(error)) if !error.is_damage() => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "the store of late events cannot be read and is salvaged");
                overlay.salvage()?
            }
        };
        for (day, chunks) in &loaded.days {
            overlay.count(chunks);
            overlay.raise(*day, chunks);
        }
        overlay.note(&overlay.highest.lock())?;
        Ok((overlay, loaded))
    }

    /// What a store holds that nobody has open, and what of it cannot be read; changes nothing of ours.
    pub(crate) fn inspect(directory: &Path, cache: u64) -> Result<Loaded, DayError> {
        let (mut loaded, _) = read(&SledEngine::open(directory, cache)?)?;
        if let Err(error) = loaded.check(noted(directory)) {
            loaded.losses.push(format!("late: {error}"));
        }
        Ok(loaded)
    }

    /// What the engine holds, if it is all there.
    fn load_all(&self) -> Result<Loaded, DayError> {
        let loaded = self.load()?;
        loaded.check(noted(&self.directory))?;
        Ok(loaded)
    }

    /// Writes down what is there according to `highest` and the count.
    fn note(&self, highest: &BTreeMap<Day, u64>) -> Result<(), DayError> {
        let noted = Noted { rows: self.rows() as u64, highest: highest.values().copied().max().unwrap_or_default() };
        let path = note_path(&self.directory);
        let text = format!("{} {} {}", noted.rows, noted.highest, noted.checksum());
        Ok(files::replace(&path, text.as_bytes()).map_err(EngineError::io(&path))?)
    }

    fn raise(&self, day: Day, chunks: &[Arc<Chunk>]) {
        let mut highest = self.highest.lock();
        let known = highest.entry(day).or_default();
        *known = highest_of(chunks).max(*known);
    }

    fn load(&self) -> Result<Loaded, DayError> {
        let engine: Arc<dyn Engine> = Arc::new(SledEngine::open(&self.directory, self.cache)?);
        let (loaded, bad) = read(&*engine)?;
        if !bad.is_empty() {
            engine.write(bad)?;
            engine.sync()?;
        }
        *self.engine.write() = Some(engine);
        Ok(loaded)
    }

    /// Begins anew with every whole chunk of the old files. Chunks that were folded in long ago are among them; who loads them
    /// knows how far each day is.
    fn salvage(&self) -> Result<Loaded, DayError> {
        *self.engine.write() = None;
        let found = salvage_engine(&self.directory)?;
        let aside = self.directory.with_extension("damaged");
        let io = |error| DayError::from(EngineError::io(&self.directory)(error));
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(io)?;
        }
        fs::rename(&self.directory, &aside).map_err(io)?;
        self.load()?;
        let mut days: HashMap<Day, Vec<Arc<Chunk>>> = HashMap::new();
        for chunk in found {
            let times = chunk.times().map_err(DayError::Pack)?;
            if let Some((occurred, _)) = times.first() {
                days.entry(occurred.day()).or_default().push(Arc::new(chunk));
            }
        }
        for (day, chunks) in &mut days {
            chunks.sort_by_key(|chunk| chunk.bounds());
            chunks.dedup_by_key(|chunk| chunk.bounds());
            self.write(chunks.iter().map(|chunk| (*day, chunk)))?;
        }
        Ok(Loaded {
            days,
            losses: vec![
                "late: the store does not agree with its note; what was whole in its files is kept".to_owned(),
            ],
        })
    }

    fn write<'c>(&self, chunks: impl Iterator<Item = (Day, &'c Arc<Chunk>)>) -> Result<(), DayError> {
        let writes: Vec<Write> = chunks.map(|(day, chunk)| (key(day, chunk), Some(chunk.bytes().to_vec()))).collect();
        let guard = self.engine.read();
        let engine = guard.as_ref().ok_or(DayError::Closed)?;
        engine.write(writes)?;
        Ok(engine.sync()?)
    }

    /// Keeps rows of several days; synced when it returns.
    pub(crate) fn append(&self, days: &[(Day, Vec<Arc<Chunk>>)]) -> Result<(), DayError> {
        // Counted first, or an empty store could be begun anew with these rows in it.
        days.iter().for_each(|(_, chunks)| self.count(chunks));
        let all = || days.iter().flat_map(|(day, chunks)| chunks.iter().map(|chunk| (*day, chunk)));
        let written = self.write(all()).and_then(|()| {
            failpoint::hit(Failpoint::LateNote);
            days.iter().for_each(|(day, chunks)| self.raise(*day, chunks));
            self.note(&self.highest.lock())
        });
        if written.is_err() {
            days.iter().for_each(|(_, chunks)| self.discount(chunks));
            // The next attempt may cut its chunks elsewhere; these rows would then be there twice.
            if let Some(engine) = &*self.engine.read() {
                let _as_well_as_it_goes = engine.write(all().map(|(day, chunk)| (key(day, chunk), None)).collect());
            }
        }
        written
    }

    /// Forgets rows that a day's own file has now: the ones that came first.
    pub(crate) fn remove(&self, day: Day, chunks: &[Arc<Chunk>]) -> Result<(), DayError> {
        if chunks.is_empty() {
            return Ok(());
        }
        {
            let mut highest = self.highest.lock();
            self.discount(chunks);
            let last = highest_of(chunks);
            if highest.get(&day).is_some_and(|known| *known <= last) {
                highest.remove(&day);
            }
            self.note(&highest)?;
        }
        let guard = self.engine.read();
        let engine = guard.as_ref().ok_or(DayError::Closed)?;
        Ok(engine.write(chunks.iter().map(|chunk| (key(day, chunk), None)).collect())?)
    }

    fn count(&self, chunks: &[Arc<Chunk>]) {
        let (rows, bytes) = size(chunks);
        self.rows.fetch_add(rows, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    fn discount(&self, chunks: &[Arc<Chunk>]) {
        let (rows, bytes) = size(chunks);
        self.rows.fetch_sub(rows, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Bytes of late rows at hand.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// How many rows are late.
    pub(crate) fn rows(&self) -> usize {
        self.rows.load(Ordering::Acquire)
    }

    /// Begins the store anew when nothing is in it and its files are large.
    pub(crate) fn reset_if_empty(&self) -> Result<(), DayError> {
        if self.rows() > 0 || files::disk_bytes(&self.directory) < WORTH_RESETTING {
            return Ok(());
        }
        let mut engine = self.engine.write();
        if self.rows() > 0 || engine.take().is_none() {
            return Ok(());
        }
        fs::remove_dir_all(&self.directory).map_err(EngineError::io(&self.directory))?;
        *engine = Some(Arc::new(SledEngine::open(&self.directory, self.cache)?));
        Ok(())
    }

    /// Lets the engine go.
    pub(crate) fn close(&self) {
        self.engine.write().take();
    }
}

impl Noted {
    fn checksum(self) -> u32 {
        let mut bytes = [0; 16];
        let (rows, highest) = bytes.split_at_mut(8);
        rows.copy_from_slice(&self.rows.to_le_bytes());
        highest.copy_from_slice(&self.highest.to_le_bytes());
        crc32c::crc32c(&bytes)
    }
}

fn note_path(directory: &Path) -> PathBuf {
    directory.with_extension("note")
}

/// A note that is missing or damaged says nothing.
fn noted(directory: &Path) -> Noted {
    let text = fs::read_to_string(note_path(directory)).unwrap_or_default();
    let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [rows, highest, checksum] = numbers[..] else { return Noted::default() };
    let noted = Noted { rows, highest };
    if u64::from(noted.checksum()) == checksum { noted } else { Noted::default() }
}

impl Loaded {
    /// Whether everything noted is there: some damage the engine passes over in silence, as if what it hit had never been
    /// written. More may be there, when a crash came between store and note; less, or nothing of the newest, may not.
    fn check(&self, noted: Noted) -> Result<(), DayError> {
        let found = self.days.values().map(|chunks| rows(chunks)).sum();
        let highest = self.days.values().map(|chunks| highest_of(chunks)).max().unwrap_or_default();
        if self.losses.is_empty() && (found < noted.rows || highest < noted.highest) {
            return Err(DayError::Incomplete { noted: noted.rows, found });
        }
        Ok(())
    }
}

fn highest_of(chunks: &[Arc<Chunk>]) -> u64 {
    chunks.iter().map(|chunk| chunk.bounds().1).max().unwrap_or_default()
}

/// Every chunk an engine holds, and the keys of what is none.
fn read(engine: &dyn Engine) -> Result<(Loaded, Vec<Write>), DayError> {
    let mut loaded = Loaded::default();
    let mut bad: Vec<Write> = Vec::new();
    for found in engine.scan(&[], None) {
        let (key, value) = found?;
        match day_of(&key).zip(Chunk::parse(value).ok()) {
            Some((day, chunk)) => loaded.days.entry(day).or_default().push(Arc::new(chunk)),
            None => bad.push((key, None)),
        }
    }
    for (key, _) in &bad {
        let day = day_of(key).map_or_else(|| "?".to_owned(), |day| day.to_string());
        loaded.losses.push(format!("late: a chunk of {day} cannot be read"));
    }
    Ok((loaded, bad))
}

/// Every whole chunk in the files of an engine that cannot be opened.
pub(crate) fn salvage_engine(directory: &Path) -> Result<Vec<Chunk>, DayError> {
    let io = |error| DayError::from(EngineError::io(directory)(error));
    let mut files = vec![directory.join("db")];
    if let Ok(blobs) = fs::read_dir(directory.join("blobs")) {
        files.extend(blobs.flatten().map(|entry| entry.path()));
    }
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        found.extend(chunks_within(&fs::read(file).map_err(io)?));
    }
    Ok(found)
}
