//! Closing days and folding late rows in: the one thread that writes days anew. A day that is no longer written in place is
//! written once into a dense file and a one-segment index, next to what it was; then the new generation takes its place. A
//! crash at any point leaves the old form or the new one, and late rows that are in both are told by their sequence.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use system_log_model::Event;
use system_log_model::clock::Day;

use crate::day::{DayError, DayHandle, Extent, INDEX, IndexBuilder, SealedWriter, place};
use crate::days::{Base, Glance, View};
use crate::error::{MaintainError, chain};
use crate::failpoint::{self, Failpoint};
use crate::late;
use crate::shared::Shared;

/// How often it is looked whether a day is to be written anew.
const TICK: Duration = Duration::from_millis(500);
/// How often the small store of members, bindings and keys is copied, when something changed.
const COPY: Duration = Duration::from_secs(60);
/// A day that could not be written anew is left alone for so long.
const RETRY: Duration = Duration::from_secs(60);
/// Late rows are folded in after so long, however few they are.
const OLDEST: Duration = Duration::from_secs(600);
/// Late rows of one day that are always worth it, when nothing else is to be done.
const WORTH_IDLE: u64 = 256;

/// What the sealer is told.
pub(crate) enum Command {
    /// Write days anew in which something could not be read, then answer.
    #[cfg(test)]
    Repair(Sender<()>),
    /// Write everything anew that may be, then answer.
    Settle(Sender<Result<(), MaintainError>>),
    /// Stop, leaving what is half done.
    Stop,
}

/// Runs until it is told to stop.
pub(crate) fn run(shared: &Shared, commands: &Receiver<Command>) {
    let mut sealer = Sealer { shared, failed: HashMap::new(), leaving: Vec::new(), copied: Instant::now() };
    sealer.look_at_all(commands);
    loop {
        match commands.recv_timeout(TICK) {
            Ok(Command::Settle(reply)) => {
                let _gone = reply.send(sealer.settle());
            }
            #[cfg(test)]
            Ok(Command::Repair(reply)) => {
                sealer.rebuild_indexes();
                sealer.repair_suspects();
                let _gone = reply.send(());
            }
            Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => sealer.work(commands),
        }
    }
}

struct Sealer<'s> {
    shared: &'s Shared,
    failed: HashMap<Day, Instant>,
    /// Days whose old files are removed once their last reader is gone.
    leaving: Vec<(Day, Weak<DayHandle>)>,
    copied: Instant,
}

