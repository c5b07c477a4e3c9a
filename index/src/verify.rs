//! Checking a folder that nobody serves from: every frame, every chunk, every row, and that store and index agree.

use std::fmt;
use std::path::Path;

use system_log_model::clock::Day;

use crate::checkpoint::Checkpoint;
use crate::day::{DayChunks, DayError, DayIndex};
use crate::days;
use crate::engine::SledEngine;
use crate::error::{OpenError, chain};
use crate::files::FolderLock;
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
        Ok(applied) => applied,
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
    let root = directory.join("days");
    if root.is_dir() {
        for day in days::list(&root).map_err(OpenError::io(&root))? {
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

fn verify_day(root: &Path, day: Day, applied: u64, limits: &StoreLimits, report: &mut VerifyReport) {
    let part = format!("days/{day}");
    let path = root.join(day.to_string());
    let store = path.join("store");
    let opened = SledEngine::open(&store, limits.day_cache)
        .map_err(DayError::from)
        .and_then(|engine| DayChunks::new(Box::new(engine)));
    let chunks = match opened {
        Ok(chunks) => chunks,
        Err(error) => return report.problem(part, chain(&error)),
    };
    let mut stored = Vec::new();
    let mut last_of: Option<(String, u64)> = None;
    for chunk in chunks.all() {
        match chunk.and_then(|chunk| check_chunk(&chunk, day)) {
            Ok((org, sequences)) => {
                report.chunks += 1;
                let overlaps = last_of.as_ref().is_some_and(|(o, last)| *o == org && sequences.first() <= Some(last));
                if overlaps {
                    report.problem(&part, format!("chunks of {org} overlap"));
                }
                last_of = sequences.last().map(|last| (org, *last));
                stored.extend(sequences);
            }
            Err(error) => report.problem(&part, chain(&error)),
        }
    }
    stored.sort_unstable();
    report.events += stored.len() as u64;
    if chunks.extent().rows != stored.len() as u64 {
        let (noted, found) = (chunks.extent().rows, stored.len());
        report.problem(&part, format!("{noted} events are noted, {found} found"));
    }
    compare(&part, &path.join("index"), &stored, applied, limits, report);
}

/// Store and index must agree up to the checkpoint; above it a crash leaves either a little ahead, and the next start mends it.
fn compare(part: &str, index: &Path, stored: &[u64], applied: u64, limits: &StoreLimits, report: &mut VerifyReport) {
    let indexed = DayIndex::open(index, limits.writer_memory).and_then(|index| index.sequences());
    let indexed = match indexed {
        Ok(indexed) => indexed,
        Err(error) => return report.problem(part, format!("the index: {}", chain(&error))),
    };
    let below = |all: &[u64]| {
        let end = all.partition_point(|sequence| *sequence <= applied);
        all[..end].to_vec()
    };
    let (stored, indexed) = (below(stored), below(&indexed));
    if stored != indexed {
        let what = format!("store and index do not agree: {} and {} events", stored.len(), indexed.len());
        report.problem(part, what);
    }
}

fn check_chunk(chunk: &crate::chunk::Chunk, day: Day) -> Result<(String, Vec<u64>), DayError> {
    let damaged = |source| DayError::Chunk { org: chunk.org.to_string(), first: chunk.first, source };
    let sequences = chunk.sequences().map_err(damaged)?;
    let events = chunk.events().map_err(damaged)?;
    let is_sound = sequences.is_sorted_by(|a, b| a < b)
        && sequences.len() == events.len()
        && events.iter().all(|event| event.occurred_at.day() == day);
    if !is_sound {
        return Err(damaged(crate::chunk::ChunkError::Column(0)));
    }
    Ok((chunk.org.to_string(), sequences))
}
