//! Points in time, and where "now" comes from.
//!
//! Time is injected: nothing in the project asks the operating system except the service's own clock, so a test can stand
//! on a day boundary or ninety days later.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of one UTC day; UTC days have no leap seconds here.
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A point in time: microseconds since 1970-01-01T00:00:00Z. The finest unit the log keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// A UTC day: days since 1970-01-01. Store and index are partitioned by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds and nanoseconds as `google.protobuf.Timestamp` spells them; nanoseconds below a microsecond are cut.
    /// `None` outside the years 1 to 9999 or with nanoseconds outside `0..1_000_000_000`.
    #[must_use]
    pub fn from_seconds(seconds: i64, nanos: i32) -> Option<Self> {
        const YEAR_1: i64 = -62_135_596_800;
        const YEAR_10000: i64 = 253_402_300_800;
        let in_range = (YEAR_1..YEAR_10000).contains(&seconds) && (0..1_000_000_000).contains(&nanos);
        in_range.then(|| Self(seconds * MICROS_PER_SECOND + i64::from(nanos) / 1_000))
    }

    /// The same for a bound of a range, which is rounded up: of times that are whole microseconds `[a, b)` then holds exactly
    /// those between the two.
    #[must_use]
    pub fn bound_from_seconds(seconds: i64, nanos: i32) -> Option<Self> {
        let up = i64::from(nanos % 1_000 != 0);
        Self::from_seconds(seconds, nanos).map(|at| at.plus_micros(up))
    }

    /// Reads RFC 3339 with any offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond()))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds and the remaining nanoseconds, as the wire wants them.
    #[must_use]
    pub const fn to_seconds(self) -> (i64, i32) {
        let nanos = self.0.rem_euclid(MICROS_PER_SECOND) * 1_000;
        #[expect(clippy::cast_possible_truncation, reason = "a remainder below 10^9 fits")]
        (self.0.div_euclid(MICROS_PER_SECOND), nanos as i32)
    }

    /// The UTC day it falls on.
    #[must_use]
    pub fn day(self) -> Day {
        let days = self.0.div_euclid(MICROS_PER_DAY);
        Day(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Later (or, with a negative number, earlier) by so many microseconds, clamped at the ends.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl Day {
    /// The first instant of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0).saturating_mul(MICROS_PER_DAY))
    }

    /// The first instant after the day.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.start().plus_micros(MICROS_PER_DAY)
    }
}

/// `2026-11-22T10:00:00.123456Z`: always six digits, so that text sorts as time does.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.6}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// `2026-11-22`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.split_once('T').map_or(text.as_str(), |(date, _)| date))
    }
}

/// Where "now" comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is told to move; for tests and rigs.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_between_two_microseconds_is_the_later_one() {
        let bound = |nanos| Timestamp::bound_from_seconds(7, nanos).map(Timestamp::micros);
        assert_eq!((bound(123_456_000), bound(123_456_001)), (Some(7_123_456), Some(7_123_457)));
        assert_eq!((bound(999_999_999), bound(1_000_000_000)), (Some(8_000_000), None));
    }

    #[test]
    fn text_has_six_digits_and_is_read_back() {
        let t = Timestamp::parse("2026-11-22T11:00:00.1+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-22T10:00:00.100000Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Some(t));
        assert_eq!(t.day().to_string(), "2026-11-22");
    }

    #[test]
    fn days_hold_times_before_the_epoch() {
        let t = Timestamp::from_micros(-1);
        assert_eq!(t.day(), Day(-1));
        assert!(t >= t.day().start() && t < t.day().end());
        assert_eq!(t.to_seconds(), (-1, 999_999_000));
    }

    #[test]
    fn times_that_the_wire_cannot_mean_are_refused() {
        assert!(Timestamp::from_seconds(0, 1_000_000_000).is_none());
        assert!(Timestamp::from_seconds(i64::MAX, 0).is_none());
    }
}
