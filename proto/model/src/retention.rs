//! Ninety days, and which times are believed.
//!
//! The cut-off is exact at query time (S5); the sweep that removes bytes may lag by up to a day.

use crate::clock::{MICROS_PER_DAY, Timestamp};
use crate::limits::MAX_CLOCK_AHEAD;

/// How long events are kept, and the longest range a reader may ask for. From the help page: a hard limit.
pub const RETENTION_DAYS: i64 = 90;
/// [`RETENTION_DAYS`] in microseconds.
pub const RETENTION_MICROS: i64 = RETENTION_DAYS * MICROS_PER_DAY;
/// 2010-01-01T00:00:00Z: no source of ours is older, so an earlier time is a broken clock.
const BELIEVABLE_SINCE: Timestamp = Timestamp::from_micros(1_262_304_000_000_000);

/// The oldest instant that is still kept at `now`.
#[must_use]
pub const fn cutoff(now: Timestamp) -> Timestamp {
    now.plus_micros(-RETENTION_MICROS)
}

/// What is made of a source's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Believed and within the window.
    Accept,
    /// Believed, and before the window: rejected `TOO_OLD`.
    TooOld,
    /// Not believed: before 2010 or more than ten minutes ahead. The receive time counts.
    Suspect,
}

/// Judges a source's time at the moment of receipt.
#[must_use]
pub fn admit(at: Timestamp, now: Timestamp) -> Admission {
    let ahead = i64::try_from(MAX_CLOCK_AHEAD.as_micros()).unwrap_or(i64::MAX);
    if at < BELIEVABLE_SINCE || at > now.plus_micros(ahead) {
        Admission::Suspect
    } else if at < cutoff(now) {
        Admission::TooOld
    } else {
        Admission::Accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_exact_at_both_ends() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        assert_eq!(admit(cutoff(now), now), Admission::Accept);
        assert_eq!(admit(cutoff(now).plus_micros(-1), now), Admission::TooOld);
        assert_eq!(admit(now.plus_micros(600_000_000), now), Admission::Accept);
        assert_eq!(admit(now.plus_micros(600_000_001), now), Admission::Suspect);
        assert_eq!(admit(Timestamp::parse("2009-12-31T23:59:59Z").unwrap(), now), Admission::Suspect);
    }
}
