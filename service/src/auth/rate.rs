//! How often one caller may call. A caller who keeps to the rate is never refused, and may save up a second's worth.
//!
//! One number for each caller: the moment at which what he has used is paid off (the generic cell rate algorithm).

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use system_log_model::Timestamp;

use super::{Caller, Scope};
use crate::status::Refusal;

/// Requests a second of one caller, unless the configuration says otherwise: ten times what a page with many users asks, and
/// a request may carry a thousand records.
pub const DEFAULT_PER_SECOND: u32 = 1_000;
/// What a caller may save up.
const BURST_NANOS: i64 = 1_000_000_000;
/// Callers remembered at once; beyond it those who owe nothing are forgotten.
const MAX_CALLERS: usize = 10_000;

/// See the file's first lines.
pub struct Rates {
    nanos_per_request: i64,
    paid_off: Mutex<HashMap<String, i64>>,
}

impl Rates {
    /// So many requests a second for each caller, at least one.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self { nanos_per_request: BURST_NANOS / i64::from(per_second.max(1)), paid_off: Mutex::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `RATE_LIMITED`, with the time after which the next one passes.
    pub fn take(&self, caller: &Caller, now: Timestamp) -> Result<(), Refusal> {
        let org = match &caller.scope {
            Scope::All | Scope::Key(_) => "*",
            Scope::One(org) => org.as_str(),
        };
        self.take_as(format!("{} {org} {}", caller.role.name(), caller.subject), now)
    }

    /// Counts a request of somebody who has no token, under a name that no caller has.
    ///
    /// # Errors
    /// As [`Rates::take`].
    pub fn take_as(&self, name: String, now: Timestamp) -> Result<(), Refusal> {
        let now = now.micros().saturating_mul(1_000);
        let mut paid_off = self.paid_off.lock();
        let used = paid_off.get(&name).map_or(now, |at| (*at).max(now)) + self.nanos_per_request;
        if used - now > BURST_NANOS {
            let wait = u64::try_from(used - now - BURST_NANOS).unwrap_or_default();
            return Err(Refusal::rate_limited(Duration::from_nanos(wait)));
        }
        if paid_off.len() >= MAX_CALLERS && !paid_off.contains_key(&name) {
            paid_off.retain(|_, at| *at > now);
        }
        if paid_off.len() < MAX_CALLERS || paid_off.contains_key(&name) {
            paid_off.insert(name, used);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    fn caller(subject: &str) -> Caller {
        Caller {
            subject: subject.into(),
            name: String::new(),
            email: String::new(),
            role: Role::Ingest,
            scope: Scope::All,
        }
    }

    #[test]
    fn a_caller_has_his_rate_and_takes_nobody_elses() {
        let rates = Rates::new(10);
        let at = |millis: i64| Timestamp::from_micros(millis * 1_000);
        for n in 0..10 {
            assert!(rates.take(&caller("a"), at(0)).is_ok(), "{n}");
        }
        assert_eq!(rates.take(&caller("a"), at(0)).unwrap_err().reason(), "RATE_LIMITED");
        assert!(rates.take(&caller("b"), at(0)).is_ok());
        assert!(rates.take(&caller("a"), at(99)).is_err());
        assert!(rates.take(&caller("a"), at(100)).is_ok());
        assert!(rates.take(&caller("a"), at(100)).is_err(), "a refused request costs nothing, a taken one does");
        for n in 0..1_000 {
            assert!(rates.take(&caller("a"), at(200 + n * 100)).is_ok(), "who keeps to the rate is never refused");
        }
    }
}
