//! The rows of a day, wherever they are: in the key-value engine while the day is written, in a sealed file afterwards.

use std::collections::BTreeMap;

use system_log_model::{Event, OrgId};

use super::collect::{Hit, Windows};
use super::sealed::{SealedRows, place};
use super::{DayChunks, DayError, Extent};
use crate::chunk::{Chunk, Column};

/// See the file's first line.
pub(crate) enum Rows {
    /// By organisation and sequence.
    Live(DayChunks),
    /// By organisation, event time and sequence.
    Sealed(SealedRows),
}

/// Chunks in order; a damaged one is an error among them.
pub(crate) type Chunks<'a> = Box<dyn Iterator<Item = Result<Chunk, DayError>> + 'a>;

impl Rows {
    pub(crate) fn extent(&self) -> Extent {
        match self {
            Self::Live(chunks) => chunks.extent(),
            Self::Sealed(sealed) => sealed.extent(),
        }
    }

    pub(crate) fn all(&self) -> Chunks<'_> {
        match self {
            Self::Live(chunks) => Box::new(chunks.all()),
            Self::Sealed(sealed) => Box::new((0..sealed.groups()).map(|group| sealed.chunk(group))),
        }
    }

    /// One event by its sequence.
    pub(crate) fn get(&self, org: &OrgId, sequence: u64) -> Result<Option<Event>, DayError> {
        match self {
            Self::Sealed(sealed) => sealed.get(org, sequence),
            Self::Live(_) => {
                let mut reader = super::OrgReader::new(self, org);
                // The time is of no account where rows are ordered by sequence.
                let Some((chunk, row)) = reader.locate(Hit { time: 0, sequence })? else {
                    return Ok(None);
                };
                Ok(chunk.events()?.get(row).cloned())
            }
        }
    }

    /// Where rows can be that contain every needle.
    pub(crate) fn windows(&self, org: &OrgId, needles: &[(Column, &[u8])]) -> Windows {
        match self {
            _ if needles.is_empty() => Windows::All,
            Self::Sealed(sealed) => Windows::Times(sealed.windows(org, needles).into()),
            Self::Live(chunks) => Windows::Sequences(chunks.windows(org, needles).into()),
        }
    }

    /// Visits every row in the order of organisation, event time and sequence. A chunk that cannot be read is handed over as
    /// an error; the visitor says whether to go on without it.
    pub(crate) fn visit_in_order(&self, visit: &mut Visit<'_>) -> Result<(), DayError> {
        match self {
            Self::Sealed(_) => {
                for chunk in self.all() {
                    let rows = chunk.and_then(|chunk| chunk.all_rows().map_err(|source| damaged(&chunk, source)));
                    match rows {
                        Ok(rows) => rows.into_iter().try_for_each(|row| visit(Ok(row)))?,
                        Err(error) => visit(Err(error))?,
                    }
                }
            }
            Self::Live(_) => {
                for (org, hits) in self.hits(visit)? {
                    let mut reader = super::OrgReader::new(self, &org);
                    for hit in hits {
                        let (chunk, row) = reader.locate(hit)?.ok_or(DayError::Missing(hit.sequence))?;
                        let event = chunk.events()?.get(row).ok_or(DayError::Missing(hit.sequence))?;
                        visit(Ok((hit.sequence, event.clone())))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Time and sequence of every row, by organisation, each in the order of time.
    fn hits(&self, visit: &mut Visit<'_>) -> Result<BTreeMap<OrgId, Vec<Hit>>, DayError> {
        let mut orgs: BTreeMap<OrgId, Vec<Hit>> = BTreeMap::new();
        for chunk in self.all() {
            // The whole chunk is read before any of it counts: half a chunk is no chunk.
            let rows = chunk.and_then(|chunk| chunk.all_rows().map_err(|source| damaged(&chunk, source)));
            match rows {
                Ok(rows) => rows.into_iter().for_each(|(sequence, event)| {
                    let hit = Hit { time: event.occurred_at.micros(), sequence };
                    orgs.entry(event.org).or_default().push(hit);
                }),
                Err(error) => visit(Err(error))?,
            }
        }
        for hits in orgs.values_mut() {
            hits.sort_unstable_by_key(|hit| place(*hit));
        }
        Ok(orgs)
    }
}

/// A visitor of rows and of what cannot be read.
pub(crate) type Visit<'v> = dyn FnMut(Result<(u64, Event), DayError>) -> Result<(), DayError> + 'v;

/// A chunk's damage, named by its first span.
pub(crate) fn damaged(chunk: &Chunk, source: crate::chunk::ChunkError) -> DayError {
    let (org, first) = chunk.spans.first().map_or((String::new(), 0), |span| (span.org.to_string(), span.first));
    DayError::Chunk { org, first, source }
}
