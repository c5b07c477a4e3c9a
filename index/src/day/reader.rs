//! Rows of one organisation and day. Chunks are read once and their columns only as they are asked for; a bounded number of
//! rows stays at hand, so that a question of any size takes the same memory.

use std::collections::{BTreeMap, VecDeque};

use memchr::memmem::Finder;
use system_log_model::text::fold;
use system_log_model::{Event, OrgId};

use super::collect::Hit;
use super::rows::{Rows, damaged};
use super::sealed::{SealedRows, place};
use super::{DayChunks, DayError};
use crate::chunk::{Chunk, ChunkError, Column, Span, Strings};

/// About 8 MB with all columns unpacked; rows sorted by time hardly ever look further back.
const ROWS_AT_HAND: usize = 8_192;

/// Reads one organisation's chunks of one day.
pub(crate) struct OrgReader<'a> {
    rows: &'a Rows,
    org: &'a OrgId,
    /// By the first sequence of the chunk, or by the number of the group.
    at_hand: BTreeMap<u64, CachedChunk>,
    oldest: VecDeque<u64>,
    rows_at_hand: usize,
    /// Where the last row was found: the next one is mostly behind it.
    last: Option<(u64, usize)>,
}

/// The organisation's rows of a chunk, and what was unpacked of them. Rows are counted from the organisation's first.
pub(crate) struct CachedChunk {
    chunk: Chunk,
    span: Span,
    order: Order,
    /// Folded texts by column, and for each text the folded ends.
    texts: Vec<(Column, FoldedColumn)>,
    events: Option<Vec<Event>>,
    /// Rows filled in only where a sort or a search looks.
    partial: Option<(Column, Vec<Event>)>,
}

/// What the rows are ordered by.
enum Order {
    Sequence(Vec<u64>),
    Time(Vec<(i64, u64)>),
}

/// A text column after folding, with the answers already known about it.
struct FoldedColumn {
    strings: Strings,
    /// The organisation's texts folded at once: folding is per character, so this is the folded texts in a row.
    all: String,
    /// Needles that are in no row of the chunk.
    absent: Vec<Box<str>>,
}

impl<'a> OrgReader<'a> {
    pub(crate) fn new(rows: &'a Rows, org: &'a OrgId) -> Self {
        Self { rows, org, at_hand: BTreeMap::new(), oldest: VecDeque::new(), rows_at_hand: 0, last: None }
    }

    /// The chunk that holds a row, and the row there. `None` when the organisation has no such event on this day.
    pub(crate) fn locate(&mut self, hit: Hit) -> Result<Option<(&mut CachedChunk, usize)>, DayError> {
        let found = match (self.behind_the_last(hit), self.rows) {
            (Some(next), _) => Some(next),
            (None, Rows::Live(chunks)) => self.by_sequence(chunks, hit)?,
            (None, Rows::Sealed(sealed)) => self.by_time(sealed, hit)?,
        };
        self.last = found;
        Ok(found.and_then(|(key, row)| Some((self.at_hand.get_mut(&key)?, row))))
    }

    fn behind_the_last(&self, hit: Hit) -> Option<(u64, usize)> {
        let (key, row) = self.last?;
        let chunk = self.at_hand.get(&key)?;
        chunk.is_at(row + 1, hit).then_some((key, row + 1))
    }

    fn by_sequence(&mut self, chunks: &DayChunks, hit: Hit) -> Result<Option<(u64, usize)>, DayError> {
        let near = self.at_hand.range(..=hit.sequence).next_back();
        let key = match near.filter(|(_, chunk)| hit.sequence <= chunk.span.last) {
            Some((key, _)) => *key,
            None => {
                let Some(chunk) = chunks.chunk_at(self.org, hit.sequence)? else {
                    return Ok(None);
                };
                let Some(span) = chunk.span(self.org).filter(|span| hit.sequence <= span.last).cloned() else {
                    return Ok(None);
                };
                let sequences = chunk.sequences(&span).map_err(|source| damaged(&chunk, source))?;
                self.keep(span.first, CachedChunk::new(chunk, span, Order::Sequence(sequences)))
            }
        };
        Ok(self.at_hand.get(&key).and_then(|chunk| chunk.row(hit)).map(|row| (key, row)))
    }