impl Sealer<'_> {
    /// Does what is due, until there is nothing or somebody wants something.
    fn work(&mut self, commands: &Receiver<Command>) {
        self.tidy();
        self.rebuild_indexes();
        self.repair_suspects();
        while commands.is_empty() {
            let Some(day) = self.due() else { break };
            self.note(day, |sealer| sealer.seal(day));
            self.tidy();
        }
        if self.copied.elapsed() >= COPY {
            self.copied = Instant::now();
            if let Err(error) = self.shared.meta.copy(&self.shared.directory.join("meta")) {
                tracing::warn!(error = chain(&error), "members, bindings and keys could not be copied");
            }
        }
        if let Err(error) = self.shared.late.reset_if_empty() {
            tracing::warn!(error = chain(&error), "the store of late events could not be begun anew");
        }
    }

    fn repair_suspects(&mut self) {
        let mut days = Vec::new();
        days.extend(std::iter::from_fn(|| self.shared.days.take_suspect()));
        days.into_iter().for_each(|day| self.note(day, |sealer| sealer.repair(day)));
    }

    /// Makes the indexes again that were found not to be whole. One that cannot be made is of a day that is damaged.
    fn rebuild_indexes(&mut self) {
        while let Some(day) = self.shared.days.next_unindexed() {
            if self.shared.is_closed.load(Ordering::Acquire) {
                return;
            }
            let applied = self.shared.memory.applied();
            self.note(day, |sealer| sealer.shared.days.rebuild_index(day, applied));
        }
    }

    /// Opens every closed day once, newest first: that checks its index, and makes it again if need be.
    fn look_at_all(&mut self, commands: &Receiver<Command>) {
        for glance in self.shared.days.glances().iter().rev() {
            if !commands.is_empty() || self.shared.is_closed.load(Ordering::Acquire) {
                return;
            }
            if matches!(glance.base, Base::Sealed(_))
                && let Err(error) = self.shared.days.get(glance.day, self.shared.memory.applied())
            {
                tracing::error!(day = %glance.day, error = chain(&error), "a closed day cannot be opened");
            }
            self.rebuild_indexes();
        }
    }

    fn note(&mut self, day: Day, work: impl FnOnce(&mut Self) -> Result<(), DayError>) {
        match work(self) {
            Ok(()) => {
                self.failed.remove(&day);
            }
            Err(DayError::Closed) => {}
            Err(error) => {
                if is_damage(&error) {
                    self.shared.days.suspect(day);
                }
                tracing::error!(%day, error = chain(&error), "a day could not be written anew; it stays as it was");
                self.failed.insert(day, Instant::now());
            }
        }
    }

    /// Everything that may be written anew, whatever it is worth.
    fn settle(&mut self) -> Result<(), MaintainError> {
        let now = self.shared.clock.now();
        for glance in self.shared.days.glances() {
            let is_old = glance.base == Base::Live && !self.shared.days.is_live_at(glance.day, now);
            if is_old || glance.late_rows > 0 {
                self.seal(glance.day).map_err(|source| MaintainError::Day { day: glance.day, source })?;
            }
        }
        self.tidy();
        self.shared.late.reset_if_empty().map_err(MaintainError::Late)
    }

    /// The day that needs it most.
    fn due(&self) -> Option<Day> {
        let is_quiet = self.shared.memory.waiting().0 == 0;
        let is_full = self.shared.late.bytes() > self.shared.limits.late_bytes / 2;
        let now = self.shared.clock.now();
        let mut glances = self.shared.days.glances();
        glances.retain(|glance| self.failed.get(&glance.day).is_none_or(|at| at.elapsed() >= RETRY));
        let is_due = |glance: &&Glance| {
            if glance.base == Base::Live && !self.shared.days.is_live_at(glance.day, now) {
                return true;
            }
            let rows = glance.late_rows;
            let is_old = glance.late_since.is_some_and(|since| since.elapsed() >= OLDEST);
            let many = self.shared.limits.late_rows;
            rows > 0
                && (is_old
                    || (is_full && rows >= many / 8)
                    || (is_quiet && rows >= WORTH_IDLE.max(self.rows_of(glance) / 16))
                    || (rows >= many && rows >= self.rows_of(glance) / 2))
        };
        glances.iter().filter(is_due).max_by_key(|glance| glance.late_rows).map(|glance| glance.day)
    }

    fn rows_of(&self, glance: &Glance) -> u64 {
        let handle = self.shared.days.get(glance.day, self.shared.memory.applied());
        handle.ok().flatten().map_or(0, |handle| handle.rows.extent().rows)
    }

    /// Writes a day anew.
    fn seal(&mut self, day: Day) -> Result<(), DayError> {
        let Some(view) = self.shared.days.begin_closing(day, self.shared.memory.applied())? else {
            return Ok(());
        };
        let done = self.write_anew(day, &view, &mut Err);
        if done.is_err() {
            self.shared.days.stop_closing(day);
        }
        done
    }

    /// Writes a day anew without what cannot be read of it, and with what the log still has of that.
    fn repair(&mut self, day: Day) -> Result<(), DayError> {
        let applied = self.shared.memory.applied();
        let Some(view) = self.shared.days.begin_closing(day, applied)? else {
            return Ok(());
        };
        let mut bad = Vec::new();
        let done = self.write_anew(day, &view, &mut |error| {
            bad.push(chain(&error));
            Ok(())
        });
        if done.is_err() {
            self.shared.days.stop_closing(day);
        }
        done?;
        let before = view.handle.map_or(0, |handle| handle.rows.extent().rows) + late::rows(&view.late);
        let after = self.shared.days.get(day, applied)?.map_or(0, |handle| handle.rows.extent().rows);
        if !bad.is_empty() {
            let lost = before.saturating_sub(after);
            self.shared.days.lost(format!("day {day}: {lost} of {before} events are lost: {}", bad.join("; ")));
        }
        Ok(())
    }

    fn write_anew(&mut self, day: Day, view: &View, bad: &mut Bad<'_>) -> Result<(), DayError> {
        let (generation, into) = self.shared.days.prepare(day)?;
        let is_stopped = || self.shared.is_closed.load(Ordering::Acquire);
        write(view, &into, self.shared.limits.writer_memory, &is_stopped, bad)?;
        let taken = view.late.len();
        let Some(before) = self.shared.days.replace(day, generation, taken)? else {
            return Ok(());
        };
        failpoint::hit(Failpoint::DayLate);
        self.shared.late.remove(day, &view.late)?;
        self.leaving.push((day, before));
        Ok(())
    }

    /// Removes the old files of days that nobody reads any more.
    fn tidy(&mut self) {
        let shared = self.shared;
        self.leaving.retain(|(day, handle)| {
            if handle.strong_count() > 0 {
                return true;
            }
            if let Err(error) = shared.days.tidy(*day) {
                tracing::warn!(%day, %error, "old files of a closed day could not be removed");
            }
            false
        });
    }
}

