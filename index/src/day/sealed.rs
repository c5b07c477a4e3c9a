//! The rows of a closed day: one file, written once and never changed, so that it can be dense.
//!
//! `magic 8 | groups | filters | footer | trailer`. A group is a chunk of up to 256 rows, ordered by organisation, event time and
//! sequence, so that a page reads neighbours and a column compresses well. Each group has a filter of the grams of its three
//! text columns ([`super::grams`]). The footer says where groups, filters and each organisation's rows are; the trailer has the
//! checksums of filters and footer. Groups have their own, which are looked at whenever one is read.

use std::fs;
use std::ops::Range;
use std::path::Path;

use system_log_model::{Event, OrgId};
use tantivy::directory::OwnedBytes;

use super::collect::Hit;
use super::grams::{self, FILTERED};
use super::{DayError, Extent};
use crate::chunk::{Chunk, Column, take_number};
use crate::engine::EngineError;
use crate::files;

mod write;

pub(crate) use write::SealedWriter;

/// The file's name in its directory.
pub(crate) const FILE: &str = "rows";
/// What the file begins and ends with; the last byte is the version.
const MAGIC: [u8; 8] = *b"SLSEALD\x02";
/// `footer length 4 | footer checksum 4 | filters' checksum 4 | magic 8`.
const TRAILER: usize = 20;

/// Where a group and its filters are.
#[derive(Debug, Clone)]
struct Group {
    chunk: Range<usize>,
    filters: [Range<usize>; FILTERED.len()],
}

/// The rows of one organisation in one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanAt {
    /// Which group.
    pub(crate) group: u32,
    pub(crate) rows: u32,
    /// First and last event time, in microseconds.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// See the file's first lines.
pub(crate) struct SealedRows {
    bytes: OwnedBytes,
    extent: Extent,
    groups: Vec<Group>,
    /// By organisation; each has its spans in the order of time.
    orgs: Vec<(OrgId, Vec<SpanAt>)>,
}

/// What a footer says.
struct Footer {
    extent: Extent,
    groups: Vec<Group>,
    orgs: Vec<(OrgId, Vec<SpanAt>)>,
}

impl SealedRows {
    /// Opens a file that was finished. Its groups are checked when they are read.
    pub(crate) fn open(directory: &Path) -> Result<Self, DayError> {
        let path = directory.join(FILE);
        let bytes = files::map(&path).map_err(EngineError::io(&path))?;
        let footer = Footer::read(&bytes).ok_or(DayError::Sealed)?;
        Ok(Self { bytes, extent: footer.extent, groups: footer.groups, orgs: footer.orgs })
    }

    pub(crate) const fn extent(&self) -> Extent {
        self.extent
    }

    /// Where an organisation's rows are, in the order of time.
    pub(crate) fn spans(&self, org: &OrgId) -> &[SpanAt] {
        let found = self.orgs.binary_search_by(|(other, _)| other.cmp(org));
        found.map_or(&[], |at| self.orgs[at].1.as_slice())
    }

    pub(crate) fn groups(&self) -> u32 {
        self.groups.len() as u32
    }

    pub(crate) fn chunk(&self, group: u32) -> Result<Chunk, DayError> {
        let at = self.groups.get(group as usize).ok_or(DayError::Sealed)?;
        let bytes = self.bytes.get(at.chunk.clone()).ok_or(DayError::Sealed)?;
        Chunk::parse(bytes.to_vec()).map_err(|source| DayError::Group { group, source })
    }

    /// The spans of event time in which rows of an organisation can be that contain every needle, ascending.
    pub(crate) fn windows(&self, org: &OrgId, needles: &[(Column, &[u8])]) -> Vec<(i64, i64)> {
        let may_hold = |span: &&SpanAt| {
            let group = &self.groups[span.group as usize];
            needles.iter().all(|(column, needle)| {
                grams::place_of(*column)
                    .is_none_or(|at| grams::may_contain(&self.bytes[group.filters[at].clone()], needle))
            })
        };
        let mut windows: Vec<(i64, i64)> = Vec::new();
        for span in self.spans(org).iter().filter(may_hold) {
            match windows.last_mut() {
                Some(last) if span.first <= last.1 => last.1 = last.1.max(span.last),
                _ => windows.push((span.first, span.last)),
            }
        }
        windows
    }

