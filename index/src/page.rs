//! Pages: the first so many rows behind a cursor in any order, in memory bounded by the page, not by the answer.
//!
//! By time the days are walked in order and the walk ends when the page is full. By any other column every row's key is
//! looked at and the best are kept. Either way memory is merged in last, because the days below it are already exact.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use system_log_model::clock::Day;
use system_log_model::column::TableColumn;
use system_log_model::order::{KeyRef, SortKey};
use system_log_model::{Direction as Towards, EventId, OrderBy, Query, Sequence};

use crate::day::{By, DayError, Hit, OrgReader};
use crate::entry::{Snapshot, Stored};
use crate::error::ReadError;
use crate::plan::{Go, Plan, instant};
use crate::shared::Shared;

/// A place in an order: behind this row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The row's key in the sorted column.
    pub key: SortKey,
    /// The row's sequence.
    pub sequence: Sequence,
}

/// Which rows beside the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Those behind it; without a cursor the first ones.
    Next,
    /// Those before it; without a cursor the last ones.
    Previous,
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The moment the first page was made at: later events are in no page.
    pub snapshot: Snapshot,
    /// Where the last page ended, or the next one began.
    pub cursor: Option<Cursor>,
    /// Which way from there.
    pub direction: Direction,
    /// Rows, at least one.
    pub limit: usize,
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the order of the question, whichever way the page was reached.
    pub rows: Vec<Stored>,
    /// Whether there are more rows in the direction that was asked for.
    pub has_more: bool,
}

/// An order and a way to walk it. Not [`OrderBy::reversed`], which keeps absent values last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    order: OrderBy,
    is_backwards: bool,
}

/// A row that was chosen, not read yet unless it was in memory.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) key: SortKey,
    pub(crate) sequence: Sequence,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Arc<Stored>),
    Day(Day, Hit),
}

impl Chosen {
    /// A row of a day, to be walked by time or sequence.
    pub(crate) fn in_day(day: Day, hit: Hit) -> Self {
        let (key, sequence) = (TableColumn::time_key(instant(hit)), Sequence(hit.sequence));
        Self { key, sequence, place: Place::Day(day, hit) }
    }

    /// The same of a row that is in memory still.
    pub(crate) fn in_memory(stored: &Arc<Stored>) -> Self {
        let key = TableColumn::time_key(stored.event.occurred_at);
        Self { key, sequence: stored.id.sequence, place: Place::Memory(stored.clone()) }
    }
}

impl Walk {
    pub(crate) const fn new(order: OrderBy, direction: Direction) -> Self {
        Self { order, is_backwards: matches!(direction, Direction::Previous) }
    }

    fn compare(self, a: (KeyRef<'_>, Sequence), b: (KeyRef<'_>, Sequence)) -> Ordering {
        let ordering = self.order.compare(a, b);
        if self.is_backwards { ordering.reverse() } else { ordering }
    }

    /// How a walk by time goes.
    const fn by_time(self) -> By {
        match (self.order.direction, self.is_backwards) {
            (Towards::Ascending, false) | (Towards::Descending, true) => By::TimeUp,
            (Towards::Ascending, true) | (Towards::Descending, false) => By::TimeDown,
        }
    }
}

/// The best rows seen so far, in little more memory than they need.
struct Best {
    walk: Walk,
    limit: usize,
    rows: Vec<Chosen>,
    /// Rows not before this one are of no use any more.
    worst: Option<(SortKey, Sequence)>,
}

impl Best {
    /// Whether a row with that key can still be among the best.
    fn is_wanted(&self, key: KeyRef<'_>, sequence: Sequence) -> bool {
        let is_before = |worst: &(SortKey, Sequence)| {
            self.walk.compare((key, sequence), (worst.0.by_ref(), worst.1)) == Ordering::Less
        };
        self.worst.as_ref().is_none_or(is_before)
    }

    fn push(&mut self, row: Chosen) {
        if !self.is_wanted(row.key.by_ref(), row.sequence) {
            return;
        }
        self.rows.push(row);
        if self.rows.len() >= 2 * self.limit {
            self.cut();
            self.worst = self.rows.last().map(|row| (row.key.clone(), row.sequence));
        }
    }

    fn cut(&mut self) {
        let walk = self.walk;
        self.rows.sort_unstable_by(|a, b| walk.compare((a.key.by_ref(), a.sequence), (b.key.by_ref(), b.sequence)));
        self.rows.truncate(self.limit);
    }
}

