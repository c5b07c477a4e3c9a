//! The one thread that brings the log's entries into the days, and the checkpoint behind them. Doing the same again changes
//! nothing: that is what a replay after a crash is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use system_log_model::OrgId;
use system_log_model::clock::Day;

use crate::days::DayEvents;
use crate::entry::Stored;
use crate::error::{MaintainError, chain};
use crate::failpoint::{self, Failpoint};
use crate::late;
use crate::memory::Batch;
use crate::shared::Shared;
use crate::stages::Stage;

/// More events in one round while there is a backlog: a backfill spread over many days pays for each day's commit.
const BACKLOG_FACTOR: usize = 2;
/// How often it is looked whether late rows were folded in.
const WAIT: Duration = Duration::from_millis(20);
/// After a failure it is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// What the applier is told.
pub(crate) enum Command {
    /// There is something new.
    Wake,
    /// Apply everything, then answer.
    Flush(crossbeam_channel::Sender<Result<(), MaintainError>>),
    /// Stop; apply everything first or leave it to the next start.
    Stop {
        /// Apply first.
        flush: bool,
    },
}

/// Runs until it is told to stop.
pub(crate) fn run(shared: &Shared, commands: &Receiver<Command>) {
    let mut failed_at: Option<Instant> = None;
    loop {
        match wait(shared, commands, failed_at) {
            Some(Command::Stop { flush }) => {
                if flush {
                    note(shared, apply_all(shared));
                }
                return;
            }
            Some(Command::Flush(reply)) => {
                let done = apply_all(shared);
                let message = done.as_ref().err().map(|error| chain(error));
                failed_at = message.is_some().then(Instant::now);
                *shared.apply_error.lock() = message;
                let _gone = reply.send(done);
            }
            Some(Command::Wake) => {}
            None => {
                let is_fine = note(shared, apply_some(shared));
                failed_at = (!is_fine).then(Instant::now);
            }
        }
    }
}

/// The next command, or `None` when it is time to apply.
fn wait(shared: &Shared, commands: &Receiver<Command>, failed_at: Option<Instant>) -> Option<Command> {
    let (events, since) = shared.memory.waiting();
    let limits = &shared.limits;
    let stop = Command::Stop { flush: false };
    let Some(since) = since else {
        return Some(commands.recv().unwrap_or(stop));
    };
    let is_many = events >= limits.apply_events || events * 2 >= limits.pending_records;
    let due = match failed_at {
        Some(at) => at + RETRY,
        None if is_many => Instant::now(),
        None => since + limits.apply_interval,
    };
    match commands.recv_deadline(due) {
        Ok(command) => Some(command),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(stop),
    }
}

fn note(shared: &Shared, done: Result<(), MaintainError>) -> bool {
    if let Err(error) = &done {
        tracing::error!(error = chain(error), "the log could not be applied; it is tried again");
    }
    *shared.apply_error.lock() = done.as_ref().err().map(|error| chain(error));
    done.is_ok()
}

fn apply_all(shared: &Shared) -> Result<(), MaintainError> {
    let until = shared.memory.visible();
    while shared.memory.applied() < until {
        apply_some(shared)?;
    }
    Ok(())
}

/// One round: a prefix of what waits.
fn apply_some(shared: &Shared) -> Result<(), MaintainError> {
    // Late rows are at hand in memory: when there are too many, folding them in comes first. Meanwhile what waits grows
    // towards its own bound, and then new records are refused.
    while shared.days.late().bytes > shared.limits.late_bytes && !shared.is_closed.load(Ordering::Acquire) {
        std::thread::sleep(WAIT);
    }
    let batches = shared.memory.oldest(shared.limits.apply_events.saturating_mul(BACKLOG_FACTOR));
    let Some(last) = batches.last().map(|batch| batch.last) else {
        return Ok(());
    };
    let applied = shared.memory.applied();
    apply_events(shared, applied, by_day(&batches))?;
    failpoint::hit(Failpoint::MetaApply);
    let changes = batches.iter().flat_map(|b| &b.changes).map(|(_, c)| c);
    let keys = batches.iter().flat_map(|batch| &batch.keys);
    shared.meta.apply(changes).map_err(MaintainError::Meta)?;
    failpoint::hit(Failpoint::KeysAdd);
    let keys_failed = MaintainError::io(&shared.directory);
    let count = batches.iter().map(|batch| batch.keys.len() as u64).sum();
    let add = || shared.key_files.add((applied + 1, last), keys, shared.clock.now());
    shared.stages.time(Stage::Keys, count, add).map_err(keys_failed)?;
    failpoint::hit(Failpoint::Checkpoint);
    shared.checkpoint.store(shared.position(last)).map_err(MaintainError::io(&shared.directory))?;
    // From here on readers take these rows from the days, which all have them now.
    shared.memory.advance(last);
    let used = batches.iter().flat_map(|b| &b.keys).map(|(key, _)| key);
    shared.keys.forget(used, last);
    shared.letters.forget(last);
    for batch in &batches {
        shared.load.give(batch.records(), batch.bytes);
    }
    shared.drop_log()
}

/// Days that are written in place take their rows over; the rows of all others are late ones.
fn apply_events(shared: &Shared, applied: u64, days: BTreeMap<Day, DayEvents>) -> Result<(), MaintainError> {
    let _no_day_is_closed_meanwhile = shared.days.applying.lock();
    let now = shared.clock.now();
    let mut packed_days = Vec::new();
    for (day, events) in days {
        let failed = |source| MaintainError::Day { day, source };
        if let Some(handle) = shared.days.live(day, applied, now).map_err(failed)? {
            handle.apply(&events, &shared.stages).map_err(failed)?;
            shared.days.wrote(day);
            continue;
        }
        // After a crash a day may have rows that the checkpoint does not know of.
        let last = shared.days.last(day, applied).map_err(failed)?;
        let fresh = above(events, last);
        if !fresh.is_empty() {
            let count = fresh.iter().map(|(_, rows)| rows.len() as u64).sum();
            let packed = shared.stages.time(Stage::Late, count, || late::chunks_of(&fresh));
            packed_days.push((day, packed.map_err(failed)?));
        }
    }
    packed_days.into_iter().for_each(|(day, chunks)| shared.days.add_late(day, chunks));
    Ok(())
}

fn above(events: DayEvents, last: u64) -> DayEvents {
    let newer = |mut rows: Vec<Arc<Stored>>| {
        rows.retain(|stored| stored.id.sequence.0 > last);
        rows
    };
    events.into_iter().map(|(org, rows)| (org, newer(rows))).filter(|(_, rows)| !rows.is_empty()).collect()
}

/// Events by day and organisation, ascending in each.
fn by_day(batches: &[Arc<Batch>]) -> BTreeMap<Day, DayEvents> {
    let mut days: BTreeMap<Day, BTreeMap<&OrgId, Vec<Arc<Stored>>>> = BTreeMap::new();
    for stored in batches.iter().flat_map(|batch| &batch.events) {
        let day = days.entry(stored.id.day).or_default();
        day.entry(&stored.event.org).or_default().push(stored.clone());
    }
    let owned = |orgs: BTreeMap<&OrgId, Vec<Arc<Stored>>>| orgs.into_iter().map(|(o, e)| (o.clone(), e)).collect();
    days.into_iter().map(|(day, o)| (day, owned(o))).collect()
}
