//! The last word on a row: what the index cannot say exactly is read from the row's own text columns.

use memchr::memmem::Finder;
use system_log_model::{Filter, search::Search};

use crate::chunk::Column;
use crate::day::{CachedChunk, DayError, SHORTEST};

/// The conditions of a filter that look into texts.
pub(crate) struct Verdict<'q> {
    needles: Vec<(Column, Finder<'q>)>,
    search: Option<&'q Search>,
}

impl<'q> Verdict<'q> {
    pub(crate) fn of(filter: &'q Filter) -> Self {
        let contains = &filter.contains;
        // The event name's needle is answered exactly from the day's few kinds.
        let needles = [
            (Column::Message, &contains.message),
            (Column::Recipient, &contains.recipient),
            (Column::Subject, &contains.subject),
        ];
        let needles = needles
            .into_iter()
            .filter_map(|(column, needle)| Some((column, Finder::new(needle.as_ref()?.as_bytes()))))
            .collect();
        Self { needles, search: filter.search.as_ref() }
    }

    /// The needles that a filter of grams can be asked for.
    pub(crate) fn grams(&self) -> Vec<(Column, &[u8])> {
        let long = self.needles.iter().filter(|(_, needle)| needle.needle().len() >= SHORTEST);
        long.map(|(column, needle)| (*column, needle.needle())).collect()
    }

    /// Whether rows have to be looked at at all.
    pub(crate) fn is_needed(&self, search_is_exact: bool) -> bool {
        !self.needles.is_empty() || (self.search.is_some() && !search_is_exact)
    }

    /// Whether a row passes.
    pub(crate) fn passes(&self, chunk: &mut CachedChunk, row: usize, search_is_exact: bool) -> Result<bool, DayError> {
        for (column, needle) in &self.needles {
            if !chunk.contains(*column, row, needle)? {
                return Ok(false);
            }
        }
        let Some(search) = self.search.filter(|_| !search_is_exact) else {
            return Ok(true);
        };
        let name = chunk.folded(Column::Kind, row)?.to_owned();
        Ok(search.matches(&name, chunk.folded(Column::Message, row)?))
    }

    /// The rows of a chunk that have every needle; `None` is all of them.
    pub(crate) fn rows_with_needles(&self, chunk: &mut CachedChunk) -> Result<Option<Vec<bool>>, DayError> {
        let mut both: Option<Vec<bool>> = None;
        for (column, needle) in &self.needles {
            let found = chunk.rows_with(*column, needle)?;
            both = Some(match both {
                None => found.to_vec(),
                Some(before) => before.into_iter().zip(found).map(|(a, b)| a && *b).collect(),
            });
        }
        Ok(both)
    }
}
