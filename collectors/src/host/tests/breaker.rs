//! A collector that keeps failing is switched off, says so, and comes back by itself. Its neighbours notice nothing.

use super::*;
use crate::stats::{FAILURES, RECORDS};

fn later(seconds: i64) -> Timestamp {
    NOW.plus_micros(seconds * 1_000_000)
}

fn failing() -> Host {
    let plugin = Guest { guilty: "unreachable", ..HONEST }.with(MANIFEST);
    let other = HONEST.with(&MANIFEST.replace("\"hostile\"", "\"other\""));
    let options = HostOptions { threads: 1, ..HostOptions::default() };
    Host::with_plugins(options, vec![("a".into(), plugin), ("b".into(), other)]).unwrap()
}

async fn reason(host: &Host, source: &str, at: Timestamp, payload: &str) -> Option<DeadLettered> {
    match &host.collect(source, at, vec![record(payload)]).await.unwrap()[..] {
        [Outcome::One(Verdict::Failed(reason, _))] => Some(*reason),
        [Outcome::One(_)] => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_is_switched_off_shown_and_tried_again() {
    use DeadLettered::{CollectorQuarantined, CollectorTrapped};
    let host = failing();
    for second in 0..5 {
        assert_eq!(reason(&host, "hostile", later(second), "!").await, Some(CollectorTrapped));
    }
    assert_eq!(reason(&host, "hostile", later(5), "a").await, Some(CollectorQuarantined), "not tried");
    assert_eq!(reason(&host, "other", later(5), "a").await, None, "its neighbour");
    let info = host.collectors().remove(0);
    assert_eq!(info.state, CollectorState::Quarantined);
    let why = info.error.unwrap();
    assert!(
        why.contains("until 2026-11-22T10:00:14") && why.contains("COLLECTOR_TRAPPED: wasm trap: wasm `unreachable`"),
        "{why}"
    );

    assert_eq!(reason(&host, "hostile", later(14), "!").await, Some(CollectorTrapped), "the probe");
    assert_eq!(reason(&host, "hostile", later(33), "a").await, Some(CollectorQuarantined), "twice as long");
    assert_eq!(reason(&host, "hostile", later(34), "a").await, None);
    let info = host.collectors().remove(0);
    assert_eq!((info.state, info.error), (CollectorState::Active, None));
}

#[tokio::test]
async fn broken_records_among_good_ones_switch_nothing_off() {
    let host = failing();
    for second in 0..20 {
        let records = ["a", "!", "a"].map(record).to_vec();
        let outcomes = host.collect("hostile", later(second), records).await.unwrap();
        assert!(matches!(outcomes[1], Outcome::One(Verdict::Failed(DeadLettered::CollectorTrapped, _))));
    }
    assert_eq!(host.collectors()[0].state, CollectorState::Active);
}

#[tokio::test]
async fn what_a_plugin_did_is_counted() {
    let host = failing();
    host.collect("hostile", NOW, ["a", "a", "!", "a"].map(record).to_vec()).await.unwrap();
    let stats = host.stats().remove(0);
    let record = |name: &str| stats.records[RECORDS.iter().position(|known| *known == name).unwrap()];
    assert_eq!((record("drop"), record("failed"), record("emit")), (3, 1, 0));
    // All four, the first two, the last two, and those one by one.
    let trapped = FAILURES.iter().position(|reason| *reason == DeadLettered::CollectorTrapped).unwrap();
    assert_eq!((stats.good_calls, stats.failures[trapped], stats.failures.iter().sum::<u64>()), (2, 3, 3));
    assert_eq!(stats.call_times.iter().sum::<u64>(), 5);
    assert_eq!((stats.memory_peak, stats.quarantines), (64 * 65_536, 0));
    assert!(stats.call_seconds > 0.0);
    assert_eq!(host.stats()[1].good_calls, 0, "each on its own");
}

/// Found from outside: a few dry runs of broken records switched a collector off for everybody.
#[tokio::test]
async fn what_is_only_tried_switches_nothing_off() {
    let host = failing();
    for second in 0..20 {
        let outcomes = host.rehearse("hostile", later(second), vec![record("!")]).await.unwrap();
        assert!(matches!(outcomes[0], Outcome::One(Verdict::Failed(DeadLettered::CollectorTrapped, _))));
    }
    assert_eq!(reason(&host, "hostile", later(20), "a").await, None);
}
