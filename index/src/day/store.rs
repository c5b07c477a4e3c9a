//! A day's chunks in a key-value engine: `organisation 0 first-sequence`, and under a key of its own what the day holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use system_log_model::{Event, OrgId};

use super::grams::{self, Filters, Grams};
use super::rows::damaged;
use super::{DayError, Extent};
use crate::chunk::{Chunk, ChunkError, Column, Shape, pack};
use crate::engine::{Engine, Write};
use crate::entry::Stored;
use crate::failpoint::{self, Failpoint};

/// No organisation's id begins with a zero byte.
const NOTE: &[u8] = b"\0extent";
/// A last chunk that is larger is left alone: filling it would split it.
const WORTH_FILLING: usize = Shape::LIVE.bytes * 3 / 4;

/// The chunks of one day.
pub(crate) struct DayChunks {
    engine: Box<dyn Engine>,
    extent: Mutex<Extent>,
    /// By key: what the texts of each chunk cannot contain. Only in memory, and made when the day is opened.
    filters: RwLock<BTreeMap<Vec<u8>, Filtered>>,
    grams: Mutex<Grams>,
}

/// What a chunk's texts cannot contain, and its last sequence.
struct Filtered {
    last: u64,
    filters: Filters,
}

fn key(org: &OrgId, first: u64) -> Vec<u8> {
    let mut key = prefix(org);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

fn prefix(org: &OrgId) -> Vec<u8> {
    let mut key = Vec::with_capacity(org.as_str().len() + 9);
    key.extend_from_slice(org.as_str().as_bytes());
    key.push(0);
    key
}

/// Organisation and first sequence of a chunk's key.
pub(crate) fn read_key(key: &[u8]) -> Option<(&str, u64)> {
    let (org, first) = key.split_last_chunk::<8>()?;
    let org = std::str::from_utf8(org.strip_suffix(&[0])?).ok()?;
    Some((org, u64::from_be_bytes(*first)))
}

impl DayChunks {
    /// Opens what an engine holds, if it is all there.
    pub(crate) fn new(engine: Box<dyn Engine>) -> Result<Self, DayError> {
        let chunks = Self::as_it_is(engine)?;
        // Some damage the engine passes over in silence, as if what it hit had never been written.
        let (noted, mut found) = (chunks.extent().rows, 0);
        for chunk in chunks.all() {
            let chunk = chunk?;
            found += chunk.rows as u64;
            let filters = chunks.grams.lock().of_chunk(&chunk).map_err(|source| damaged(&chunk, source))?;
            if let [span] = chunk.spans.as_slice() {
                let filtered = Filtered { last: span.last, filters };
                chunks.filters.write().insert(key(&span.org, span.first), filtered);
            }
        }
        if found == noted { Ok(chunks) } else { Err(DayError::Incomplete { noted, found }) }
    }

    /// Opens what an engine holds, whatever is missing.
    pub(crate) fn as_it_is(engine: Box<dyn Engine>) -> Result<Self, DayError> {
        let extent = match engine.get(NOTE)? {
            None => Extent::default(),
            Some(bytes) => {
                let (last, rows) = bytes.split_first_chunk::<8>().ok_or(DayError::Note)?;
                let rows = rows.first_chunk::<8>().ok_or(DayError::Note)?;
                Extent { last: u64::from_be_bytes(*last), rows: u64::from_be_bytes(*rows) }
            }
        };
        let (filters, grams) = (RwLock::default(), Mutex::new(Grams::new()));
        Ok(Self { engine, extent: Mutex::new(extent), filters, grams })
    }

    pub(crate) fn extent(&self) -> Extent {
        *self.extent.lock()
    }

    /// The chunk that would hold a sequence of an organisation; the caller looks whether it does.
    pub(crate) fn chunk_at(&self, org: &OrgId, sequence: u64) -> Result<Option<Chunk>, DayError> {
        let found = self.engine.at_or_before(&key(org, sequence))?;
        match found {
            Some((key, value)) if key.starts_with(&prefix(org)) => parse(&key, value).map(Some),
            _ => Ok(None),
        }
    }

    /// Every chunk of every organisation in key order; a damaged one is an error among them.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<Chunk, DayError>> {
        self.scan(&[])
    }

    /// The same of one organisation.
    pub(crate) fn of_org(&self, org: &OrgId) -> impl Iterator<Item = Result<Chunk, DayError>> {
        self.scan(&prefix(org))
    }

    fn scan(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Chunk, DayError>> + use<'_> {
        self.engine.scan(prefix, None).filter_map(|found| match found {
            Ok((key, _)) if key == NOTE => None,
            Ok((key, value)) => Some(parse(&key, value)),
            Err(error) => Some(Err(error.into())),
        })
    }

    /// Adds ascending events of each organisation and syncs. What is there already is stepped over.
    pub(crate) fn append(&self, events: &[(OrgId, Vec<Arc<Stored>>)]) -> Result<(), DayError> {
        let mut writes: Vec<Write> = Vec::new();
        let mut filtered: Vec<(Vec<u8>, Filtered)> = Vec::new();
        let mut extent = self.extent();
        for (org, events) in events {
            let last_chunk = self.chunk_at(org, u64::MAX)?;
            let above = last_chunk.as_ref().map_or(0, |chunk| chunk.bounds().1);
            let fresh = events.partition_point(|stored| stored.id.sequence.0 <= above);
            let fresh = &events[fresh..];
            let Some(newest) = fresh.last() else { continue };
            extent.last = extent.last.max(newest.id.sequence.0);
            extent.rows += fresh.len() as u64;
            let fillable = last_chunk.filter(|chunk| chunk.rows < Shape::LIVE.rows && chunk.size() < WORTH_FILLING);
            let (before, sequences) = match fillable {
                Some(chunk) => read_rows(&chunk)?,
                None => (Vec::new(), Vec::new()),
            };
            let rows: Vec<(u64, &Event)> =
                sequences.into_iter().zip(&before).chain(fresh.iter().map(|s| (s.id.sequence.0, &s.event))).collect();
            let mut rest = rows.as_slice();
            for (count, bytes) in pack(&rows, Shape::LIVE).map_err(DayError::Pack)? {
                let (own, behind) = rest.split_at(count);
                let first = own.first().map_or(0, |(sequence, _)| *sequence);
                let last = own.last().map_or(0, |(sequence, _)| *sequence);
                let filters = self.grams.lock().of_events(own.iter().map(|(_, event)| *event));
                filtered.push((key(org, first), Filtered { last, filters }));
                writes.push((key(org, first), Some(bytes)));
                rest = behind;
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        let mut note = extent.last.to_be_bytes().to_vec();
        note.extend_from_slice(&extent.rows.to_be_bytes());
        writes.push((NOTE.to_vec(), Some(note)));
        self.engine.write(writes)?;
        failpoint::hit(Failpoint::ChunkRewrite);
        self.engine.sync()?;
        // Readers ask for rows of this round only once it is over.
        self.filters.write().extend(filtered);
        *self.extent.lock() = extent;
        Ok(())
    }

    /// The spans of sequences in which rows of an organisation can be that contain every needle, ascending.
    pub(crate) fn windows(&self, org: &OrgId, needles: &[(Column, &[u8])]) -> Vec<(u64, u64)> {
        let prefix = prefix(org);
        let mut windows = Vec::new();
        for (key, chunk) in self.filters.read().range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix))
        {
            let may_hold = |(column, needle): &(Column, &[u8])| {
                grams::place_of(*column).is_none_or(|at| grams::may_contain(&chunk.filters[at], needle))
            };
            if let Some((_, first)) = read_key(key).filter(|_| needles.iter().all(may_hold)) {
                windows.push((first, chunk.last));
            }
        }
        windows
    }
}

/// Rows of a chunk with their sequences.
fn read_rows(chunk: &Chunk) -> Result<(Vec<Event>, Vec<u64>), DayError> {
    let Some(span) = chunk.spans.first() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let damaged = |source| damaged(chunk, source);
    Ok((chunk.events(span).map_err(damaged)?, chunk.sequences(span).map_err(damaged)?))
}

fn parse(key: &[u8], value: Vec<u8>) -> Result<Chunk, DayError> {
    let (org, first) = read_key(key).ok_or(DayError::Note)?;
    let damaged = |source| DayError::Chunk { org: org.to_owned(), first, source };
    let chunk = Chunk::parse(value).map_err(damaged)?;
    // A whole chunk under another's key must not become another organisation's rows (S4).
    match chunk.spans.as_slice() {
        [only] if only.org.as_str() == org && only.first == first => Ok(chunk),
        _ => Err(damaged(ChunkError::Magic)),
    }
}
