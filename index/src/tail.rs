//! Rows by ingest order: the newest so many, and those behind a position. What a tail is made of.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use system_log_model::Query;

use crate::day::{By, Hit};
use crate::entry::{Snapshot, Stored};
use crate::error::ReadError;
use crate::page::{Chosen, fetch};
use crate::plan::{Go, Plan};
use crate::shared::Shared;

/// Rows behind a position, and how far they reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// Ascending by ingest.
    pub rows: Vec<Stored>,
    /// Everything up to here was looked at: the next question goes on behind it.
    pub until: Snapshot,
}

/// The first rows behind a position.
pub(crate) fn behind(shared: &Shared, query: &Query, after: Snapshot, limit: usize) -> Result<Arrived, ReadError> {
    let limit = limit.max(1);
    let visible = Snapshot(shared.memory.visible());
    let plan = Plan::new(shared, query, visible)?;
    // One more than asked for, or an answer that is full could not be told from one that goes on.
    let mut found = First { limit: limit + 1, rows: Vec::new() };
    // A tail that keeps up is served from memory alone and opens no day.
    if !plan.is_all_in_memory(after.0) {
        let from = Hit { time: i64::MAX, sequence: after.0 };
        for day in plan.days() {
            for part in plan.parts(day)? {
                let hits = part.first(By::Sequence, Some(from), limit + 1)?;
                hits.into_iter().for_each(|hit| found.push(Chosen::in_day(day, hit)));
            }
        }
    }
    plan.each_in_memory(after.0, |stored| found.push(Chosen::in_memory(stored)))?;
    let mut found = found.cut();
    let until = match found.get(limit - 1) {
        Some(last) if found.len() > limit => Snapshot(last.sequence.0),
        _ => visible,
    };
    found.truncate(limit);
    Ok(Arrived { rows: fetch(shared, query, &found)?, until })
}

/// The last rows at a moment, ascending.
pub(crate) fn newest(
    shared: &Shared,
    query: &Query,
    snapshot: Snapshot,
    limit: usize,
) -> Result<Vec<Stored>, ReadError> {
    let plan = Plan::new(shared, query, snapshot)?;
    let mut newest = Newest { limit, rows: BinaryHeap::new() };
    for day in plan.days() {
        for part in plan.parts(day)? {
            let mut reader = part.reader();
            part.each(&mut reader, part.natural(), None, |_, _, hit| {
                newest.push(Chosen::in_day(day, hit));
                Ok(Go::On)
            })?;
        }
    }
    plan.each_in_memory(0, |stored| newest.push(Chosen::in_memory(stored)))?;
    let rows: Vec<Chosen> = newest.rows.into_sorted_vec().into_iter().rev().map(|Reverse(row)| row.0).collect();
    fetch(shared, query, &rows)
}

/// The rows with the lowest sequences so far, in little more memory than they need.
struct First {
    limit: usize,
    rows: Vec<Chosen>,
}

impl First {
    fn push(&mut self, row: Chosen) {
        self.rows.push(row);
        if self.rows.len() >= 4 * self.limit {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.sequence);
        self.rows.truncate(self.limit);
    }

    /// Ascending.
    fn cut(mut self) -> Vec<Chosen> {
        self.sort();
        self.rows
    }
}

/// The rows with the highest sequences so far.
struct Newest {
    limit: usize,
    rows: BinaryHeap<Reverse<BySequence>>,
}

struct BySequence(Chosen);

impl Newest {
    fn push(&mut self, row: Chosen) {
        self.rows.push(Reverse(BySequence(row)));
        if self.rows.len() > self.limit {
            self.rows.pop();
        }
    }
}

impl PartialEq for BySequence {
    fn eq(&self, other: &Self) -> bool {
        self.0.sequence == other.0.sequence
    }
}

impl Eq for BySequence {}

impl PartialOrd for BySequence {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BySequence {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.sequence.cmp(&other.0.sequence)
    }
}
