//! What each plugin did and took, counted without locks. It knows nothing of the names under which an operator sees it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use system_log_model::draft::{Outcome, Verdict};
use system_log_model::{DeadLettered, Rejected};

use crate::fault::Failure;
use crate::plugin::CollectorState;

/// Upper bounds of the histogram of call times: from what one event takes to what no call may take.
pub const CALL_SECONDS: [f64; 12] =
    [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 100e-3, 500e-3, 2.0];
/// How a call may fail.
pub const FAILURES: [DeadLettered; 4] = [
    DeadLettered::CollectorTrapped,
    DeadLettered::CollectorTimeout,
    DeadLettered::CollectorOutOfMemory,
    DeadLettered::CollectorBadOutput,
];
/// What may become of a record, or of an item of a page.
pub const RECORDS: [&str; 6] = ["emit", "drop", "reject", "unknown", "undeclared", "failed"];

/// The counters of one plugin version.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    good_calls: AtomicU64,
    failures: [AtomicU64; FAILURES.len()],
    /// The last one counts what is above every bound.
    call_times: [AtomicU64; CALL_SECONDS.len() + 1],
    call_nanos: AtomicU64,
    memory_peak: AtomicU64,
    records: [AtomicU64; RECORDS.len()],
}

/// What a plugin version did since it was loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectorStats {
    /// The collector's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it takes records.
    pub state: CollectorState,
    /// Calls that came back.
    pub good_calls: u64,
    /// Calls that failed, by [`FAILURES`]. Those of [`DeadLettered::CollectorTimeout`] were cut by the epoch.
    pub failures: [u64; FAILURES.len()],
    /// Calls by time: not cumulated, by [`CALL_SECONDS`], the last one above every bound.
    pub call_times: [u64; CALL_SECONDS.len() + 1],
    /// Time of all calls.
    pub call_seconds: f64,
    /// Most linear memory that one call had, in bytes.
    pub memory_peak: u64,
    /// Records and items by [`RECORDS`].
    pub records: [u64; RECORDS.len()],
    /// How often it was switched off because it kept failing.
    pub quarantines: u64,
}

impl Stats {
    /// Counts a call.
    pub(crate) fn called(&self, took: Duration, memory: usize, failure: Option<&Failure>) {
        match failure {
            None => self.good_calls.fetch_add(1, Relaxed),
            Some(Failure::NoSlot) => return,
            Some(Failure::Plugin(fault)) => {
                let class = FAILURES.iter().position(|class| *class == fault.reason).unwrap_or(0);
                self.failures[class].fetch_add(1, Relaxed)
            }
        };
        let bucket = CALL_SECONDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(CALL_SECONDS.len());
        self.call_times[bucket].fetch_add(1, Relaxed);
        self.call_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.memory_peak.fetch_max(memory as u64, Relaxed);
    }

    /// Counts what became of a record.
    pub(crate) fn settled(&self, outcome: &Outcome) {
        let count = |verdict: &Verdict| {
            let index = match verdict {
                Verdict::Emit(_) => 0,
                Verdict::Drop(..) => 1,
                Verdict::Reject(Rejected::KindNotDeclared, _) => 4,
                Verdict::Reject(..) => 2,
                Verdict::Unknown(_) => 3,
                Verdict::Failed(..) => 5,
            };
            self.records[index].fetch_add(1, Relaxed);
        };
        match outcome {
            Outcome::One(verdict) => count(verdict),
            Outcome::Page(verdicts) => verdicts.iter().for_each(count),
        }
    }

    pub(crate) fn read(&self, name: &str, version: &str, state: CollectorState, quarantines: u64) -> CollectorStats {
        CollectorStats {
            name: name.to_owned(),
            version: version.to_owned(),
            state,
            good_calls: self.good_calls.load(Relaxed),
            failures: self.failures.each_ref().map(|count| count.load(Relaxed)),
            call_times: self.call_times.each_ref().map(|count| count.load(Relaxed)),
            call_seconds: Duration::from_nanos(self.call_nanos.load(Relaxed)).as_secs_f64(),
            memory_peak: self.memory_peak.load(Relaxed),
            records: self.records.each_ref().map(|count| count.load(Relaxed)),
            quarantines,
        }
    }
}
