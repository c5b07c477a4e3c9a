//! Guests that do not stop.

use std::time::{Duration, Instant};

use system_log_model::DeadLettered::{CollectorQuarantined, CollectorTimeout};

use super::guest::{Guest, HONEST, MANIFEST};
use super::{collect, failed, good, host, limits, load, only_the_guilty_one_fails};
use crate::AdmissionError;
use crate::call::Sandbox;
use crate::fault::{Failure, Stage};
use crate::host::HostError;
use crate::limits::{CallLimits, HostLimits};
use crate::{admission, engine};

const SPIN: &str = "(loop $ever (br $ever))";
/// Far more than any of these takes on a busy machine, and far less than forever.
const SOON: Duration = Duration::from_secs(20);

/// proves: S7
#[tokio::test]
async fn a_record_that_spins_is_cut_and_its_neighbours_are_answered() {
    let begun = Instant::now();
    let message = only_the_guilty_one_fails(&Guest { guilty: SPIN, ..HONEST }, CollectorTimeout).await;
    assert_eq!(message, "cut after 200 ms", "a lone record is tried once more, with more time");
    assert!(begun.elapsed() < SOON);
}

/// proves: S7
#[tokio::test]
async fn spinning_while_the_host_writes_or_after_it_has_read_is_cut_as_well() {
    for guest in [Guest { realloc: SPIN, ..HONEST }, Guest { after: SPIN, ..HONEST }, Guest { finish: SPIN, ..HONEST }]
    {
        let verdicts = collect(&host(&guest), "a").await;
        assert_eq!(failed(&verdicts[0]).0, CollectorTimeout, "{guest:?}");
    }
}

/// proves: S7
#[test]
fn a_guest_that_spins_in_its_start_is_not_let_in() {
    let refused = load(Guest { start: SPIN, ..HONEST }.with(MANIFEST), limits()).unwrap_err();
    let HostError::Refused { origin, source: AdmissionError::Start(why) } = refused else { panic!("{refused}") };
    assert_eq!((origin.as_str(), why.as_str()), ("hostile.wasm", "cut after 200 ms"));
}

/// A start that is slow only later fails before any record was read: nobody's payload is to blame.
///
/// proves: S7
#[test]
fn a_start_that_spins_is_told_apart_from_a_call_that_spins() {
    let sandbox = |guest: Guest<'_>| {
        let component = admission::compile(&engine::shared().unwrap(), &guest.component()).unwrap();
        Sandbox::new("hostile".into(), &component, CallLimits::from(&limits())).unwrap()
    };
    let call = crate::bindings::system_log::collector::types::Call {
        source: "hostile".into(),
        config: "{}".into(),
        received_at: 0,
    };
    for (guest, stage) in
        [(Guest { start: SPIN, ..HONEST }, Stage::Start), (Guest { finish: SPIN, ..HONEST }, Stage::Call)]
    {
        let Err(Failure::Plugin(fault)) = sandbox(guest).call(&call, &[], 1) else { panic!("{stage:?} went through") };
        assert_eq!((fault.reason, fault.stage), (CollectorTimeout, stage));
    }
}

/// proves: S7
#[tokio::test]
async fn a_request_of_spinning_records_ends_when_patience_does() {
    let limits = HostLimits { patience: Duration::from_millis(500), ..limits() };
    let host = load(Guest { guilty: SPIN, ..HONEST }.with(MANIFEST), limits).unwrap();
    let begun = Instant::now();
    let verdicts = collect(&host, &"!".repeat(256)).await;
    assert!(begun.elapsed() < SOON, "256 deadlines would take over a minute");
    let reasons: Vec<_> = verdicts.iter().map(|verdict| failed(verdict).0).collect();
    assert_eq!(reasons.len(), 256);
    assert!(reasons.iter().all(|reason| [CollectorTimeout, CollectorQuarantined].contains(reason)), "{reasons:?}");
    assert_eq!(reasons.last(), Some(&CollectorQuarantined), "kept aside without being tried");
    assert_eq!(collect(&host, "a").await, [good()], "the next request has patience of its own");
}

#[tokio::test]
async fn a_manifest_may_shorten_its_time_and_not_lengthen_it() {
    let guest = Guest { guilty: SPIN, ..HONEST };
    let host = load(guest.with(&format!("{MANIFEST}[limits]\ncall_ms = 20")), limits()).unwrap();
    assert_eq!(failed(&collect(&host, "!").await[0]), (CollectorTimeout, "cut after 40 ms"));
    let longer = format!("{MANIFEST}[limits]\ncall_ms = 501");
    let refused = load(guest.with(&longer), limits()).unwrap_err().to_string();
    assert!(refused.contains("limits.call_ms: may only lower what the host allows, which is 500"), "{refused}");
}
