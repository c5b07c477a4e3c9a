//! Where the time of storing goes, by stage, for operators and for the bench.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A step an event takes on its way to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Into the commit log, synced.
    Log,
    /// Into the store of a day that is written in place, synced.
    LiveRows,
    /// Into the index of such a day, committed.
    LiveIndex,
    /// Packed, to wait in memory for a part of its day.
    Late,
    /// Its idempotency key, into a file, merges included.
    Keys,
    /// Into the file of a part of a closed day. A row that is merged counts again.
    PartRows,
    /// Into the index of such a part.
    PartIndex,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Log, Self::LiveRows, Self::LiveIndex, Self::Late, Self::Keys, Self::PartRows, Self::PartIndex];

    /// In lower case, for a label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::LiveRows => "live_rows",
            Self::LiveIndex => "live_index",
            Self::Late => "late",
            Self::Keys => "keys",
            Self::PartRows => "part_rows",
            Self::PartIndex => "part_index",
        }
    }
}

/// Events that went through a stage, and the time of one thread that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTotal {
    /// Events, or keys.
    pub events: u64,
    /// Waiting for the disk included.
    pub time: Duration,
}

#[derive(Debug, Default)]
struct Counter {
    events: AtomicU64,
    nanos: AtomicU64,
}

/// The totals since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Stages([Counter; Stage::ALL.len()]);

impl Stages {
    pub(crate) fn add(&self, stage: Stage, events: u64, time: Duration) {
        let counter = &self.0[stage as usize];
        counter.events.fetch_add(events, Ordering::Relaxed);
        counter.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts what `work` takes.
    pub(crate) fn time<T>(&self, stage: Stage, events: u64, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.add(stage, events, begun.elapsed());
        done
    }

    pub(crate) fn totals(&self) -> Vec<(Stage, StageTotal)> {
        let total = |stage: Stage| {
            let counter = &self.0[stage as usize];
            let time = Duration::from_nanos(counter.nanos.load(Ordering::Relaxed));
            (stage, StageTotal { events: counter.events.load(Ordering::Relaxed), time })
        };
        Stage::ALL.into_iter().map(total).collect()
    }
}
