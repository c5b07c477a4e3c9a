//! Spans of time on somebody's calendar: where the buckets of a histogram begin, and which day an instant belongs to.
//!
//! Up to an hour a step is real time, so that an hour which the clock repeats is two buckets. Steps of 2 to 12 hours follow
//! the wall clock and begin anew at midnight. Days follow the date, whatever its length; seven of them begin on a Monday.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, ZonedDateTime};

use crate::clock::Timestamp;
use crate::limits::MAX_BUCKETS;
use crate::query::Range;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// What people choose between, in seconds; the last one is longer than any range.
const LADDER: [i64; 27] = [
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1_200,
    1_800,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    100 * DAY,
];

/// How wide a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Seconds that divide an hour, or one hour; real time.
    Seconds(i64),
    /// 2 to 12 hours of the wall clock.
    Hours(i8),
    /// Calendar days.
    Days(i64),
}

impl Step {
    /// A step of so many seconds.
    ///
    /// # Errors
    /// The rule, when no calendar has such steps.
    pub fn new(seconds: i64) -> Result<Self, String> {
        let hours = seconds / HOUR;
        match seconds {
            1..=HOUR if HOUR % seconds == 0 => Ok(Self::Seconds(seconds)),
            _ if seconds > 0 && seconds % DAY == 0 => Ok(Self::Days(seconds / DAY)),
            _ if seconds % HOUR == 0 && (2..=12).contains(&hours) => {
                Ok(Self::Hours(i8::try_from(hours).unwrap_or(i8::MAX)))
            }
            _ => Err("whole seconds that divide an hour, 1 to 12 whole hours, or whole days".into()),
        }
    }
}

/// A time zone.
#[derive(Debug, Clone)]
pub struct Calendar(TimeZone);

impl Calendar {
    /// The calendar of an IANA time zone; an empty name is UTC.
    ///
    /// # Errors
    /// The rule, when there is no such zone.
    pub fn of(name: &str) -> Result<Self, String> {
        let zone = if name.is_empty() { Ok(TimeZone::UTC) } else { TimeZone::get(name) };
        zone.map(Self).map_err(|_| "the IANA name of a time zone, like Europe/Berlin".into())
    }

    /// The day an instant belongs to, as `2026-11-22`.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        self.zoned(at).date().to_string()
    }

    /// Where the buckets of a range begin, ascending; the first one at or before its start.
    ///
    /// # Errors
    /// The rule, when there are more than [`MAX_BUCKETS`].
    pub fn buckets(&self, range: Range, step: Step) -> Result<Vec<Timestamp>, String> {
        let buckets = self.first_buckets(range, step, MAX_BUCKETS);
        buckets.ok_or_else(|| format!("the range needs more than {MAX_BUCKETS} buckets of this width"))
    }

    /// The same with the finest usual step that needs at most `count` buckets.
    #[must_use]
    pub fn divide(&self, range: Range, count: usize) -> Vec<Timestamp> {
        let steps = LADDER.into_iter().filter_map(|seconds| Step::new(seconds).ok());
        let found = steps.filter_map(|step| self.first_buckets(range, step, count)).next();
        found.unwrap_or_else(|| vec![range.start])
    }

    fn zoned(&self, at: Timestamp) -> ZonedDateTime {
        let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MIN);
        at.to_zoned_datetime(self.0.clone())
    }

    fn first_buckets(&self, range: Range, step: Step, most: usize) -> Option<Vec<Timestamp>> {
        let mut at = self.floor(range.start, step)?;
        let mut buckets = Vec::new();
        loop {
            let begins = Timestamp::from_micros(at.timestamp().as_microsecond());
            if begins >= range.end {
                return Some(buckets);
            }
            // A boundary inside an hour that the clock leaves out falls together with the next one.
            if buckets.last().is_none_or(|last| begins > *last) {
                buckets.push(begins);
            }
            if buckets.len() > most {
                return None;
            }
            at = self.next(&at, step)?;
        }
    }

    /// The last boundary at or before an instant.
    fn floor(&self, at: Timestamp, step: Step) -> Option<ZonedDateTime> {
        let local = self.zoned(at);
        match step {
            Step::Seconds(seconds) => {
                let wall = i64::from(local.minute()) * 60 + i64::from(local.second());
                let past = SignedDuration::new(wall % seconds, local.subsec_nanosecond());
                local.checked_sub(past).ok()
            }
            Step::Hours(hours) => self.at_hour(local.date(), local.hour() / hours * hours),
            Step::Days(7) => {
                let monday = local.date().checked_sub(Span::new().days(days_since_monday(local.date()))).ok()?;
                self.at_hour(monday, 0)
            }
            Step::Days(_) => self.at_hour(local.date(), 0),
        }
    }

    fn next(&self, at: &ZonedDateTime, step: Step) -> Option<ZonedDateTime> {
        match step {
            Step::Seconds(seconds) => at.checked_add(SignedDuration::from_secs(seconds)).ok(),
            Step::Hours(hours) => {
                // From the boundary meant, not the hour it became where the clock jumped.
                let hour = at.hour() / hours * hours + hours;
                if hour < 24 { self.at_hour(at.date(), hour) } else { self.at_hour(at.date().tomorrow().ok()?, 0) }
            }
            Step::Days(days) => self.at_hour(at.date().checked_add(Span::new().try_days(days).ok()?).ok()?, 0),
        }
    }

    /// An hour of a date; of two the first, and where the clock leaves it out, the instant it jumps.
    fn at_hour(&self, date: Date, hour: i8) -> Option<ZonedDateTime> {
        self.0.to_zoned_datetime(date.at(hour, 0, 0, 0)).ok()
    }
}

