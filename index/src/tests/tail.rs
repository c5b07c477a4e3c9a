//! Rows by ingest order against a list, while the days take over what memory had.

use super::random::{random_event, random_query, rng};
use super::{Rig, event, everything, lazy, noon};
use crate::{Snapshot, StoreLimits, Stored};

#[test]
fn nothing_is_missed_or_repeated_wherever_the_rows_are() {
    let mut rng = rng(5);
    let rig = Rig::new(StoreLimits { apply_events: 30, apply_interval: std::time::Duration::from_millis(2), ..lazy() });
    let queries: Vec<_> = (0..12).map(|_| random_query(&mut rng)).collect();
    let mut at = vec![Snapshot(0); queries.len()];
    let mut seen: Vec<Vec<Stored>> = vec![Vec::new(); queries.len()];
    let mut all = Vec::new();
    for round in 0..12 {
        all.extend(rig.put((0..25).map(|_| random_event(&mut rng)).collect()));
        if round % 4 == 1 {
            rig.store.flush().unwrap();
        }
        for (n, query) in queries.iter().enumerate() {
            let arrived = rig.store.behind(query, at[n], 1 + (n + round) % 9).unwrap();
            assert!(arrived.until >= at[n]);
            at[n] = arrived.until;
            seen[n].extend(arrived.rows);
        }
    }
    for (n, query) in queries.iter().enumerate() {
        let expected: Vec<&Stored> = all.iter().filter(|stored| query.matches(&stored.event)).collect();
        while at[n] < rig.store.snapshot() {
            let arrived = rig.store.behind(query, at[n], 7).unwrap();
            at[n] = arrived.until;
            seen[n].extend(arrived.rows);
        }
        assert_eq!(seen[n].iter().collect::<Vec<_>>(), expected, "{query:?}");
        for limit in [1, 5, 1_000] {
            let newest = rig.store.newest(query, rig.store.snapshot(), limit).unwrap();
            let last = expected.len().saturating_sub(limit);
            assert_eq!(newest.iter().collect::<Vec<_>>(), expected[last..], "{query:?}");
        }
    }
}

#[test]
fn a_moment_holds_nothing_later() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "one")]);
    let then = rig.store.snapshot();
    rig.put(vec![event("acme", noon(), "two")]);
    assert_eq!(rig.store.newest(&everything("acme"), then, 9).unwrap().len(), 1);
    assert_eq!(rig.store.newest(&everything("acme"), then, 0).unwrap(), []);
}

#[test]
fn a_day_with_more_rows_than_asked_for_is_not_over() {
    let rig = Rig::new(lazy());
    rig.put((0..20).map(|n| event("acme", noon(), &n.to_string())).collect());
    rig.store.flush().unwrap();
    let (mut at, mut seen) = (Snapshot(0), 0);
    while at < rig.store.snapshot() {
        let arrived = rig.store.behind(&everything("acme"), at, 7).unwrap();
        (at, seen) = (arrived.until, seen + arrived.rows.len());
    }
    assert_eq!(seen, 20);
}
