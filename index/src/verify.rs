//! Checking a folder that nobody serves from: every frame, every chunk, every row, and that store and index agree.

use std::fmt;
use std::path::{Path, PathBuf};

use system_log_model::clock::Day;

use crate::checkpoint::Checkpoint;
use crate::chunk::{Chunk, ChunkError};
use crate::day::{DayChunks, DayError, DayIndex, INDEX, Rows, SealedRows, damaged};
use crate::days::{Base, directory};
use crate::engine::{EngineError, SledEngine};
use crate::error::{OpenError, chain};
use crate::files::FolderLock;
use crate::late::Overlay;
use crate::log::{record, recovery};
use crate::meta::Meta;
use crate::options::StoreLimits;

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
    let applied = match Checkpoint::at(directory).load() {
        Ok(applied) => applied.unwrap_or_default(),
        Err(error @ OpenError::Checkpoint(_)) => {
            report.problem("checkpoint", error);
            0
        }
        Err(error) => return Err(error),
    };
    verify_log(directory, applied, &mut report)?;
    let limits = StoreLimits::default();
    let meta = directory.join("meta");
    if meta.is_dir() {
        let read = Meta::open(&meta, limits.meta_cache).and_then(|meta| meta.directory().and(meta.api_keys()));
        if let Err(error) = read {
            report.problem("meta", chain(&error));
        }
    }
    let late = directory.join("late");
    if late.is_dir() {
        verify_late(&late, &limits, &mut report);
    }
    let root = directory.join("days");
    if root.is_dir() {
        for day in directory::list(&root).map_err(OpenError::io(&root))? {
            report.days += 1;
            verify_day(&root, day, applied, &limits, &mut report);
        }
    }
    Ok(report)
}

fn verify_log(directory: &Path, applied: u64, report: &mut VerifyReport) -> Result<(), OpenError> {
    let log = directory.join("log");
    if !log.is_dir() {
        return Ok(());
    }
    let mut unreadable = Vec::new();
    let mut pending = 0;
    let recovered = recovery::read(&log, 0, |frame| {
        if record::decode_all(&frame.raw).is_none() {
            unreadable.push(format!("records from {} cannot be read", frame.first));
        }
        pending += frame.last().saturating_sub(applied.max(frame.first - 1));
    });
    let recovered = recovered.map_err(OpenError::io(&log))?;
    report.pending = pending;
    for damage in &recovered.damage {
        report.problem("log", damage);
    }
    for what in unreadable {
        report.problem("log", what);
    }
    Ok(())
}

fn verify_late(directory: &Path, limits: &StoreLimits, report: &mut VerifyReport) {
    match Overlay::inspect(directory, limits.late_cache) {
        Err(error) => report.problem("late", chain(&error)),
        Ok(loaded) => {
            loaded.losses.into_iter().for_each(|what| report.problem("late", what));
            for (day, chunk) in
                loaded.days.iter().flat_map(|(day, chunks)| chunks.iter().map(move |chunk| (day, chunk)))
            {
                match check_chunk(chunk, *day) {
                    Ok(rows) => {
                        report.chunks += 1;
                        report.late += rows.len() as u64;
                    }
                    Err(error) => report.problem(format!("late/{day}"), chain(&error)),
                }
            }
        }
    }
}

/// The rows of a day as they are on disk, and where its index is.
fn open_day(path: &Path, limits: &StoreLimits) -> Result<Option<(Rows, PathBuf, bool)>, DayError> {
    let base = directory::base(path).map_err(EngineError::io(path))?;
    Ok(match base {
        Base::Nothing => None,
        Base::Live => {
            let engine = SledEngine::open(&path.join("store"), limits.day_cache)?;
            Some((Rows::Live(DayChunks::as_it_is(Box::new(engine))?), path.join("index"), false))
        }
        Base::Sealed(generation) => {
            let sealed = directory::sealed(path, generation);
            Some((Rows::Sealed(SealedRows::open(&sealed)?), sealed.join(INDEX), true))
        }
    })
}

fn verify_day(root: &Path, day: Day, applied: u64, limits: &StoreLimits, report: &mut VerifyReport) {
    let part = format!("days/{day}");
    let (rows, index, is_sealed) = match open_day(&root.join(day.to_string()), limits) {
        Ok(Some(opened)) => opened,
        Ok(None) => return,
        Err(error) => return report.problem(part, chain(&error)),
    };
    let mut stored: Vec<u64> = Vec::new();
    for chunk in rows.all() {
        match chunk.and_then(|chunk| check_chunk(&chunk, day)) {
            Ok(sequences) => {
                report.chunks += 1;
                stored.extend(sequences);
            }
            Err(error) => report.problem(&part, chain(&error)),
        }
    }
    stored.sort_unstable();
    if stored.windows(2).any(|pair| pair[0] == pair[1]) {
        report.problem(&part, "a row is stored twice");
    }
    report.events += stored.len() as u64;
    let extent = rows.extent();
    if extent.rows != stored.len() as u64 {
        let (noted, found) = (extent.rows, stored.len());
        report.problem(&part, format!("{noted} events are noted, {found} found"));
    }
    let indexed =
        if is_sealed { DayIndex::open_sealed(&index, extent) } else { DayIndex::open(&index, limits.writer_memory) };
    compare(&part, indexed.and_then(|index| index.sequences()), &stored, applied, report);
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
