//! The breaker of one plugin version: when it keeps failing it is switched off for a while, then tried again with one
//! request. Closed → open (quarantined) → one probe → closed, or open for twice as long.
//!
//! Its time is that of the requests, so that a test's clock moves it.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use system_log_model::Timestamp;

use crate::limits::BreakerLimits;

/// The grain of the window.
const BUCKET: Duration = Duration::from_secs(1);

/// A breaker.
pub(crate) struct Breaker {
    limits: BreakerLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// One for each second in which something happened, the newest last.
    recent: VecDeque<Bucket>,
    open: Option<Open>,
    /// How often it was opened.
    times: u64,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    second: i64,
    failed_requests: u32,
    records: u64,
    failed: u64,
}

struct Open {
    until: Timestamp,
    lasted: Duration,
    probing: bool,
    why: String,
}

/// Leave to run one request; given back with its result, or dropped when there was none.
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// May a request run?
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn enter(&self, now: Timestamp) -> Result<Pass<'_>, String> {
        let mut state = self.state.lock();
        match &mut state.open {
            None => Ok(Pass { breaker: self, is_probe: false }),
            Some(open) if now >= open.until && !open.probing => {
                open.probing = true;
                Ok(Pass { breaker: self, is_probe: true })
            }
            Some(open) => Err(open.tell()),
        }
    }

    /// Why it is switched off; `None` when it is not. Until a probe has succeeded it is.
    pub(crate) fn quarantine(&self) -> Option<String> {
        self.state.lock().open.as_ref().map(Open::tell)
    }

    /// How often it has been switched off.
    pub(crate) fn times(&self) -> u64 {
        self.state.lock().times
    }
}

impl Pass<'_> {
    /// What became of the request. Gives a sentence when this has switched the plugin off.
    pub(crate) fn settle(mut self, now: Timestamp, records: usize, failed: usize, why: &str) -> Option<String> {
        let limits = self.breaker.limits;
        let is_probe = std::mem::take(&mut self.is_probe);
        let mut state = self.breaker.state.lock();
        let (records, failed) = (records as u64, failed as u64);
        let mostly_failed =
            |records: u64, failed: u64| failed > 0 && failed * 100 >= records * u64::from(limits.percent);
        if is_probe {
            // A request without a record for the plugin tells nothing.
            if records == 0 {
                state.open.iter_mut().for_each(|open| open.probing = false);
            } else if !mostly_failed(records, failed) {
                state.open = None;
                state.recent.clear();
            } else if let Some(open) = state.open.take() {
                return Some(state.switch_off(now, (open.lasted * 2).min(limits.longest), why));
            }
            return None;
        }
        if state.open.is_some() {
            return None; // began before it was switched off
        }
        let all =
            state.count(now, &limits, Bucket { failed_requests: u32::from(failed > 0), records, failed, second: 0 });
        if all.failed_requests < limits.requests || failed == 0 || !mostly_failed(all.records, all.failed) {
            return None;
        }
        Some(state.switch_off(now, limits.first, why))
    }
}

impl Drop for Pass<'_> {
    /// A probe that came to nothing: the next request is one.
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state.lock().open.iter_mut().for_each(|open| open.probing = false);
        }
    }
}

impl State {
    /// Adds to the window and gives its sum.
    fn count(&mut self, now: Timestamp, limits: &BreakerLimits, more: Bucket) -> Bucket {
        let second = now.micros() / i64::try_from(BUCKET.as_micros()).unwrap_or(1);
        let oldest = second - i64::try_from(limits.window.as_secs()).unwrap_or(i64::MAX);
        // A clock that was set back begins anew.
        self.recent.retain(|bucket| bucket.second > oldest && bucket.second <= second);
        match self.recent.back_mut() {
            Some(bucket) if bucket.second == second => bucket.add(&more),
            _ => self.recent.push_back(Bucket { second, ..more }),
        }
        let mut all = Bucket::default();
        self.recent.iter().for_each(|bucket| all.add(bucket));
        all
    }