    fn by_time(&mut self, sealed: &SealedRows, hit: Hit) -> Result<Option<(u64, usize)>, DayError> {
        let spans = sealed.spans(self.org);
        let from = spans.partition_point(|span| span.last < hit.time);
        // Rows of one instant may stand on both sides of a border.
        for at in spans[from..].iter().take_while(|span| span.first <= hit.time) {
            let key = u64::from(at.group);
            if !self.at_hand.contains_key(&key) {
                let damaged = |source| DayError::Group { group: at.group, source };
                let chunk = sealed.chunk(at.group)?;
                let span = chunk.span(self.org).ok_or_else(|| damaged(ChunkError::Magic))?.clone();
                let sequences = chunk.sequences(&span).map_err(damaged)?;
                let times = chunk.times().map_err(damaged)?;
                let times = times[span.rows.clone()].iter().map(|(occurred, _)| occurred.micros());
                let order = Order::Time(times.zip(sequences).collect());
                self.keep(key, CachedChunk::new(chunk, span, order));
            }
            if let Some(row) = self.at_hand.get(&key).and_then(|chunk| chunk.row(hit)) {
                return Ok(Some((key, row)));
            }
        }
        Ok(None)
    }

    fn keep(&mut self, key: u64, chunk: CachedChunk) -> u64 {
        self.rows_at_hand += chunk.span.rows.len();
        if let Some(before) = self.at_hand.insert(key, chunk) {
            self.rows_at_hand -= before.span.rows.len();
        } else {
            self.oldest.push_back(key);
        }
        while self.rows_at_hand > ROWS_AT_HAND && self.oldest.len() > 1 {
            let gone = self.oldest.pop_front().and_then(|oldest| self.at_hand.remove(&oldest));
            self.rows_at_hand -= gone.map_or(0, |chunk| chunk.span.rows.len());
        }
        key
    }
}

impl CachedChunk {
    const fn new(chunk: Chunk, span: Span, order: Order) -> Self {
        Self { chunk, span, order, texts: Vec::new(), events: None, partial: None }
    }

    fn is_at(&self, row: usize, hit: Hit) -> bool {
        match &self.order {
            Order::Sequence(sequences) => sequences.get(row) == Some(&hit.sequence),
            Order::Time(places) => places.get(row) == Some(&place(hit)),
        }
    }

    fn row(&self, hit: Hit) -> Option<usize> {
        match &self.order {
            Order::Sequence(sequences) => sequences.binary_search(&hit.sequence).ok(),
            Order::Time(places) => places.binary_search(&place(hit)).ok(),
        }
    }

    /// All rows, whole.
    pub(crate) fn events(&mut self) -> Result<&[Event], DayError> {
        if self.events.is_none() {
            let events = self.chunk.events(&self.span).map_err(|source| damaged(&self.chunk, source))?;
            self.events = Some(events);
        }
        Ok(self.events.as_deref().unwrap_or_default())
    }

    /// All rows, filled in only where that column belongs.
    pub(crate) fn only(&mut self, column: Column) -> Result<&[Event], DayError> {
        if self.partial.as_ref().is_none_or(|(c, _)| *c != column) {
            let events = self.chunk.only(&self.span, column).map_err(|source| damaged(&self.chunk, source))?;
            self.partial = Some((column, events));
        }
        Ok(self.partial.as_ref().map_or(&[], |(_, events)| events.as_slice()))
    }

    /// Whether a row's text of that column contains a folded needle.
    pub(crate) fn contains(&mut self, column: Column, row: usize, needle: &Finder<'_>) -> Result<bool, DayError> {
        let row = self.span.rows.start + row;
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
        let row = self.span.rows.start + row;
        Ok(self.text(column)?.strings.get(row).unwrap_or_default())
    }

    fn text(&mut self, column: Column) -> Result<&mut FoldedColumn, DayError> {
        let at = match self.texts.iter().position(|(c, _)| *c == column) {
            Some(at) => at,
            None => {
                let strings = self.chunk.strings(column).map_err(|source| damaged(&self.chunk, source))?;
                let all = fold(strings.joined(self.span.rows.clone())).into_owned();
                let absent = Vec::new();
                let folded = FoldedColumn { strings, all, absent };
                self.texts.push((column, folded));
                self.texts.len() - 1
            }
        };
        Ok(&mut self.texts[at].1)
    }
}
