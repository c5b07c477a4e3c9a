//! Closing days and folding late rows in: the one thread that writes days anew. A day that is no longer written in place is
//! written once into a dense file and a one-segment index, its first part. Late rows become further parts, and parts are merged
//! as they grow ([`merge`]). Each new part stands next to what it is made of, then it takes the place of that at once. A crash at
//! any point leaves the old form or the new one, and late rows that are in both are told by their sequence.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use system_log_model::clock::Day;

use crate::day::{DayError, DayParts};
use crate::days::{Base, Glance, View};
use crate::error::{MaintainError, chain};
use crate::failpoint::{self, Failpoint};
use crate::late;
use crate::shared::Shared;
use crate::stages::Stage;

mod merge;
mod write;

pub(crate) use write::PartWriter;
use write::{Bad, write};

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
/// Sequences that the log may be behind because of late rows; each is read again at the next start.
const LOG_BEHIND: u64 = 1 << 19;
/// So few events that wait are no load.
const QUIET: usize = 1_024;

/// What the sealer is told.
pub(crate) enum Command {
    /// Look at all closed days and write those anew in which something could not be read, then answer.
    #[cfg(test)]
    Repair(Sender<()>),
    /// Give every closed day another part of what is late, merging nothing, then answer.
    #[cfg(test)]
    Fold(Sender<Result<(), MaintainError>>),
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
            Ok(Command::Fold(reply)) => {
                let _gone = reply.send(sealer.fold());
            }
            #[cfg(test)]
            Ok(Command::Repair(reply)) => {
                sealer.look_at_all(commands);
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
    leaving: Vec<(Day, Weak<DayParts>)>,
    copied: Instant,
}

impl Sealer<'_> {
    /// Does what is due, until there is nothing or somebody wants something.
    fn work(&mut self, commands: &Receiver<Command>) {
        self.tidy();
        self.rebuild_indexes();
        self.repair_suspects();
        while commands.is_empty() {
            let Some((day, from)) = self.due() else { break };
            self.note(day, |sealer| sealer.seal(day, from));
            self.tidy();
            self.drop_log();
        }
        if self.copied.elapsed() >= COPY {
            self.copied = Instant::now();
            if let Err(error) = self.shared.meta.copy(&self.shared.directory.join("meta")) {
                tracing::warn!(error = chain(&error), "members, bindings and keys could not be copied");
            }
        }
    }

    fn repair_suspects(&mut self) {
        let mut days = Vec::new();
        days.extend(std::iter::from_fn(|| self.shared.days.take_suspect()));
        days.into_iter().for_each(|day| self.note(day, |sealer| sealer.repair(day)));
    }

    /// Makes the indexes again that were found not to be whole, newest first: a live day is closed for it. What cannot be made
    /// is tried again later, or its day is damaged and is written anew.
    fn rebuild_indexes(&mut self) {
        for day in self.shared.days.unindexed().into_iter().rev().filter(|day| self.may_try(*day)).collect::<Vec<_>>() {
            if self.shared.is_closed.load(Ordering::Acquire) {
                return;
            }
            self.note(day, |sealer| {
                if sealer.shared.days.glance(day).is_some_and(|glance| glance.base == Base::Live) {
                    sealer.seal(day, 0)?;
                }
                sealer.shared.days.rebuild_indexes(day, sealer.shared.memory.applied())
            });
        }
    }

