//! Every row of an answer in order, in batches: pages put behind each other (S9), so an export and a list cannot differ.

use std::collections::VecDeque;
use std::sync::Arc;

use system_log_model::Query;
use system_log_model::column::TableColumn;

use crate::entry::{Snapshot, Stored};
use crate::error::ReadError;
use crate::page::{Chosen, Cursor, Direction, Walk, fetch, select};
use crate::plan::Plan;
use crate::shared::Shared;

/// Rows of one batch at most, and of the first, whose size nobody knows yet.
const BATCH: usize = 1_000;
const FIRST_BATCH: usize = 128;
/// About so many bytes make a batch, so that giant rows come few at a time.
const BATCH_BYTES: usize = 1 << 20;
/// Rows chosen in one pass by time, where a pass costs little.
const CHOSEN_BY_TIME: usize = 4_000;
/// Rows chosen in one pass by another column, where every pass looks at every row: some megabytes of keys.
const CHOSEN_BY_KEY: usize = 32_768;

/// Batches of rows in order; see [`crate::Store::scan`].
pub struct Scan {
    shared: Arc<Shared>,
    query: Query,
    snapshot: Snapshot,
    cursor: Option<Cursor>,
    chosen: VecDeque<Chosen>,
    /// Rows of the next batch.
    batch: usize,
    is_last_pass: bool,
}

impl Scan {
    pub(crate) fn new(shared: Arc<Shared>, query: Query, snapshot: Snapshot, after: Option<Cursor>) -> Self {
        Self {
            shared,
            query,
            snapshot,
            cursor: after,
            chosen: VecDeque::new(),
            batch: FIRST_BATCH,
            is_last_pass: false,
        }
    }

    fn choose(&mut self) -> Result<(), ReadError> {
        let limit = match self.query.order.column {
            TableColumn::OccurredAt => CHOSEN_BY_TIME,
            _ => CHOSEN_BY_KEY,
        };
        let plan = Plan::new(&self.shared, &self.query, self.snapshot)?;
        let walk = Walk::new(self.query.order, Direction::Next);
        let chosen = select(&plan, walk, self.cursor.as_ref(), limit)?;
        self.is_last_pass = chosen.len() < limit;
        if let Some(last) = chosen.last() {
            self.cursor = Some(Cursor { key: last.key.clone(), sequence: last.sequence });
        }
        self.chosen = chosen.into();
        Ok(())
    }

    fn batch(&mut self) -> Result<Vec<Stored>, ReadError> {
        self.shared.check_open()?;
        if self.chosen.is_empty() && !self.is_last_pass {
            self.choose()?;
        }
        let take = self.chosen.len().min(self.batch);
        let chosen: Vec<Chosen> = self.chosen.drain(..take).collect();
        let rows = fetch(&self.shared, &self.query, &chosen)?;
        if let Some(weight) = rows.iter().map(|row| row.event.weight()).sum::<usize>().checked_div(rows.len()) {
            self.batch = (BATCH_BYTES / weight.max(1)).clamp(1, BATCH);
        }
        Ok(rows)
    }
}

impl Iterator for Scan {
    type Item = Result<Vec<Stored>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.batch() {
                // Chosen rows whose day was swept away are no batch, and not the end either.
                Ok(batch) if batch.is_empty() => {
                    if self.is_last_pass && self.chosen.is_empty() {
                        return None;
                    }
                }
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    // An answer with a hole in it must not go on.
                    self.is_last_pass = true;
                    self.chosen.clear();
                    return Some(self.shared.watched(Err(error)));
                }
            }
        }
    }
}
