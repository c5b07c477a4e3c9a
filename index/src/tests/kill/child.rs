//! A life: two writers store groups while everything else a store does is done as often as possible.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use system_log_model::{ManualClock, Timestamp};

use super::super::{first_page, open, wait};
use super::work::{Item, Notes};
use super::{all_logs, tight};
use crate::{AppendError, Store};

pub(super) const FOLDER: &str = "SYSTEM_LOG_KILL_FOLDER";
pub(super) const BESIDE: &str = "SYSTEM_LOG_KILL_NOTES";
pub(super) const FIRST: &str = "SYSTEM_LOG_KILL_FIRST";
pub(super) const NOW: &str = "SYSTEM_LOG_KILL_NOW";

/// A child that nobody killed in so many rounds of opening and closing was to be killed at a place it never reached.
const ROUNDS: usize = 6;
/// Groups of a round, and how many are stored between two flushes.
const GROUPS: u64 = 20;
const BETWEEN: u64 = 7;

/// Started by the parent, and by nobody else.
#[test]
#[ignore = "a child of the kill rig"]
fn life() {
    let variable = |name| std::env::var(name).ok();
    let (Some(folder), Some(beside)) = (variable(FOLDER), variable(BESIDE)) else {
        return;
    };
    let number = |name| variable(name).unwrap().parse::<i64>().unwrap();
    let now = Timestamp::from_micros(number(NOW));
    let clock = Arc::new(ManualClock::at(now));
    let notes = Notes::at(Path::new(&beside));
    let next = AtomicU64::new(number(FIRST).cast_unsigned());
    for _ in 0..ROUNDS {
        let store = open(Path::new(&folder), &clock, &tight());
        store.sweep().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| write(&store, &notes, &next, now));
            }
            scope.spawn(|| read(&store, now));
        });
        store.flush().unwrap();
        store.fold();
        store.settle().unwrap();
        store.close();
    }
}

fn write(store: &Store, notes: &Notes, next: &AtomicU64, at: Timestamp) {
    for done in 1..=GROUPS {
        let item = Item { number: next.fetch_add(1, Ordering::SeqCst), at };
        notes.sent(item);
        loop {
            match wait(store.append_with(vec![item.group()], item.changes())) {
                Ok(_) => break notes.acked(item),
                Err(AppendError::Overloaded) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        if done % BETWEEN == 0 {
            store.flush().unwrap();
        }
    }
}

/// Readers hold days open while those are closed and removed.
fn read(store: &Store, now: Timestamp) {
    for query in all_logs(now).cycle().take(60) {
        let page = first_page(store, &query, 20);
        assert!(page.rows.len() <= 20);
    }
}
