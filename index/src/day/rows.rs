//! The rows of a day, wherever they are: in the key-value engine while the day is written, in a sealed file afterwards.

use std::collections::BTreeMap;
use std::iter;

use system_log_model::{Event, OrgId};

use super::collect::{Hit, Windows};
use super::sealed::{SealedRows, place};
use super::{DayChunks, DayError, Extent, OrgReader};
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
                let mut reader = OrgReader::new(self, org);
                // The time is of no account where rows are ordered by sequence.
                let Some((chunk, row)) = reader.locate(Hit { time: 0, sequence })? else {
                    return Ok(None);
                };
                chunk.event(row).map(Some)
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

    /// Every row in the order of organisation, event time and sequence. A chunk that cannot be read is an error in its place,
    /// and of a live day one that comes first.
    pub(crate) fn in_order(&self) -> InOrder<'_> {
        match self {
            Self::Sealed(_) => Box::new(self.all().flat_map(|chunk| match chunk.and_then(|chunk| rows_of(&chunk)) {
                Ok(rows) => Box::new(rows.into_iter().map(Ok)) as InOrder<'_>,
                Err(error) => Box::new(iter::once(Err(error))),
            })),
            Self::Live(_) => {
                let (orgs, bad) = self.hits();
                let hits = orgs.into_iter().flat_map(|(org, hits)| hits.into_iter().map(move |hit| (org.clone(), hit)));
                let mut reader: Option<(OrgId, OrgReader<'_>)> = None;
                let rows = hits.map(move |(org, hit)| {
                    let same = reader.take().filter(|(other, _)| *other == org);
                    let (_, reader) = reader.insert(same.unwrap_or_else(|| (org.clone(), OrgReader::new(self, &org))));
                    let (chunk, row) = reader.locate(hit)?.ok_or(DayError::Missing(hit.sequence))?;
                    Ok((hit.sequence, chunk.event(row)?))
                });
                Box::new(bad.into_iter().map(Err).chain(rows))
            }
        }
    }

    /// Time and sequence of every row, by organisation, each in the order of time; and what cannot be read.
    fn hits(&self) -> (BTreeMap<OrgId, Vec<Hit>>, Vec<DayError>) {
        let mut orgs: BTreeMap<OrgId, Vec<Hit>> = BTreeMap::new();
        let mut bad = Vec::new();
        for chunk in self.all() {
            // The whole chunk is read before any of it counts: half a chunk is no chunk.
            match chunk.and_then(|chunk| rows_of(&chunk)) {
                Ok(rows) => rows.into_iter().for_each(|(sequence, event)| {
                    let hit = Hit { time: event.occurred_at.micros(), sequence };
                    orgs.entry(event.org).or_default().push(hit);
                }),
                Err(error) => bad.push(error),
            }
        }
        for hits in orgs.values_mut() {
            hits.sort_unstable_by_key(|hit| place(*hit));
        }
        (orgs, bad)
    }
}

/// Rows one by one, and what cannot be read.
pub(crate) type InOrder<'a> = Box<dyn Iterator<Item = Result<(u64, Event), DayError>> + 'a>;

fn rows_of(chunk: &Chunk) -> Result<Vec<(u64, Event)>, DayError> {
    chunk.all_rows().map_err(|source| damaged(chunk, source))
}

/// A chunk's damage, named by its first span.
pub(crate) fn damaged(chunk: &Chunk, source: crate::chunk::ChunkError) -> DayError {
    let (org, first) = chunk.spans.first().map_or((String::new(), 0), |span| (span.org.to_string(), span.first));
    DayError::Chunk { org, first, source }
}