    fn switch_off(&mut self, now: Timestamp, lasted: Duration, why: &str) -> String {
        let until = now.plus_micros(i64::try_from(lasted.as_micros()).unwrap_or(i64::MAX));
        let open = Open { until, lasted, probing: false, why: why.to_owned() };
        let told = open.tell();
        self.open = Some(open);
        self.times += 1;
        self.recent.clear();
        told
    }
}

impl Bucket {
    fn add(&mut self, more: &Self) {
        self.failed_requests = self.failed_requests.saturating_add(more.failed_requests);
        self.records += more.records;
        self.failed += more.failed;
    }
}

impl Open {
    fn tell(&self) -> String {
        format!(
            "the collector kept failing and is switched off until {}, when it is tried again; last: {}",
            self.until, self.why
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BreakerLimits = BreakerLimits {
        window: Duration::from_secs(60),
        requests: 5,
        percent: 50,
        first: Duration::from_secs(10),
        longest: Duration::from_secs(35),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(1_795_341_600_000_000 + second * 1_000_000)
    }

    /// One request; whether it ran, and whether it switched the plugin off.
    fn request(breaker: &Breaker, second: i64, records: usize, failed: usize) -> Option<bool> {
        let pass = breaker.enter(at(second)).ok()?;
        Some(pass.settle(at(second), records, failed, "COLLECTOR_TRAPPED").is_some())
    }

    #[test]
    fn five_failing_requests_of_a_minute_switch_it_off() {
        let breaker = Breaker::new(LIMITS);
        for second in 0..4 {
            assert_eq!(request(&breaker, second, 1, 1), Some(false));
        }
        assert!(breaker.quarantine().is_none());
        assert_eq!(request(&breaker, 4, 1, 1), Some(true));
        let why = breaker.quarantine().unwrap();
        assert!(why.contains("until 2026-11-22T10:00:14") && why.ends_with("last: COLLECTOR_TRAPPED"), "{why}");
        assert_eq!((request(&breaker, 13, 1, 0), breaker.times()), (None, 1));
    }

    #[test]
    fn failures_that_are_few_or_long_ago_do_not() {
        let breaker = Breaker::new(LIMITS);
        for second in 0..100 {
            assert_eq!(request(&breaker, second, 3, 1), Some(false), "a third");
        }
        let breaker = Breaker::new(LIMITS);
        for round in 0..100 {
            assert_eq!(request(&breaker, round * 16, 1, 1), Some(false), "four in a minute");
        }
    }

    #[test]
    fn one_probe_at_a_time_decides_and_each_failure_doubles_the_time() {
        let breaker = Breaker::new(LIMITS);
        (0..5).for_each(|_| _ = request(&breaker, 0, 1, 1));
        let probe = breaker.enter(at(10)).unwrap();
        assert!(breaker.enter(at(10)).is_err(), "one at a time");
        assert!(probe.settle(at(10), 4, 4, "again").is_some());
        assert!(breaker.enter(at(29)).is_err(), "20 s");
        drop(breaker.enter(at(30)).unwrap()); // abandoned
        assert_eq!(request(&breaker, 30, 1, 1), Some(true), "the next one is the probe");
        assert!(breaker.enter(at(64)).is_err(), "35 s and not 40");
        assert_eq!(request(&breaker, 65, 2, 0), Some(false));
        assert!(breaker.quarantine().is_none());
        assert_eq!((request(&breaker, 65, 1, 1), breaker.times()), (Some(false), 3), "it begins anew");
    }

    #[test]
    fn what_began_before_it_was_switched_off_changes_nothing() {
        let breaker = Breaker::new(LIMITS);
        let late = breaker.enter(at(0)).unwrap();
        (0..5).for_each(|_| _ = request(&breaker, 0, 1, 1));
        assert!(late.settle(at(1), 1, 0, "").is_none());
        assert!(breaker.quarantine().is_some());
    }
}