    /// Whether nothing failed with a day a moment ago.
    fn may_try(&self, day: Day) -> bool {
        self.failed.get(&day).is_none_or(|at| at.elapsed() >= RETRY)
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

    /// Everything that may be written anew, whatever it is worth: every closed day is one part afterwards.
    fn settle(&mut self) -> Result<(), MaintainError> {
        let now = self.shared.clock.now();
        for glance in self.shared.days.glances() {
            let is_old = glance.base == Base::Live && !self.shared.days.is_live_at(glance.day, now);
            if is_old || glance.late_rows > 0 || glance.base.parts().len() > 1 {
                self.seal(glance.day, 0).map_err(|source| MaintainError::Day { day: glance.day, source })?;
            }
        }
        self.tidy();
        self.drop_log();
        Ok(())
    }

    #[cfg(test)]
    fn fold(&mut self) -> Result<(), MaintainError> {
        for glance in self.shared.days.glances().iter().filter(|glance| glance.late_rows > 0) {
            let from = glance.base.parts().len();
            self.seal(glance.day, from).map_err(|source| MaintainError::Day { day: glance.day, source })?;
        }
        self.tidy();
        self.drop_log();
        Ok(())
    }

    /// What was late may have been all that kept files of the log.
    fn drop_log(&self) {
        if let Err(error) = self.shared.drop_log() {
            tracing::warn!(error = chain(&error), "files of the log that hold nothing new could not be removed");
        }
    }

    /// The day that needs it most, and from which of its parts on it is written anew.
    fn due(&self) -> Option<(Day, usize)> {
        let is_quiet = self.shared.memory.waiting().0 < QUIET;
        let is_full = self.shared.days.late().bytes > self.shared.limits.late_bytes / 2;
        let (now, applied) = (self.shared.clock.now(), self.shared.memory.applied());
        let mut glances = self.shared.days.glances();
        glances.retain(|glance| self.may_try(glance.day));
        let is_due = |glance: &&Glance| {
            if glance.base == Base::Live && !self.shared.days.is_live_at(glance.day, now) {
                return true;
            }
            let (rows, many) = (glance.late_rows, self.shared.limits.late_rows);
            let is_old = glance.late_since.is_some_and(|since| since.elapsed() >= OLDEST);
            let is_behind = glance.late_from.is_some_and(|from| applied.saturating_sub(from) > LOG_BEHIND);
            rows >= many
                || (rows > 0 && (is_old || is_behind))
                || (is_full && rows >= many / 8)
                || (is_quiet && rows >= WORTH_IDLE)
        };
        if let Some(glance) = glances.iter().filter(is_due).max_by_key(|glance| glance.late_rows) {
            return Some((glance.day, self.from(glance, is_quiet)));
        }
        let has_parts = |glance: &&Glance| is_quiet && glance.base.parts().len() > 1;
        let merged = glances.iter().rev().filter(has_parts).map(|glance| (glance, self.from(glance, is_quiet)));
        merged
            .filter(|(glance, from)| *from + 1 < glance.base.parts().len())
            .map(|(glance, from)| (glance.day, from))
            .next()
    }

    /// From which part on a day is written anew.
    fn from(&self, glance: &Glance, is_quiet: bool) -> usize {
        if glance.base.parts().is_empty() {
            return 0;
        }
        let parts = self.shared.days.get(glance.day, self.shared.memory.applied());
        let sizes = parts.ok().flatten().map_or_else(Vec::new, |parts| parts.sizes());
        merge::from(&sizes, glance.late_rows, is_quiet)
    }

    /// Writes a day anew from one of its parts on, with its late rows.
    fn seal(&mut self, day: Day, from: usize) -> Result<(), DayError> {
        let Some(view) = self.shared.days.begin_closing(day, self.shared.memory.applied())? else {
            return Ok(());
        };
        let done = self.write_anew(day, &view, from, &mut Err);
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
        let done = self.write_anew(day, &view, 0, &mut |error| {
            bad.push(chain(&error));
            Ok(())
        });
        if done.is_err() {
            self.shared.days.stop_closing(day);
        }
        done?;
        let before = view.parts.map_or(0, |parts| parts.rows()) + late::size(&view.late).rows as u64;
        let after = self.shared.days.get(day, applied)?.map_or(0, |parts| parts.rows());
        if !bad.is_empty() {
            let lost = before.saturating_sub(after);
            self.shared.days.lost(format!("day {day}: {lost} of {before} events are lost: {}", bad.join("; ")));
        }
        Ok(())
    }

    fn write_anew(&mut self, day: Day, view: &View, from: usize, bad: &mut Bad<'_>) -> Result<(), DayError> {
        let rewrite = self.shared.days.prepare(day, from)?;
        let is_stopped = || self.shared.is_closed.load(Ordering::Acquire);
        let parts = view.parts.as_ref().and_then(|parts| parts.all().get(from..)).unwrap_or_default();
        let memory = self.shared.limits.writer_memory;
        let written = write(parts, &view.late, &rewrite.into, memory, &is_stopped, bad)?;
        self.shared.stages.add(Stage::PartRows, written.extent.rows, written.took.0);
        self.shared.stages.add(Stage::PartIndex, written.extent.rows, written.took.1);
        let replaced = self.shared.days.replace(day, rewrite, view.late.len())?;
        failpoint::hit(Failpoint::DayLate);
        self.leaving.extend(replaced.map(|before| (day, before)));
        Ok(())
    }

    /// Removes the old files of days that nobody reads any more.
    fn tidy(&mut self) {
        let (held, free): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.leaving).into_iter().partition(|(_, before)| before.strong_count() > 0);
        for (day, _) in free.iter().filter(|(day, _)| held.iter().all(|(other, _)| other != day)) {
            if let Err(error) = self.shared.days.tidy(*day) {
                tracing::warn!(%day, %error, "old files of a closed day could not be removed");
            }
        }
        self.leaving = held;
    }
}

/// Whether something of a day is unreadable, as opposed to the disk being full.
pub(crate) const fn is_damage(error: &DayError) -> bool {
    matches!(error, DayError::Chunk { .. } | DayError::Group { .. } | DayError::Sealed | DayError::Missing(_))
}