/// Whether something of a day is unreadable, as opposed to the disk being full.
pub(crate) const fn is_damage(error: &DayError) -> bool {
    matches!(error, DayError::Chunk { .. } | DayError::Group { .. } | DayError::Sealed | DayError::Missing(_))
}

/// Told what cannot be read; says whether to go on without it.
type Bad<'b> = dyn FnMut(DayError) -> Result<(), DayError> + 'b;

/// Base rows and late rows, in one order, into a new generation.
fn write(
    view: &View,
    into: &Path,
    memory: usize,
    is_stopped: &dyn Fn() -> bool,
    bad: &mut Bad<'_>,
) -> Result<Extent, DayError> {
    let mut late: Vec<(u64, Event)> = Vec::new();
    for chunk in view.late.iter() {
        match chunk.all_rows() {
            Ok(rows) => late.extend(rows),
            Err(source) => bad(crate::day::damaged(chunk, source))?,
        }
    }
    late.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    let mut late = late.into_iter().peekable();
    let mut generation = Generation::create(into, memory)?;
    if let Some(handle) = &view.handle {
        handle.rows.visit_in_order(&mut |row| {
            let row = match row {
                Ok(row) => row,
                Err(error) => return bad(error),
            };
            if is_stopped() {
                return Err(DayError::Closed);
            }
            while let Some((sequence, event)) = late.next_if(|late| order(late) < order(&row)) {
                generation.push(sequence, event)?;
            }
            // A row that is in both is the same one.
            late.next_if(|late| order(late) == order(&row));
            generation.push(row.0, row.1)
        })?;
    }
    for (sequence, event) in late {
        if is_stopped() {
            return Err(DayError::Closed);
        }
        generation.push(sequence, event)?;
    }
    generation.finish()
}

fn order(row: &(u64, Event)) -> (&system_log_model::OrgId, (i64, u64)) {
    let hit = crate::day::Hit { time: row.1.occurred_at.micros(), sequence: row.0 };
    (&row.1.org, place(hit))
}

/// The file and the index of a closed day in the making. Rows come in the order of organisation, event time and sequence.
pub(crate) struct Generation {
    rows: SealedWriter,
    index: IndexBuilder,
}

impl Generation {
    /// Begins in a fresh directory; `memory` is the index's, in bytes.
    pub(crate) fn create(into: &Path, memory: usize) -> Result<Self, DayError> {
        let index: PathBuf = into.join(INDEX);
        let rows = SealedWriter::create(into).map_err(crate::engine::EngineError::io(into))?;
        Ok(Self { rows, index: IndexBuilder::create(&index, memory)? })
    }

    pub(crate) fn push(&mut self, sequence: u64, event: Event) -> Result<(), DayError> {
        self.index.add(sequence, &event)?;
        self.rows.push(sequence, event)
    }

    /// Both last when this returns; their directory's name is the caller's business.
    pub(crate) fn finish(self) -> Result<Extent, DayError> {
        self.index.finish()?;
        self.rows.finish()
    }
}