    /// One event by its sequence alone, which is no order of this file: every group of the organisation is looked at.
    pub(crate) fn get(&self, org: &OrgId, sequence: u64) -> Result<Option<Event>, DayError> {
        for at in self.spans(org) {
            let chunk = self.chunk(at.group)?;
            let Some(span) = chunk.span(org).filter(|span| (span.first..=span.last).contains(&sequence)) else {
                continue;
            };
            let damaged = |source| DayError::Group { group: at.group, source };
            let sequences = chunk.sequences(span).map_err(damaged)?;
            if let Some(row) = sequences.iter().position(|other| *other == sequence) {
                let columns = chunk.columns().map_err(damaged)?;
                return columns.event(org, span.rows.start + row).map(Some).map_err(damaged);
            }
        }
        Ok(None)
    }
}

/// Every whole chunk of a file whose footer may be gone, in the order of the file.
pub(crate) fn salvage(directory: &Path) -> std::io::Result<Vec<Chunk>> {
    let bytes = fs::read(directory.join(FILE))?;
    Ok(chunks_within(&bytes))
}

/// Every whole chunk that bytes hold anywhere.
pub(crate) fn chunks_within(bytes: &[u8]) -> Vec<Chunk> {
    let mut found = Vec::new();
    let finder = memchr::memmem::Finder::new(&crate::chunk::MAGIC);
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| finder.find(rest)) {
        let begin = at + next;
        at = match Chunk::parse_first(&bytes[begin..]) {
            Some((chunk, length)) => {
                found.push(chunk);
                begin + length
            }
            None => begin + 1,
        };
    }
    found
}

impl Footer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, trailer) = bytes.split_last_chunk::<TRAILER>()?;
        let word = |at: usize| trailer.get(at..at + 4)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word));
        if body.first_chunk() != Some(&MAGIC) || trailer.last_chunk() != Some(&MAGIC) {
            return None;
        }
        let begin = body.len().checked_sub(word(0)? as usize)?;
        let footer = &body[begin..];
        if crc32c::crc32c(footer) != word(4)? {
            return None;
        }
        let footer = Self::parse(footer, begin)?;
        let filters = footer.groups.last().map_or(MAGIC.len(), |group| group.chunk.end);
        (crc32c::crc32c(body.get(filters..begin)?) == word(8)?).then_some(footer)
    }

    /// Reads what [`SealedWriter::finish`] writes; `end` is where filters end.
    fn parse(mut rest: &[u8], end: usize) -> Option<Self> {
        let rest = &mut rest;
        let size = |rest: &mut &[u8]| usize::try_from(take_number(rest)?).ok();
        let extent = Extent { last: take_number(rest)?, rows: take_number(rest)? };
        let count = size(rest)?;
        let mut groups: Vec<Group> = Vec::with_capacity(count.min(1 << 16));
        let mut at = MAGIC.len();
        for _ in 0..count {
            let next = at.checked_add(size(rest)?)?;
            groups.push(Group { chunk: at..next, filters: Default::default() });
            at = next;
        }
        for group in &mut groups {
            for filter in &mut group.filters {
                let next = at.checked_add(size(rest)?)?;
                *filter = at..next;
                at = next;
            }
        }
        let mut orgs = Vec::new();
        for _ in 0..size(rest)? {
            let length = size(rest)?;
            let (org, behind) = rest.split_at_checked(length)?;
            *rest = behind;
            let org = OrgId::new(std::str::from_utf8(org).ok()?).ok()?;
            let mut group = 0_u32;
            let mut time = 0_i64;
            let mut spans = Vec::new();
            for _ in 0..size(rest)? {
                group = group.checked_add(u32::try_from(take_number(rest)?).ok()?)?;
                let rows = u32::try_from(take_number(rest)?).ok()?;
                let first = time.wrapping_add_unsigned(take_number(rest)?);
                let last = first.wrapping_add_unsigned(take_number(rest)?);
                time = last;
                if group as usize >= groups.len() {
                    return None;
                }
                spans.push(SpanAt { group, rows, first, last });
            }
            orgs.push((org, spans));
        }
        let is_sound = rest.is_empty() && at == end && orgs.is_sorted_by(|a, b| a.0 < b.0);
        is_sound.then_some(Self { extent, groups, orgs })
    }
}

/// A row's place in the order of the file.
pub(crate) const fn place(hit: Hit) -> (i64, u64) {
    (hit.time, hit.sequence)
}

#[cfg(test)]
mod tests;
