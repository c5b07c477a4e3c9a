//! The store against a list: random events, random questions, while it applies, reopens and loses its indexes in between.

use rand::Rng;
use rand::rngs::StdRng;

use super::random::{random_event, random_query, rng};
use super::{Rig, brute};
use crate::{Cursor, Direction, PageRequest, Snapshot, Store, StoreLimits, Stored};
use system_log_model::{Clock as _, Query};

fn tight() -> StoreLimits {
    StoreLimits {
        apply_interval: std::time::Duration::from_millis(3),
        apply_events: 40,
        writers: 1,
        open_days: 2,
        segment_bytes: 4_000,
        ..StoreLimits::default()
    }
}

fn cursor(query: &Query, row: &Stored) -> Cursor {
    Cursor { key: query.order.column.key(&row.event), sequence: row.id.sequence }
}

/// All rows, page by page, in the order of the question.
fn walk(store: &Store, query: &Query, snapshot: Snapshot, direction: Direction, limit: usize) -> Vec<Stored> {
    let mut rows: Vec<Stored> = Vec::new();
    let mut at = None;
    loop {
        let request = PageRequest { snapshot, cursor: at, direction, limit };
        let page = store.page(query, &request).unwrap();
        assert!(page.rows.len() <= limit);
        let edge = match direction {
            Direction::Next => page.rows.last(),
            Direction::Previous => page.rows.first(),
        };
        at = edge.map(|row| cursor(query, row));
        match direction {
            Direction::Next => rows.extend(page.rows),
            Direction::Previous => {
                rows.splice(0..0, page.rows);
            }
        }
        if !page.has_more {
            return rows;
        }
    }
}

fn check(store: &Store, all: &[Stored], query: &Query, snapshot: Snapshot, rng: &mut StdRng) {
    let expected = brute(all, query, snapshot);
    let limit = rng.random_range(1..=9).max(expected.len() / 7);
    let forward = walk(store, query, snapshot, Direction::Next, limit);
    assert_eq!(forward, expected, "forward by {limit}: {query:?}");
    let back = walk(store, query, snapshot, Direction::Previous, limit);
    assert_eq!(back, expected, "backward by {limit}: {query:?}");
    let count = store.count(query, snapshot).unwrap();
    assert_eq!(count, expected.len() as u64, "count: {query:?}");
    // proves: S9
    let scanned: Vec<Stored> = store.scan(query.clone(), snapshot, None).flat_map(Result::unwrap).collect();
    assert_eq!(scanned, expected, "scan: {query:?}");
    if let Some(row) = expected.get(rng.random_range(0..=expected.len())) {
        let found = store.get(&query.org, row.id).unwrap();
        assert_eq!(found.as_ref(), Some(row));
    }
}

fn run(seed: u64, rounds: usize) {
    let mut rng = rng(seed);
    let mut rig = Rig::new(tight());
    let mut all: Vec<Stored> = Vec::new();
    for _ in 0..rounds {
        for _ in 0..rng.random_range(1..4) {
            let count = rng.random_range(1..60);
            let events = (0..count).map(|_| random_event(&mut rng)).collect();
            all.extend(rig.put(events));
        }
        match rng.random_range(0..11) {
            0 => rig.store.flush().unwrap(),
            1 => rig = rig.reopen(),
            2 => {
                rig.store.close();
                rig = rig.reopen();
            }
            3 => rig = rig.reopen_after(super::rebuild::lose_indexes),
            4 => {
                rig.store.flush().unwrap();
                rig.store.settle().unwrap();
            }
            5 | 9 | 10 => {
                rig.store.flush().unwrap();
                rig.store.fold();
            }
            // Two days on, days that were written in place may be closed.
            6 => rig.clock.set(rig.clock.now().plus_micros(i64::from(rng.random_range(0..2_u8)) * 86_400_000_000)),
            _ => {}
        }
        let now = rig.store.snapshot();
        for _ in 0..12 {
            let query = random_query(&mut rng);
            let snapshot = match rng.random_range(0..4) {
                0 => Snapshot(rng.random_range(0..=now.0)),
                _ => now,
            };
            check(&rig.store, &all, &query, snapshot, &mut rng);
        }
    }
    rig.store.settle_suspects();
    rig.store.close();
    let report = Store::verify(rig.folder.path()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.events + report.late, all.len() as u64);
}

#[test]
fn every_answer_is_what_the_filter_means() {
    for seed in 0..6 {
        run(seed, 12);
    }
}

/// The same for long; run it by hand after touching anything between the log and an answer.
#[test]
#[ignore = "minutes"]
fn every_answer_is_what_the_filter_means_for_long() {
    for seed in 100..160 {
        run(seed, 25);
    }
}

#[test]
fn answers_stay_the_same_while_days_are_closed_and_late_rows_folded_in() {
    let mut rng = rng(78);
    let rig = Rig::new(tight());
    let mut all = Vec::new();
    for round in 0..6 {
        all.extend(rig.put((0..150).map(|_| random_event(&mut rng)).collect()));
        rig.store.flush().unwrap();
        let store = rig.store.clone();
        // Every third time all parts become one.
        let is_merged = round % 3 == 2;
        let settling = std::thread::spawn(move || if is_merged { store.settle().unwrap() } else { store.fold() });
        let snapshot = rig.store.snapshot();
        while !settling.is_finished() {
            let query = random_query(&mut rng);
            check(&rig.store, &all, &query, snapshot, &mut rng);
        }
        settling.join().unwrap();
        assert_eq!(rig.store.status().late_events, 0);
        let query = random_query(&mut rng);
        check(&rig.store, &all, &query, snapshot, &mut rng);
    }
}

#[test]
fn pages_neither_repeat_nor_skip_while_events_arrive() {
    let mut rng = rng(77);
    let rig = Rig::new(tight());
    let mut all = rig.put((0..400).map(|_| random_event(&mut rng)).collect());
    for _ in 0..20 {
        let query = random_query(&mut rng);
        let snapshot = rig.store.snapshot();
        let writer = rig.store.clone();
        let events: Vec<_> = (0..60).map(|_| random_event(&mut rng)).collect();
        let arriving = std::thread::spawn(move || {
            let put = |chunk: &[_]| super::put(&writer, chunk.to_vec()).unwrap();
            events.chunks(3).flat_map(put).collect::<Vec<_>>()
        });
        check(&rig.store, &all, &query, snapshot, &mut rng);
        all.extend(arriving.join().unwrap());
    }
}
