//! Rows of one organisation and day by their sequence. Chunks are read once and their columns only as they are asked for;
//! a bounded number stays at hand, so that a question of any size takes the same memory.

use std::collections::{BTreeMap, VecDeque};

use memchr::memmem::Finder;
use system_log_model::text::fold;
use system_log_model::{Event, OrgId};

use super::{DayChunks, DayError};
use crate::chunk::{Chunk, ChunkError, Column, Strings};

/// About 3 MB with all columns unpacked; rows sorted by time hardly ever look further back.
const CHUNKS_AT_HAND: usize = 128;

/// Reads one organisation's chunks of one day.
pub(crate) struct OrgReader<'a> {
    chunks: &'a DayChunks,
    org: &'a OrgId,
    at_hand: BTreeMap<u64, CachedChunk>,
    oldest: VecDeque<u64>,
}

/// A chunk and what was unpacked of it.
pub(crate) struct CachedChunk {
    chunk: Chunk,
    sequences: Vec<u64>,
    /// Folded texts by column, and for each text the folded ends.
    texts: Vec<(Column, FoldedColumn)>,
    events: Option<Vec<Event>>,
    /// Rows filled in only where a sort or a search looks.
    partial: Option<(Column, Vec<Event>)>,
}

/// A text column after folding, with the answers already known about it.
struct FoldedColumn {
    strings: Strings,
    /// The whole column folded at once: folding is per character, so this is the folded texts in a row.
    all: String,
    /// Needles that are in no row of the chunk.
    absent: Vec<Box<str>>,
}

impl<'a> OrgReader<'a> {
    pub(crate) fn new(chunks: &'a DayChunks, org: &'a OrgId) -> Self {
        Self { chunks, org, at_hand: BTreeMap::new(), oldest: VecDeque::new() }
    }

    /// The chunk that holds a sequence, and its row there. `None` when the organisation has no such event on this day.
    pub(crate) fn locate(&mut self, sequence: u64) -> Result<Option<(&mut CachedChunk, usize)>, DayError> {
        let near = self.at_hand.range(..=sequence).next_back();
        let known = near.filter(|(_, chunk)| sequence <= chunk.chunk.last);
        let first = match known {
            Some((first, _)) => *first,
            None => match self.chunks.chunk_at(self.org, sequence)? {
                Some(chunk) if sequence <= chunk.last => self.keep(chunk)?,
                _ => return Ok(None),
            },
        };
        let chunk = self.at_hand.get_mut(&first);
        Ok(chunk.and_then(|chunk| {
            let row = chunk.sequences.binary_search(&sequence).ok()?;
            Some((chunk, row))
        }))
    }

    fn keep(&mut self, chunk: Chunk) -> Result<u64, DayError> {
        let first = chunk.first;
        let sequences = chunk.sequences().map_err(|source| damaged(&chunk, source))?;
        let cached = CachedChunk { chunk, sequences, texts: Vec::new(), events: None, partial: None };
        if self.at_hand.insert(first, cached).is_none() {
            self.oldest.push_back(first);
        }
        if self.oldest.len() > CHUNKS_AT_HAND
            && let Some(first) = self.oldest.pop_front()
        {
            self.at_hand.remove(&first);
        }
        Ok(first)
    }
}

fn damaged(chunk: &Chunk, source: ChunkError) -> DayError {
    DayError::Chunk { org: chunk.org.to_string(), first: chunk.first, source }
}

impl CachedChunk {
    /// All rows, whole.
    pub(crate) fn events(&mut self) -> Result<&[Event], DayError> {
        if self.events.is_none() {
            let events = self.chunk.events().map_err(|source| damaged(&self.chunk, source))?;
            self.events = Some(events);
        }
        Ok(self.events.as_deref().unwrap_or_default())
    }

    /// All rows, filled in only where that column belongs.
    pub(crate) fn only(&mut self, column: Column) -> Result<&[Event], DayError> {
        if self.partial.as_ref().is_none_or(|(c, _)| *c != column) {
            let mut events = self.chunk.blank();
            self.chunk.fill(column, &mut events).map_err(|source| damaged(&self.chunk, source))?;
            self.partial = Some((column, events));
        }
        Ok(self.partial.as_ref().map_or(&[], |(_, events)| events.as_slice()))
    }

    /// Whether a row's text of that column contains a folded needle.
    pub(crate) fn contains(&mut self, column: Column, row: usize, needle: &Finder<'_>) -> Result<bool, DayError> {
        let text = self.text(column)?;
        if text.absent.iter().any(|a| a.as_bytes() == needle.needle()) {
            return Ok(false);
        }
        if needle.find(text.all.as_bytes()).is_none() {
            let needle = String::from_utf8_lossy(needle.needle());
            text.absent.push(needle.as_ref().into());
            return Ok(false);
        }
        let own = text.strings.get(row).unwrap_or_default();
        Ok(needle.find(fold(own).as_bytes()).is_some())
    }

    /// A row's text of that column as it is stored.
    pub(crate) fn text_of(&mut self, column: Column, row: usize) -> Result<&str, DayError> {
        Ok(self.text(column)?.strings.get(row).unwrap_or_default())
    }

    fn text(&mut self, column: Column) -> Result<&mut FoldedColumn, DayError> {
        let at = match self.texts.iter().position(|(c, _)| *c == column) {
            Some(at) => at,
            None => {
                let strings = self.chunk.strings(column).map_err(|source| damaged(&self.chunk, source))?;
                let all = fold(strings.all()).into_owned();
                let absent = Vec::new();
                let folded = FoldedColumn { strings, all, absent };
                self.texts.push((column, folded));
                self.texts.len() - 1
            }
        };
        Ok(&mut self.texts[at].1)
    }
}
