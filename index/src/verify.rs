//! Checking a folder that nobody serves from: every frame, every chunk, every row, and that store and index agree.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use system_log_model::EventId;
use system_log_model::clock::Day;

use crate::checkpoint::{Checkpoint, Position};
use crate::chunk::{Chunk, ChunkError};
use crate::day::{DayChunks, DayError, DayIndex, INDEX, Rows, SealedRows, damaged};
use crate::days::{Base, directory};
use crate::engine::{EngineError, SledEngine};
use crate::error::{OpenError, chain};
use crate::files::FolderLock;
use crate::log::{record, recovery};
use crate::meta::Meta;
use crate::options::StoreLimits;
use crate::shared::batch_of;

/// What a folder holds and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// Days.
    pub days: u64,
    /// Chunks.
    pub chunks: u64,
    /// Events in the days.
    pub events: u64,
    /// Events of closed days that are not in their files yet.
    pub late: u64,
    /// Entries of the log that are not in the days yet: the next start applies them.
    pub pending: u64,
    /// Everything that is not sound; empty when all is.
    pub problems: Vec<Problem>,
}

/// One thing that is not sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which part of the folder, for example `days/2026-11-22`.
    pub part: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.what)
    }
}

impl VerifyReport {
    fn problem(&mut self, part: impl Into<String>, what: impl fmt::Display) {
        self.problems.push(Problem { part: part.into(), what: what.to_string() });
    }
}

pub(crate) fn verify(directory: &Path) -> Result<VerifyReport, OpenError> {
    if !directory.is_dir() {
        return Err(OpenError::Missing(directory.to_owned()));
    }
    let _lock = FolderLock::take(directory)?;
    let mut report = VerifyReport::default();
    let nowhere = Position { applied: 0, late_above: 0 };
    let position = match Checkpoint::at(directory).load() {
        Ok(position) => position.unwrap_or(nowhere),
        Err(error @ OpenError::Checkpoint(_)) => {
            report.problem("checkpoint", error);
            nowhere
        }
        Err(error) => return Err(error),
    };
    let limits = StoreLimits::default();
    let meta = directory.join("meta");
    if meta.is_dir() {
        let read = Meta::open(&meta, limits.meta_cache).and_then(|meta| meta.directory().and(meta.api_keys()));
        if let Err(error) = read {
            report.problem("meta", chain(&error));
        }
    }
    let mut last: HashMap<Day, u64> = HashMap::new();
    let root = directory.join("days");
    if root.is_dir() {
        for day in directory::list(&root).map_err(OpenError::io(&root))? {
            report.days += 1;
            last.insert(day, verify_day(&root, day, position.applied, &limits, &mut report));
        }
    }
    verify_log(directory, position, &last, &mut report)?;
    Ok(report)
}

/// Every frame; `last` is the highest sequence that each day has.
fn verify_log(
    directory: &Path,
    position: Position,
    last: &HashMap<Day, u64>,
    report: &mut VerifyReport,
) -> Result<(), OpenError> {
    let log = directory.join("log");
    if !log.is_dir() {
        return Ok(());
    }
    let applied = position.applied;
    let mut unreadable = Vec::new();
    let (mut pending, mut late) = (0, 0);
    let recovered = recovery::read(&log, 0, |frame| {
        pending += frame.last().saturating_sub(applied.max(frame.first - 1));
        let Some(records) = record::decode_all(&frame.raw) else {
            unreadable.push(format!("records from {} cannot be read", frame.first));
            return;
        };
        if position.late_above < frame.last() && frame.last() <= applied {
            let events = batch_of(frame.first, records, 0).events;
            let is_late = |id: EventId| id.sequence.0 > last.get(&id.day).copied().unwrap_or_default();
            late += events.iter().filter(|stored| is_late(stored.id)).count() as u64;
        }
    });
    let recovered = recovered.map_err(OpenError::io(&log))?;
    (report.pending, report.late) = (pending, late);
    for damage in &recovered.damage {
        report.problem("log", damage);
    }
    for what in unreadable {
        report.problem("log", what);
    }
    Ok(())
}

/// Rows as they are on disk, and where their index is.
struct Part {
    rows: Rows,
    index: PathBuf,
    is_sealed: bool,
}

