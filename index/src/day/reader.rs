//! Rows of one organisation and day. Chunks are read once and their columns only as they are asked for; a bounded number of
//! rows stays at hand, so that a question of any size takes the same memory.

use std::collections::{BTreeMap, VecDeque};

use memchr::memmem::Finder;
use system_log_model::column::TableColumn;
use system_log_model::order::{KeyRef, SortKey};
use system_log_model::{Event, Log, OrgId};

use super::collect::Hit;
use super::rows::{Rows, damaged};
use super::sealed::{SealedRows, place};
use super::{DayChunks, DayError};
use crate::chunk::{Chunk, ChunkError, Column, Columns, Span};

mod folded;

use folded::FoldedColumn;

/// About 8 MB with all columns unpacked; rows sorted by time hardly ever look further back.
const ROWS_AT_HAND: usize = 8_192;

/// Reads one organisation's chunks of one day.
pub(crate) struct OrgReader<'a> {
    rows: &'a Rows,
    org: OrgId,
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
    /// Not read yet in a group whose rows were asked for nothing but their texts.
    order: Option<Order>,
    texts: Vec<(Column, FoldedColumn)>,
    columns: Option<Columns>,
    /// The keys of the column that is sorted by, where they are not its folded texts.
    keys: Option<(TableColumn, Vec<SortKey>)>,
}

/// What the rows are ordered by.
enum Order {
    Sequence(Vec<u64>),
    Time(Vec<(i64, u64)>),
}