fn days_since_monday(date: Date) -> i8 {
    date.weekday().since(Weekday::Monday)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(zone: &str, start: &str, end: &str, seconds: i64) -> Vec<String> {
        let at = |text| Timestamp::parse(text).unwrap();
        let range = Range { start: at(start), end: at(end) };
        let buckets = Calendar::of(zone).unwrap().buckets(range, Step::new(seconds).unwrap()).unwrap();
        buckets.iter().map(|at| at.to_string()[..16].to_owned()).collect()
    }

    #[test]
    fn a_repeated_hour_is_two_and_a_missing_one_none() {
        // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
        let autumn = starts("Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z", HOUR);
        assert_eq!(autumn, ["2026-10-24T23:00", "2026-10-25T00:00", "2026-10-25T01:00"]);
        // 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        let spring = starts("Europe/Berlin", "2026-03-29T00:10:00Z", "2026-03-29T02:10:00Z", HOUR);
        assert_eq!(spring, ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"]);
    }

    #[test]
    fn several_hours_follow_the_wall_clock() {
        let autumn = starts("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z", 6 * HOUR);
        assert_eq!(
            autumn,
            ["2026-10-24T22:00", "2026-10-25T05:00", "2026-10-25T11:00"],
            "the first has seven real hours"
        );
        let odd = starts("", "2026-11-22T19:00:00Z", "2026-11-23T08:00:00Z", 7 * HOUR);
        assert_eq!(odd, ["2026-11-22T14:00", "2026-11-22T21:00", "2026-11-23T00:00", "2026-11-23T07:00"]);
        let jump = starts("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z", 2 * HOUR);
        assert_eq!(jump, ["2026-03-28T23:00", "2026-03-29T01:00", "2026-03-29T02:00"]);
    }

    #[test]
    fn days_follow_the_date_and_weeks_begin_on_monday() {
        let days = starts("America/New_York", "2026-10-31T12:00:00Z", "2026-11-03T00:00:00Z", DAY);
        assert_eq!(days, ["2026-10-31T04:00", "2026-11-01T04:00", "2026-11-02T05:00"]);
        let weeks = starts("", "2026-11-22T10:00:00Z", "2026-11-24T00:00:00Z", 7 * DAY);
        assert_eq!(weeks, ["2026-11-16T00:00", "2026-11-23T00:00"]);
        let kathmandu = starts("Asia/Kathmandu", "2026-11-22T10:00:00Z", "2026-11-22T11:30:00Z", HOUR);
        assert_eq!(kathmandu, ["2026-11-22T09:15", "2026-11-22T10:15", "2026-11-22T11:15"]);
    }

    #[test]
    fn a_range_is_divided_into_at_most_as_many_as_asked() {
        let at = |text| Timestamp::parse(text).unwrap();
        let range = Range { start: at("2026-08-24T10:00:00Z"), end: at("2026-11-22T10:00:00Z") };
        let calendar = Calendar::of("Europe/Berlin").unwrap();
        for count in [1, 2, 7, 50, 90, 91, 500] {
            let buckets = calendar.divide(range, count);
            assert!((1..=count).contains(&buckets.len()), "{count}: {}", buckets.len());
            assert!(buckets[0] <= range.start && buckets.is_sorted());
        }
    }

    #[test]
    fn steps_no_calendar_has_are_refused() {
        for bad in [0, -60, 7, 5_400, 13 * HOUR, 36 * HOUR] {
            assert!(Step::new(bad).is_err(), "{bad}");
        }
        assert!(Calendar::of("Mars/Olympus").is_err());
    }
}
