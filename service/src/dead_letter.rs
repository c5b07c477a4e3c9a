//! Names of dead letters: URL-safe, unique, in order of arrival.

use std::sync::atomic::{AtomicU64, Ordering};

use system_log_model::Timestamp;

/// Tells apart letters of one microsecond; starts anywhere, so that a restart within it does not matter either.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A new name: the arrival in microseconds and a counter, both of fixed width in hexadecimal, so that names sort by time.
#[must_use]
pub fn new_id(received_at: Timestamp) -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:06x}", received_at.micros().max(0), count & 0xff_ffff)
}
