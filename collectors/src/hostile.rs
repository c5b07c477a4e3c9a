//! Hostile guests: whatever one does, its neighbours' records are answered and the host goes on. Written in WebAssembly text,
//! because no compiler would let them through.

pub(crate) mod answers;
mod greed;
pub(crate) mod guest;
mod many;
mod time;

use std::time::Duration;

use system_log_model::draft::{Outcome, Submission, Verdict};
use system_log_model::{DeadLettered, Dropped, Timestamp};

use self::guest::{Guest, HONEST, MANIFEST};
use crate::host::{Host, HostError, HostOptions};
use crate::limits::{BreakerLimits, HostLimits};

/// Short deadlines, so that the tests are, and yet long enough for a busy machine to do what takes microseconds.
fn limits() -> HostLimits {
    HostLimits {
        start: Duration::from_millis(100),
        call_base: Duration::from_millis(100),
        call_per_record: Duration::ZERO,
        retry_factor: 2,
        // What is switched off does no more harm; here each failure is to be seen.
        breaker: BreakerLimits { requests: u32::MAX, ..BreakerLimits::default() },
        ..HostLimits::default()
    }
}

fn load(component: Vec<u8>, limits: HostLimits) -> Result<Host, HostError> {
    let options = HostOptions { threads: 1, limits, ..HostOptions::default() };
    Host::with_plugins(options, vec![("hostile.wasm".into(), component)])
}

fn host(guest: &Guest<'_>) -> Host {
    load(guest.with(MANIFEST), limits()).unwrap()
}

/// One record for each letter: `!` is a guilty one.
async fn collect(host: &Host, records: &str) -> Vec<Verdict> {
    let record =
        |c: char| Submission { payload: vec![c as u8], content_type: String::new(), headers: vec![], group: 0 };
    let outcomes = host.collect("hostile", Timestamp::from_micros(0), records.chars().map(record).collect()).await;
    let verdict = |outcome| match outcome {
        Outcome::One(verdict) => verdict,
        Outcome::Page(_) => panic!("no guest here makes a page of one verdict"),
    };
    outcomes.unwrap().into_iter().map(verdict).collect()
}

fn good() -> Verdict {
    Verdict::Drop(Dropped::NotLogged, "fine".into())
}

fn failed(verdict: &Verdict) -> (DeadLettered, &str) {
    match verdict {
        Verdict::Failed(reason, message) => (*reason, message),
        other => panic!("not failed: {other:?}"),
    }
}

/// The guilty one of five fails for that reason, its neighbours are answered, and so is whoever comes later. Gives the
/// sentence that stands in the dead letter.
async fn only_the_guilty_one_fails(guest: &Guest<'_>, reason: DeadLettered) -> String {
    let host = host(guest);
    let verdicts = collect(&host, "aa!aa").await;
    let (found, message) = failed(&verdicts[2]);
    assert_eq!(found, reason, "{message}");
    for neighbour in [0, 1, 3, 4] {
        assert_eq!(verdicts[neighbour], good(), "record {neighbour}");
    }
    assert_eq!(collect(&host, "a").await, [good()], "the next request");
    message.to_owned()
}

#[tokio::test]
async fn an_honest_guest_is_believed() {
    let host = host(&HONEST);
    assert_eq!(collect(&host, "a!a").await, [good(), good(), good()]);
    assert_eq!(collect(&host, "").await, []);
}

#[tokio::test]
async fn a_trap_costs_exactly_the_guilty_records_of_a_large_batch() {
    let host = host(&Guest { guilty: "unreachable", ..HONEST });
    let mut records = vec!['a'; 300];
    for guilty in [0, 100, 101, 255, 256, 299] {
        records[guilty] = '!';
    }
    let verdicts = collect(&host, &records.iter().collect::<String>()).await;
    assert_eq!(verdicts.len(), 300);
    for (index, (record, verdict)) in records.iter().zip(&verdicts).enumerate() {
        if *record == 'a' {
            assert_eq!(*verdict, good(), "record {index}");
        } else {
            let (reason, message) = failed(verdict);
            assert_eq!(reason, DeadLettered::CollectorTrapped, "record {index}");
            assert!(message.contains("unreachable"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_host_answers_after_more_failures_than_it_has_slots() {
    let host = host(&Guest { guilty: "unreachable", ..HONEST });
    for _ in 0..2 * crate::limits::POOL_SLOTS {
        assert_eq!(failed(&collect(&host, "!").await[0]).0, DeadLettered::CollectorTrapped);
    }
    assert_eq!(collect(&host, "aaa").await, [good(), good(), good()]);
}

#[tokio::test]
async fn nothing_is_left_of_a_call_for_the_next_one() {
    let remember = "(i32.store8 (i32.const 32) (i32.const 88))"; // "fine" becomes "Xine" from then on
    let host = host(&Guest { after: remember, ..HONEST });
    assert_eq!(collect(&host, "a").await, [good()]);
    assert_eq!(collect(&host, "a").await, [good()], "a fresh memory");
}
