//! A day as it is on disk at one moment: parts that were written one after the other. A live day is one part; a closed one gets
//! another whenever late rows are folded in, and parts are merged as they grow ([`crate::seal`]).

use std::sync::Arc;

use system_log_model::{Event, OrgId};

use super::{DayError, DayHandle, Rows};

/// At least one part, ascending: every sequence of a part is above those of the parts before it.
pub(crate) struct DayParts(Vec<Arc<DayHandle>>);

impl DayParts {
    pub(crate) fn of(parts: Vec<Arc<DayHandle>>) -> Self {
        Self(parts)
    }

    /// Ascending.
    pub(crate) fn all(&self) -> &[Arc<DayHandle>] {
        &self.0
    }

    /// The place of the part that has a sequence, if any has it.
    pub(crate) fn place_of(&self, sequence: u64) -> usize {
        self.0.partition_point(|part| part.rows.extent().last < sequence)
    }

    /// The highest sequence.
    pub(crate) fn last(&self) -> u64 {
        self.0.last().map_or(0, |part| part.rows.extent().last)
    }

    /// How many events there are in each part.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        self.0.iter().map(|part| part.rows.extent().rows).collect()
    }

    /// How many events there are.
    pub(crate) fn rows(&self) -> u64 {
        self.sizes().iter().sum()
    }

    /// One event by its sequence.
    pub(crate) fn get(&self, org: &OrgId, sequence: u64) -> Result<Option<Event>, DayError> {
        self.0.get(self.place_of(sequence)).map_or(Ok(None), |part| part.rows.get(org, sequence))
    }

    /// Whether the day is still written in place.
    pub(crate) fn is_live(&self) -> bool {
        self.0.iter().any(|part| matches!(part.rows, Rows::Live(_)))
    }

    /// Whether a part has no index at the moment.
    pub(crate) fn is_unindexed(&self) -> bool {
        self.0.iter().any(|part| part.index().is_none())
    }

    /// Gives the memory of an index writer back.
    pub(crate) fn close_writer(&self) {
        self.0.iter().for_each(|part| part.close_writer());
    }
}