/// The first `limit` rows behind a cursor, in the order they are walked.
pub(crate) fn select(
    plan: &Plan<'_>,
    walk: Walk,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Chosen>, ReadError> {
    let mut best = Best { walk, limit: limit.max(1), rows: Vec::new(), worst: None };
    let add = |best: &mut Best, stored: &Arc<Stored>| {
        let row = Chosen {
            key: walk.order.column.key(&stored.event),
            sequence: stored.id.sequence,
            place: Place::Memory(stored.clone()),
        };
        if is_behind(walk, cursor, row.key.by_ref(), row.sequence) {
            best.push(row);
        }
    };
    if walk.order.column == TableColumn::OccurredAt {
        by_time(plan, walk, cursor, &mut best)?;
        plan.pending().for_each(|stored| add(&mut best, stored));
    } else {
        by_key(plan, walk, cursor, &mut best)?;
        plan.each_in_memory(0, |stored| add(&mut best, stored))?;
    }
    best.cut();
    Ok(best.rows)
}

fn is_behind(walk: Walk, cursor: Option<&Cursor>, key: KeyRef<'_>, sequence: Sequence) -> bool {
    cursor
        .is_none_or(|cursor| walk.compare((key, sequence), (cursor.key.by_ref(), cursor.sequence)) == Ordering::Greater)
}

fn by_time(plan: &Plan<'_>, walk: Walk, cursor: Option<&Cursor>, best: &mut Best) -> Result<(), ReadError> {
    let after = match cursor {
        None => None,
        Some(Cursor { key: SortKey::Number(time), sequence }) => Some(Hit { time: *time, sequence: sequence.0 }),
        Some(_) => return Err(ReadError::Cursor),
    };
    let by = walk.by_time();
    let mut days = plan.days();
    if by == By::TimeDown {
        days.reverse();
    }
    let cursor_day = after.map(|hit| instant(hit).day());
    for day in days {
        let is_passed = cursor_day.is_some_and(|at| match by {
            By::TimeDown => day > at,
            By::TimeUp | By::Sequence => day < at,
        });
        let missing = best.limit - best.rows.len();
        if is_passed {
            continue;
        }
        if missing == 0 {
            break;
        }
        let mut rows: Vec<Chosen> = plan.late_of(day)?.iter().map(Chosen::in_memory).collect();
        rows.retain(|row| is_behind(walk, cursor, row.key.by_ref(), row.sequence));
        // Those of one part are in walking order already, late ones are in none.
        let parts = plan.parts(day)?;
        let is_sorted = rows.is_empty() && parts.len() <= 1;
        for part in parts {
            rows.extend(part.first(by, after, missing)?.into_iter().map(|hit| Chosen::in_day(day, hit)));
        }
        if !is_sorted {
            rows.sort_unstable_by(|a, b| walk.compare((a.key.by_ref(), a.sequence), (b.key.by_ref(), b.sequence)));
        }
        rows.truncate(missing);
        best.rows.extend(rows);
    }
    Ok(())
}

fn by_key(plan: &Plan<'_>, walk: Walk, cursor: Option<&Cursor>, best: &mut Best) -> Result<(), ReadError> {
    let column = walk.order.column;
    for day in plan.days() {
        for part in plan.parts(day)? {
            let mut reader = part.reader();
            part.each(&mut reader, part.natural(), None, |chunk, row, hit| {
                let key = chunk.key(column, row).map_err(part.failed())?;
                let sequence = Sequence(hit.sequence);
                // The key is copied only of rows that are kept.
                if best.is_wanted(key, sequence) && is_behind(walk, cursor, key, sequence) {
                    best.push(Chosen { key: key.to_key(), sequence, place: Place::Day(day, hit) });
                }
                Ok(Go::On)
            })?;
        }
    }
    Ok(())
}

/// Reads chosen rows, in the order they are given.
pub(crate) fn fetch(shared: &Shared, query: &Query, chosen: &[Chosen]) -> Result<Vec<Stored>, ReadError> {
    let mut rows: Vec<Option<Stored>> = vec![None; chosen.len()];
    let mut by_day: BTreeMap<Day, Vec<(Hit, usize)>> = BTreeMap::new();
    for (at, row) in chosen.iter().enumerate() {
        match &row.place {
            Place::Memory(stored) => rows[at] = Some(Stored::clone(stored)),
            Place::Day(day, hit) => by_day.entry(*day).or_default().push((*hit, at)),
        }
    }
    for (day, mut wanted) in by_day {
        // In the order of the rows, so that each chunk is unpacked once.
        wanted.sort_unstable_by_key(|(hit, _)| (hit.time, hit.sequence));
        let failed = |source| ReadError::Day { day, source };
        let applied = shared.memory.applied();
        // A day that was swept away between choosing and reading is beyond the retention.
        let Some(parts) = shared.days.get(day, applied).map_err(failed)? else {
            continue;
        };
        let mut readers: Vec<Option<OrgReader<'_>>> = parts.all().iter().map(|_| None).collect();
        for (hit, at) in wanted {
            let missing = || failed(DayError::Missing(hit.sequence));
            let part = parts.place_of(hit.sequence);
            let (handle, slot) = parts.all().get(part).zip(readers.get_mut(part)).ok_or_else(missing)?;
            let located =
                slot.get_or_insert_with(|| OrgReader::new(&handle.rows, &query.org)).locate(hit).map_err(failed)?;
            let (chunk, row) = located.ok_or_else(missing)?;
            let event = chunk.event(row).map_err(failed)?;
            rows[at] = Some(Stored { id: EventId { sequence: Sequence(hit.sequence), day }, event });
        }
    }
    Ok(rows.into_iter().flatten().collect())
}

/// A page.
pub(crate) fn page(shared: &Shared, query: &Query, request: &PageRequest) -> Result<Page, ReadError> {
    let walk = Walk::new(query.order, request.direction);
    let limit = request.limit.max(1);
    let plan = Plan::new(shared, query, request.snapshot)?;
    let mut chosen = select(&plan, walk, request.cursor.as_ref(), limit + 1)?;
    let has_more = chosen.len() > limit;
    chosen.truncate(limit);
    if request.direction == Direction::Previous {
        chosen.reverse();
    }
    let rows = fetch(shared, query, &chosen)?;
    Ok(Page { rows, has_more })
}

/// How many rows a question has at a moment.
pub(crate) fn count(shared: &Shared, query: &Query, snapshot: Snapshot) -> Result<u64, ReadError> {
    let plan = Plan::new(shared, query, snapshot)?;
    let mut count = 0;
    plan.each_in_memory(0, |_| count += 1)?;
    for day in plan.days() {
        for part in plan.parts(day)? {
            count += part.count()?;
        }
    }
    Ok(count)
}
