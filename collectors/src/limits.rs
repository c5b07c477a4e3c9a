//! How much a plugin may take. Every number has a name, a unit and a reason; a manifest may lower some of them for itself,
//! never raise them.
//!
//! Sizes of payloads, texts and attributes are rules of the log and stand in `model::limits`.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// How often the epoch moves: the grain of every deadline. A hundred wake-ups a second cost nothing measurable.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Stack of WebAssembly frames: wasmtime's own default; a parser that recurses deeper has met a bomb.
pub const WASM_STACK_BYTES: usize = 512 * KIB;
/// Stack of a worker thread: the guest's, and room for the host's own frames around it.
pub const WORKER_STACK_BYTES: usize = WASM_STACK_BYTES + 2 * MIB;
/// Most worker threads of a host: each needs a slot of the pool, and a slot reserves about 6 GiB of address space.
pub const MAX_THREADS: usize = 32;
/// Linear memories (and component instances) of the pool: one for each worker, and as many again for hosts side by side in
/// one process, as tests have them. 64 × 6 GiB fit every 48-bit address space.
pub const POOL_SLOTS: u32 = 64;
/// Core instances and tables of one component: module, shim and fix-up make three; the rest is room for other languages.
pub const MAX_CORE_INSTANCES: u32 = 8;
/// Elements of one table: large C# guests need ten thousand.
pub const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Memory of a slot that is wiped by `memset` instead of a system call when a call ends: what a typical batch touches.
pub const KEEP_RESIDENT_BYTES: usize = MIB;
/// Linear memory that no host may exceed: the size of a slot.
pub const MAX_MEMORY_BYTES: usize = 256 * MIB;
/// Frames of a trap's backtrace, for the operator's log.
pub const BACKTRACE_FRAMES: usize = 16;

/// Records of one call: beyond this a fresh instance costs nothing any more (measured: 4.2 µs a record at 64, 3.8 at 256).
pub const MAX_CALL_RECORDS: usize = 256;
/// Payload bytes of one call: with the answer it must fit into a guest's memory several times over.
pub const MAX_CALL_BYTES: usize = MIB;

/// Bytes of one line a guest logs. From the contract.
pub const MAX_LOG_LINE_BYTES: usize = KIB;
/// Lines a guest may log in one call. From the contract: a few.
pub const MAX_LOG_LINES: u32 = 16;

/// Bytes of a sentence for the developer: a reason, a type's name.
pub const MAX_REASON_BYTES: usize = KIB;
/// Bytes of the name of an event type nobody knows.
pub const MAX_TYPE_NAME_BYTES: usize = 128;
/// Hints of one event: an id and the names a provider has for a customer.
pub const MAX_ORG_HINTS: usize = 16;

/// What an operator may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// Largest component file, in bytes. Rust guests have a tenth of a MiB, those with an interpreter inside a few MiB.
    pub component_bytes: usize,
    /// Linear memory of one call, in bytes, at most [`MAX_MEMORY_BYTES`]: 1 MiB of records, parsed, several times over.
    pub memory_bytes: usize,
    /// What one call may hand back, in bytes: a thousand events with full attributes.
    pub output_bytes: usize,
    /// Time for instantiation, start function included: it takes tens of microseconds, the rest is for a busy machine.
    pub start: Duration,
    /// Time for a call, whatever it holds.
    pub call_base: Duration,
    /// Time for each record of a call on top: five hundred times what one takes.
    pub call_per_record: Duration,
    /// No call gets more.
    pub call_cap: Duration,
    /// A record that ran out of time alone gets so many times more once: a busy machine must not dead-letter good events.
    pub retry_factor: u32,
    /// Time one request may lose to failing calls. Then its undecided records are kept aside without being tried, because
    /// a request full of endless loops would hold a thread for minutes. An endless record among 256 costs about 2 s.
    pub patience: Duration,
    /// Requests that may wait for a thread.
    pub queue_requests: usize,
    /// Payload bytes that may wait or be in work: sixteen of the largest requests.
    pub queue_bytes: usize,
    /// When a collector is switched off, and for how long.
    pub breaker: BreakerLimits,
}

/// When a collector that keeps failing is switched off. It must have failed on many requests and on most records: a few
/// broken records, however often one sender repeats them, do not switch it off for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// What counts as lately.
    pub window: Duration,
    /// Requests with failures within the window.
    pub requests: u32,
    /// Of all records within the window, at least so many of a hundred failed.
    pub percent: u32,
    /// How long the first quarantine lasts. Then one request is tried; each failure doubles the time.
    pub first: Duration,
    /// No quarantine lasts longer.
    pub longest: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            requests: 5,
            percent: 50,
            first: Duration::from_secs(10),
            longest: Duration::from_secs(300),
        }
    }
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            component_bytes: 16 * MIB,
            memory_bytes: 64 * MIB,
            output_bytes: 16 * MIB,
            start: Duration::from_millis(100),
            call_base: Duration::from_millis(100),
            call_per_record: Duration::from_millis(2),
            call_cap: Duration::from_millis(500),
            retry_factor: 4,
            patience: Duration::from_secs(10),
            queue_requests: 1_024,
            queue_bytes: 64 * MIB,
            breaker: BreakerLimits::default(),
        }
    }
}

/// What one plugin may take: the host's limits, lowered by its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallLimits {
    pub(crate) memory_bytes: usize,
    pub(crate) output_bytes: usize,
    pub(crate) start: Duration,
    pub(crate) call_base: Duration,
    pub(crate) call_per_record: Duration,
    pub(crate) call_cap: Duration,
    pub(crate) retry_factor: u32,
}

impl From<&HostLimits> for CallLimits {
    fn from(host: &HostLimits) -> Self {
        Self {
            memory_bytes: host.memory_bytes.min(MAX_MEMORY_BYTES),
            output_bytes: host.output_bytes,
            start: host.start,
            call_base: host.call_base,
            call_per_record: host.call_per_record,
            call_cap: host.call_cap,
            retry_factor: host.retry_factor,
        }
    }
}

impl CallLimits {
    /// Time for a call with so many records.
    pub(crate) fn call(&self, records: usize) -> Duration {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.call_base.saturating_add(self.call_per_record.saturating_mul(records)).min(self.call_cap)
    }
}

/// A time in epoch ticks: rounded up, and one for the tick that is running already. Never 0, which would cut at once.
pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(EPOCH_TICK.as_millis())).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_gets_base_and_share_up_to_the_cap() {
        let limits = CallLimits::from(&HostLimits::default());
        assert_eq!(limits.call(1), Duration::from_millis(102));
        assert_eq!(limits.call(100), Duration::from_millis(300));
        assert_eq!(limits.call(usize::MAX), Duration::from_millis(500));
    }

    #[test]
    fn a_deadline_is_never_shorter_than_its_time() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(Duration::from_millis(1)), 2);
        assert_eq!(ticks(Duration::from_millis(100)), 11);
    }
}
