//! A validated question: organisation, filter, time range, order. Nothing behind it checks again.

use crate::clock::Timestamp;
use crate::event::Event;
use crate::filter::{Filter, RawFilter};
use crate::id::OrgId;
use crate::kind::Catalogue;
use crate::limits::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::order::OrderBy;
use crate::retention::{RETENTION_DAYS, RETENTION_MICROS, cutoff};
use crate::violation::{InvalidReason, Violation};

/// The range when only its end is known. From the help page: the last 24 hours.
const DEFAULT_RANGE_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// "The last 90 days" is computed by a client a moment before the server looks at its own clock. So much later is still
/// the same question; rows beyond the cut-off are not returned all the same.
const RANGE_GRACE_MICROS: i64 = 5 * 60 * 1_000_000;

/// Half-open `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Range {
    /// The first instant that belongs to it.
    pub start: Timestamp,
    /// The first instant that does not.
    pub end: Timestamp,
}

impl Range {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Resolves what a caller wrote, at `now`.
    ///
    /// # Errors
    /// `RANGE_TOO_LONG`, `OUTSIDE_RETENTION`, or `INVALID_FILTER` when the end is not after the start.
    pub fn resolve(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<Self, Violation> {
        let end = end.unwrap_or(now);
        let start = start.unwrap_or_else(|| end.plus_micros(-DEFAULT_RANGE_MICROS));
        if start >= end {
            return Err(Violation::filter("filter.start_time", "must be before end_time"));
        }
        if end.micros().saturating_sub(start.micros()) > RETENTION_MICROS + RANGE_GRACE_MICROS {
            let rule = format!("the range is at most {RETENTION_DAYS} days long");
            return Err(Violation { reason: InvalidReason::RangeTooLong, field: "filter.start_time", rule });
        }
        if start < cutoff(now).plus_micros(-RANGE_GRACE_MICROS) {
            let rule = format!("events are kept {RETENTION_DAYS} days: not before {}", cutoff(now));
            return Err(Violation { reason: InvalidReason::OutsideRetention, field: "filter.start_time", rule });
        }
        Ok(Self { start, end })
    }

    /// The part that is still kept at `now`.
    #[must_use]
    pub fn kept(self, now: Timestamp) -> Self {
        Self { start: self.start.max(cutoff(now)), end: self.end }
    }
}

/// A question about one organisation's log. It cannot be made without an organisation (S4) nor reach beyond the retention
/// (S5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The organisation, from the caller's token.
    pub org: OrgId,
    /// What the events must be.
    pub filter: Filter,
    /// When they happened; already cut to what is kept.
    pub range: Range,
    /// How they are sorted.
    pub order: OrderBy,
}

impl Query {
    /// Checks a whole question at `now`. A later page passes the range that its first page resolved, so that "until now"
    /// keeps meaning the same instant.
    ///
    /// # Errors
    /// Every violation, each with field and rule.
    pub fn new(
        org: OrgId,
        raw: &RawFilter,
        order_by: &str,
        resolved: Option<Range>,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, Vec<Violation>> {
        let mut wrong = Vec::new();
        let filter = Filter::new(raw, catalogue).map_err(|violations| wrong.extend(violations)).ok();
        let range = match resolved {
            Some(range) => Ok(range),
            None => Range::resolve(raw.start, raw.end, now),
        };
        let range = range.map_err(|violation| wrong.push(violation)).ok();
        let order = match raw.log {
            Some(log) => OrderBy::parse(log, order_by).map_err(|violation| wrong.push(violation)).ok(),
            None => None,
        };
        match (filter, range, order) {
            (Some(filter), Some(range), Some(order)) => Ok(Self { org, filter, range: range.kept(now), order }),
            _ => Err(wrong),
        }
    }

    /// Whether an event belongs to the answer.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        event.org == self.org && self.range.contains(event.occurred_at) && self.filter.matches(event)
    }
}

/// The number of rows a page has: 0 is the default, too many become the maximum.
///
/// # Errors
/// A negative number.
pub fn page_size(asked: i32) -> Result<usize, Violation> {
    match usize::try_from(asked) {
        Ok(0) => Ok(DEFAULT_PAGE_SIZE),
        Ok(size) => Ok(size.min(MAX_PAGE_SIZE)),
        Err(_) => {
            let rule = format!("0 (for {DEFAULT_PAGE_SIZE}) to {MAX_PAGE_SIZE}, not negative");
            Err(Violation { reason: InvalidReason::PageSize, field: "page_size", rule })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = crate::clock::MICROS_PER_DAY;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T10:00:00Z").unwrap()
    }

    #[test]
    fn the_default_range_is_the_last_day() {
        let range = Range::resolve(None, None, now()).unwrap();
        assert_eq!((range.start, range.end), (now().plus_micros(-DAY), now()));
        assert!(range.contains(range.start) && !range.contains(range.end), "half-open");
    }

    #[test]
    fn long_old_and_empty_ranges_are_refused_with_the_reason() {
        let reason = |start: i64, end: i64| {
            let at = |days: i64| Some(now().plus_micros(days * DAY));
            Range::resolve(at(start), at(end), now()).map_err(|v| v.reason.name())
        };
        assert!(reason(-90, 0).is_ok());
        assert_eq!(reason(-91, 0), Err("RANGE_TOO_LONG"));
        assert_eq!(reason(-91, -5), Err("OUTSIDE_RETENTION"));
        assert_eq!(reason(0, 0), Err("INVALID_FILTER"));
        let until = |micros: i64| Range::resolve(None, Some(now().plus_micros(micros)), now());
        assert!(until(-89 * DAY).is_ok());
        let reason = until(-89 * DAY - DAY / 2).map_err(|v| v.reason.name());
        assert_eq!(
            reason,
            Err("OUTSIDE_RETENTION"),
            "a day before its end it would begin too early: not cut in silence"
        );
    }

    #[test]
    fn rows_beyond_the_cutoff_are_cut_exactly() {
        let start = cutoff(now()).plus_micros(-1_000);
        let kept = Range::resolve(Some(start), None, now()).unwrap().kept(now());
        assert_eq!(kept.start, cutoff(now()));
    }

    #[test]
    fn page_sizes() {
        assert_eq!(page_size(0).unwrap(), 50);
        assert_eq!(page_size(1_000).unwrap(), 200);
        assert_eq!(page_size(-1).unwrap_err().reason.name(), "INVALID_PAGE_SIZE");
    }
}