/// The parts of a day.
fn open_day(path: &Path, limits: &StoreLimits) -> Result<Vec<Part>, DayError> {
    match directory::base(path).map_err(EngineError::io(path))? {
        Base::Nothing => Ok(Vec::new()),
        Base::Live => {
            let engine = SledEngine::open(&path.join("store"), limits.day_cache)?;
            let rows = Rows::Live(DayChunks::as_it_is(Box::new(engine))?);
            Ok(vec![Part { rows, index: path.join("index"), is_sealed: false }])
        }
        Base::Sealed(names) => {
            let open = |directory: PathBuf| {
                let rows = Rows::Sealed(SealedRows::open(&directory)?);
                Ok(Part { rows, index: directory.join(INDEX), is_sealed: true })
            };
            names.iter().map(|name| open(name.path(path))).collect()
        }
    }
}

/// Every part of a day; the highest sequence it has.
fn verify_day(root: &Path, day: Day, applied: u64, limits: &StoreLimits, report: &mut VerifyReport) -> u64 {
    let name = format!("days/{day}");
    let parts = match open_day(&root.join(day.to_string()), limits) {
        Ok(parts) => parts,
        Err(error) => {
            report.problem(name, chain(&error));
            return 0;
        }
    };
    let mut last = 0;
    for part in parts {
        let stored = verify_part(&name, day, &part, applied, limits, report);
        if stored.first().is_some_and(|first| *first <= last) {
            report.problem(&name, "a part has rows of the one before it");
        }
        last = part.rows.extent().last.max(last);
    }
    last
}

/// Every row of a part; their sequences, ascending.
fn verify_part(
    name: &str,
    day: Day,
    part: &Part,
    applied: u64,
    limits: &StoreLimits,
    report: &mut VerifyReport,
) -> Vec<u64> {
    let mut stored: Vec<u64> = Vec::new();
    for chunk in part.rows.all() {
        match chunk.and_then(|chunk| check_chunk(&chunk, day)) {
            Ok(sequences) => {
                report.chunks += 1;
                stored.extend(sequences);
            }
            Err(error) => report.problem(name, chain(&error)),
        }
    }
    stored.sort_unstable();
    if stored.windows(2).any(|pair| pair[0] == pair[1]) {
        report.problem(name, "a row is stored twice");
    }
    report.events += stored.len() as u64;
    let extent = part.rows.extent();
    if extent.rows != stored.len() as u64 {
        let (noted, found) = (extent.rows, stored.len());
        report.problem(name, format!("{noted} events are noted, {found} found"));
    }
    let indexed = if part.is_sealed {
        DayIndex::open_sealed(&part.index, extent)
    } else {
        DayIndex::open(&part.index, limits.writer_memory)
    };
    compare(name, indexed.and_then(|index| index.sequences()), &stored, applied, report);
    stored
}

/// Store and index must agree up to the checkpoint; above it a crash leaves either a little ahead, and the next start mends it.
fn compare(part: &str, indexed: Result<Vec<u64>, DayError>, stored: &[u64], applied: u64, report: &mut VerifyReport) {
    let below = |all: &[u64]| {
        let end = all.partition_point(|sequence| *sequence <= applied);
        all[..end].to_vec()
    };
    let stored = below(stored);
    let indexed = match indexed {
        Ok(indexed) => below(&indexed),
        // A crash between a day's first rows and their index.
        Err(_) if stored.is_empty() => return,
        Err(error) => return report.problem(part, format!("the index: {}", chain(&error))),
    };
    if stored != indexed {
        let what = format!("store and index do not agree: {} and {} events", stored.len(), indexed.len());
        report.problem(part, what);
    }
}

/// Every row of a chunk; their sequences.
fn check_chunk(chunk: &Chunk, day: Day) -> Result<Vec<u64>, DayError> {
    let rows = chunk.all_rows().map_err(|source| damaged(chunk, source))?;
    if rows.iter().any(|(_, event)| event.occurred_at.day() != day) {
        return Err(damaged(chunk, ChunkError::Column(0)));
    }
    Ok(rows.into_iter().map(|(sequence, _)| sequence).collect())
}