impl<'a> OrgReader<'a> {
    pub(crate) fn new(rows: &'a Rows, org: &OrgId) -> Self {
        Self { rows, org: org.clone(), at_hand: BTreeMap::new(), oldest: VecDeque::new(), rows_at_hand: 0, last: None }
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
                let Some(chunk) = chunks.chunk_at(&self.org, hit.sequence)? else {
                    return Ok(None);
                };
                let Some(span) = chunk.span(&self.org).filter(|span| hit.sequence <= span.last).cloned() else {
                    return Ok(None);
                };
                let sequences = chunk.sequences(&span).map_err(|source| damaged(&chunk, source))?;
                self.keep(span.first, CachedChunk::new(chunk, span, Some(Order::Sequence(sequences))))
            }
        };
        Ok(self.at_hand.get(&key).and_then(|chunk| chunk.row(hit)).map(|row| (key, row)))
    }

    fn by_time(&mut self, sealed: &SealedRows, hit: Hit) -> Result<Option<(u64, usize)>, DayError> {
        let spans = sealed.spans(&self.org);
        let from = spans.partition_point(|span| span.last < hit.time);
        // Rows of one instant may stand on both sides of a border.
        for at in spans[from..].iter().take_while(|span| span.first <= hit.time) {
            let chunk = self.group(sealed, at.group)?;
            chunk.read_order()?;
            if let Some(row) = chunk.row(hit) {
                return Ok(Some((u64::from(at.group), row)));
            }
        }
        Ok(None)
    }

    /// The organisation's rows of a group of a closed day.
    pub(crate) fn group(&mut self, sealed: &SealedRows, group: u32) -> Result<&mut CachedChunk, DayError> {
        let key = u64::from(group);
        let damaged = || DayError::Group { group, source: ChunkError::Magic };
        if !self.at_hand.contains_key(&key) {
            let chunk = sealed.chunk(group)?;
            let span = chunk.span(&self.org).ok_or_else(damaged)?.clone();
            self.keep(key, CachedChunk::new(chunk, span, None));
        }
        self.at_hand.get_mut(&key).ok_or_else(damaged)
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
    const fn new(chunk: Chunk, span: Span, order: Option<Order>) -> Self {
        Self { chunk, span, order, texts: Vec::new(), columns: None, keys: None }
    }

    fn is_at(&self, row: usize, hit: Hit) -> bool {
        match &self.order {
            Some(Order::Sequence(sequences)) => sequences.get(row) == Some(&hit.sequence),
            Some(Order::Time(places)) => places.get(row) == Some(&place(hit)),
            None => false,
        }
    }

    fn row(&self, hit: Hit) -> Option<usize> {
        match self.order.as_ref()? {
            Order::Sequence(sequences) => sequences.binary_search(&hit.sequence).ok(),
            Order::Time(places) => places.binary_search(&place(hit)).ok(),
        }
    }

    fn damaged(&self) -> impl Fn(ChunkError) -> DayError + '_ {
        |source| damaged(&self.chunk, source)
    }

    fn read_order(&mut self) -> Result<&Order, DayError> {
        let order = match self.order.take() {
            Some(order) => order,
            None => {
                let sequences = self.chunk.sequences(&self.span).map_err(self.damaged())?;
                let times = self.chunk.event_times().map_err(self.damaged())?;
                let times = times[self.span.rows.clone()].iter().map(|time| time.micros());
                Order::Time(times.zip(sequences).collect())
            }
        };
        Ok(self.order.insert(order))
    }

    /// Time and sequence of a row of a closed day.
    pub(crate) fn hit(&mut self, row: usize) -> Result<Hit, DayError> {
        let found = match self.read_order()? {
            Order::Time(places) => places.get(row).map(|(time, sequence)| Hit { time: *time, sequence: *sequence }),
            Order::Sequence(_) => None,
        };
        found.ok_or_else(|| self.damaged()(ChunkError::Length))
    }

    /// A row, whole.
    pub(crate) fn event(&mut self, row: usize) -> Result<Event, DayError> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.chunk.columns().map_err(self.damaged())?,
        };
        let columns = self.columns.insert(columns);
        let event = columns.event(&self.span.org, self.span.rows.start + row);
        event.map_err(self.damaged())
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.span.rows.len()
    }

    /// Which rows are of a log.
    pub(crate) fn of_log(&self, log: Log) -> Result<Vec<bool>, DayError> {
        self.chunk.of_log(&self.span, log).map_err(self.damaged())
    }

    /// A row's key in a column.
    pub(crate) fn key(&mut self, column: TableColumn, row: usize) -> Result<KeyRef<'_>, DayError> {
        if matches!(column, TableColumn::Message | TableColumn::Recipient | TableColumn::Subject) {
            let folded = self.folded(column_of(column), row)?;
            return Ok(column.folded_key(folded).unwrap_or(KeyRef::Absent));
        }
        if self.keys.as_ref().is_none_or(|(known, _)| *known != column) {
            let events = self.chunk.only(&self.span, column_of(column)).map_err(self.damaged())?;
            self.keys = Some((column, events.iter().map(|event| column.key(event)).collect()));
        }
        let key = self.keys.as_ref().and_then(|(_, keys)| keys.get(row));
        key.map(SortKey::by_ref).ok_or_else(|| self.damaged()(ChunkError::Length))
    }

    /// Whether a row's text of that column contains a folded needle.
    pub(crate) fn contains(&mut self, column: Column, row: usize, needle: &Finder<'_>) -> Result<bool, DayError> {
        Ok(self.rows_with(column, needle)?.get(row) == Some(&true))
    }

    /// Which rows' texts of that column contain a folded needle.
    pub(crate) fn rows_with(&mut self, column: Column, needle: &Finder<'_>) -> Result<&[bool], DayError> {
        Ok(self.text(column)?.rows_with(needle))
    }

    /// A row's folded text of that column.
    pub(crate) fn folded(&mut self, column: Column, row: usize) -> Result<&str, DayError> {
        Ok(self.text(column)?.get(row))
    }

    fn text(&mut self, column: Column) -> Result<&mut FoldedColumn, DayError> {
        let at = match self.texts.iter().position(|(c, _)| *c == column) {
            Some(at) => at,
            None => {
                let strings = self.chunk.strings(column).map_err(self.damaged())?;
                self.texts.push((column, FoldedColumn::of(&strings, self.span.rows.clone())));
                self.texts.len() - 1
            }
        };
        Ok(&mut self.texts[at].1)
    }
}

/// The column of a chunk that a sorted column is computed from.
const fn column_of(column: TableColumn) -> Column {
    match column {
        TableColumn::OccurredAt => Column::Time,
        TableColumn::Type => Column::Kind,
        TableColumn::Category | TableColumn::Severity => Column::Flags,
        TableColumn::Message => Column::Message,
        TableColumn::Recipient => Column::Recipient,
        TableColumn::Subject => Column::Subject,
        TableColumn::Actor => Column::Actor,
        TableColumn::Model | TableColumn::TotalTokens | TableColumn::Cost | TableColumn::Latency => Column::Ai,
    }
}
