//! What a store is opened with. Every number has a name, a unit and a reason; nothing here knows how it is used.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use system_log_model::Clock;

/// Where the store is, what time it is, and how much it may hold back.
#[derive(Clone)]
pub struct StoreOptions {
    /// The data folder; made when it is missing. The store uses the folder alone.
    pub directory: PathBuf,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: StoreLimits,
}

/// Bounds of one store.
#[derive(Debug, Clone)]
pub struct StoreLimits {
    /// Events and changes accepted but not yet in the days; more answer `Overloaded` (S10). A row of ordinary size takes
    /// about one and a half kilobytes until it is in its day, so this is what the memory goal leaves room for.
    pub pending_records: usize,
    /// The same in encoded bytes.
    pub pending_bytes: usize,
    /// Requests that wait for the log's writer; more answer `Overloaded` (S10).
    pub queue: usize,
    /// The applier starts when so many events wait, whatever their age: fewer, larger commits of the index.
    pub apply_events: usize,
    /// The applier starts when the oldest waiting event is so old.
    pub apply_interval: Duration,
    /// Memory of one index writer, in bytes; the engine wants at least 15 MB.
    pub writer_memory: usize,
    /// Index writers kept open. Two days are written at midnight; the third is for late events.
    pub writers: usize,
    /// A day is written in place until so long after its end; what comes later is kept aside and folded in.
    pub close_after: Duration,
    /// Late rows of one day that are folded in even while there is other work.
    pub late_rows: u64,
    /// Late rows of all days, in bytes at hand, about fifty each; the applier waits when there are more. They are read from
    /// the log again at the next start, half a million of them in a second.
    pub late_bytes: usize,
    /// Closed days kept open. All days of the retention, so that a 90-day question opens each only once; one takes some
    /// hundred kilobytes.
    pub open_days: usize,
    /// Days kept open that are still written, each with an engine of some megabytes.
    pub live_days: usize,
    /// Cache of one day's store, in bytes; the engine really uses several times as much.
    pub day_cache: u64,
    /// Cache of the store of directory, dead letters and keys, in bytes.
    pub meta_cache: u64,
    /// A segment of the log is closed when it is so long, in bytes.
    pub segment_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            pending_records: 80_000,
            pending_bytes: 256 << 20,
            queue: 4_096,
            apply_events: 24_576,
            apply_interval: Duration::from_millis(1_500),
            writer_memory: 15_000_000,
            writers: 3,
            close_after: Duration::from_secs(48 * 3_600),
            late_rows: 4_096,
            late_bytes: 24 << 20,
            open_days: 96,
            live_days: 6,
            day_cache: 1 << 20,
            meta_cache: 16 << 20,
            segment_bytes: 64 << 20,
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("directory", &self.directory)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
