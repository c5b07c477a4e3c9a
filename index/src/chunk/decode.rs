//! Chunks to rows: checked once, then one column at a time, each only when it is asked for.

use std::sync::Arc;

use system_log_model::event::Attributes;
use system_log_model::{Actor, AiUsage, Category, Change, Event, Log, OrgId, Severity, Timestamp, WebhookDelivery};

use super::column::{Entries, Strings, decompress, take_number, unzigzag};
use super::{COLUMNS, ChunkError, Column, HEADER, MAGIC, Span, VERSION};

/// A chunk whose checksum is right.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    pub(crate) rows: usize,
    /// Organisation by organisation, in the order of the rows; never empty.
    pub(crate) spans: Vec<Span>,
    /// (begin, end, raw length) of each column.
    columns: [(usize, usize, usize); COLUMNS],
}

/// Log, severity, category, pre_auth.
type Flags = (Log, Severity, Option<Category>, bool);

/// More rows than any chunk has; a head that says more is wrong.
const MOST_ROWS: usize = 1 << 16;
/// The same for the bytes of a column.
const MOST_BYTES: usize = 1 << 28;

impl Chunk {
    /// Checks bytes and reads the head.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, ChunkError> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(ChunkError::Length)?;
        if header[..4] != MAGIC {
            return Err(ChunkError::Magic);
        }
        if u32_at(&bytes, 4) != Some(crc32c::crc32c(&bytes[8..])) {
            return Err(ChunkError::Checksum);
        }
        if header[8] != VERSION || usize::from(header[9]) != COLUMNS {
            return Err(ChunkError::Version(header[8]));
        }
        let head_end = u32_at(&bytes, 12).map_or(usize::MAX, |length| HEADER.saturating_add(length as usize));
        let head = bytes.get(HEADER..head_end).ok_or(ChunkError::Length)?;
        let (spans, columns, end) = read_head(head, head_end).ok_or(ChunkError::Length)?;
        let rows = spans.last().map_or(0, |span| span.rows.end);
        if end != bytes.len() || rows == 0 {
            return Err(ChunkError::Length);
        }
        Ok(Self { bytes, rows, spans, columns })
    }

    /// The chunk that bytes begin with, whatever follows, and its length. For finding chunks in files that nothing else
    /// can read.
    pub(crate) fn parse_first(bytes: &[u8]) -> Option<(Self, usize)> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        if header[..4] != MAGIC || header[8] != VERSION {
            return None;
        }
        let head_end = HEADER.checked_add(u32_at(bytes, 12)? as usize)?;
        let (.., end) = read_head(bytes.get(HEADER..head_end)?, head_end)?;
        let own = bytes.get(..end)?.to_vec();
        Some((Self::parse(own).ok()?, end))
    }

    /// Bytes of the whole chunk.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// An organisation's rows, if it has any here.
    pub(crate) fn span(&self, org: &OrgId) -> Option<&Span> {
        self.spans.iter().find(|span| span.org == *org)
    }

    /// The lowest and the highest sequence of all rows.
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let first = self.spans.iter().map(|span| span.first).min().unwrap_or_default();
        let last = self.spans.iter().map(|span| span.last).max().unwrap_or_default();
        (first, last)
    }

    fn raw(&self, column: Column) -> Result<Vec<u8>, ChunkError> {
        let (begin, end, raw) = self.columns[column as usize];
        let stored = self.bytes.get(begin..end).ok_or(ChunkError::Length)?;
        decompress(stored, raw).ok_or(ChunkError::Column(column as u8))
    }

    /// A column of texts.
    pub(crate) fn strings(&self, column: Column) -> Result<Strings, ChunkError> {
        Strings::read(self.raw(column)?, self.rows).ok_or(ChunkError::Column(column as u8))
    }

    fn entries(&self, column: Column) -> Result<Entries, ChunkError> {
        Entries::read(self.raw(column)?, self.rows).ok_or(ChunkError::Column(column as u8))
    }

    /// The sequences of a span, in the order of its rows.
    pub(crate) fn sequences(&self, span: &Span) -> Result<Vec<u64>, ChunkError> {
        let bad = || ChunkError::Column(Column::Sequence as u8);
        let raw = self.raw(Column::Sequence)?;
        let mut rest = raw.as_slice();
        for _ in 0..span.rows.start {
            take_number(&mut rest).ok_or_else(bad)?;
        }
        let mut sequence = span.first;
        let mut sequences = Vec::with_capacity(span.rows.len());
        for _ in span.rows.clone() {
            let distance = take_number(&mut rest).map(unzigzag).ok_or_else(bad)?;
            sequence = sequence.wrapping_add_signed(distance);
            if !(span.first..=span.last).contains(&sequence) {
                return Err(bad());
            }
            sequences.push(sequence);
        }
        Ok(sequences)
    }

    /// (event time, receive time) of each row.
    pub(crate) fn times(&self) -> Result<Vec<(Timestamp, Timestamp)>, ChunkError> {
        let raw = self.raw(Column::Time)?;
        let mut rest = raw.as_slice();
        let mut read = || read_times(&mut rest, self.rows);
        let both = read().zip(read()).ok_or(ChunkError::Column(Column::Time as u8))?;
        Ok(both.0.into_iter().zip(both.1).collect())
    }

    /// The event time of each row.
    pub(crate) fn event_times(&self) -> Result<Vec<Timestamp>, ChunkError> {
        read_times(&mut self.raw(Column::Time)?.as_slice(), self.rows).ok_or(ChunkError::Column(Column::Time as u8))
    }

    /// Which rows of a span are of a log.
    pub(crate) fn of_log(&self, span: &Span, log: Log) -> Result<Vec<bool>, ChunkError> {
        let raw = self.raw(Column::Flags)?;
        let own = raw.get(span.rows.clone()).ok_or(ChunkError::Column(Column::Flags as u8))?;
        Ok(own.iter().map(|byte| byte & 3 == log.rank()).collect())
    }

    fn flags(&self) -> Result<Vec<Flags>, ChunkError> {
        let bad = || ChunkError::Column(Column::Flags as u8);
        let raw = self.raw(Column::Flags)?;
        if raw.len() != self.rows {
            return Err(bad());
        }
        let read = |byte: &u8| {
            let category = match byte >> 4 & 7 {
                0 => None,
                rank => Some(Category::from_rank(rank - 1).ok_or_else(bad)?),
            };
            let log = Log::from_rank(byte & 3).ok_or_else(bad)?;
            let severity = Severity::from_rank(byte >> 2 & 3).ok_or_else(bad)?;
            Ok((log, severity, category, byte >> 7 == 1))
        };
        raw.iter().map(read).collect()
    }

    /// The rows of a span as events.
    pub(crate) fn events(&self, span: &Span) -> Result<Vec<Event>, ChunkError> {
        self.decode(std::slice::from_ref(span))
    }

    /// Every row with its sequence, in the order of the chunk.
    pub(crate) fn all_rows(&self) -> Result<Vec<(u64, Event)>, ChunkError> {
        let mut sequences = Vec::with_capacity(self.rows);
        for span in &self.spans {
            sequences.extend(self.sequences(span)?);
        }
        Ok(sequences.into_iter().zip(self.decode(&self.spans)?).collect())
    }

    fn decode(&self, spans: &[Span]) -> Result<Vec<Event>, ChunkError> {
        let columns = self.columns()?;
        let rows = spans.iter().flat_map(|span| span.rows.clone().map(|row| (row, &span.org)));
        rows.map(|(row, org)| columns.event(org, row)).collect()
    }

    /// Everything unpacked that rows are made of.
    pub(crate) fn columns(&self) -> Result<Columns, ChunkError> {
        Ok(Columns {
            times: self.times()?,
            flags: self.flags()?,
            kinds: self.kinds()?,
            messages: self.strings(Column::Message)?,
            recipients: self.strings(Column::Recipient)?,
            subjects: self.strings(Column::Subject)?,
            actors: self.entries(Column::Actor)?,
            ais: self.entries(Column::Ai)?,
            rests: self.entries(Column::Rest)?,
        })
    }

    /// The kinds, one allocation for each different one.
    pub(crate) fn kinds(&self) -> Result<Vec<Arc<str>>, ChunkError> {
        let column = self.strings(Column::Kind)?;
        let mut kinds: Vec<Arc<str>> = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            let name = column.get(row).unwrap_or_default();
            let known = kinds.iter().rev().find(|kind| &***kind == name).cloned();
            kinds.push(known.unwrap_or_else(|| name.into()));
        }
        Ok(kinds)
    }

    /// The rows of a span, filled in only where that column belongs: what a sort by it looks at.
    pub(crate) fn only(&self, span: &Span, column: Column) -> Result<Vec<Event>, ChunkError> {
        let mut events = vec![blank(span.org.clone()); span.rows.len()];
        let mut rows = span.rows.clone().zip(&mut events);
        match column {
            Column::Message => self.put(rows, column, |event, text| event.message = text)?,
            Column::Recipient => self.put(rows, column, |event, text| event.recipient = text)?,
            Column::Subject => self.put(rows, column, |event, text| event.subject = text)?,
            Column::Kind => {
                let kinds = self.kinds()?;
                rows.for_each(|(row, event)| event.kind = kinds[row].clone());
            }
            Column::Flags => {
                let flags = self.flags()?;
                for (row, event) in rows {
                    (event.log, event.severity, event.category, event.pre_auth) = flags[row];
                }
            }
            Column::Time => {
                let times = self.times()?;
                rows.for_each(|(row, event)| (event.occurred_at, event.received_at) = times[row]);
            }
            Column::Actor => {
                let entries = self.entries(column)?;
                rows.try_for_each(|(row, event)| unpack(&entries, row, column).map(|actor| event.actor = actor))?;
            }
            Column::Ai => {
                let entries = self.entries(column)?;
                rows.try_for_each(|(row, event)| unpack(&entries, row, column).map(|ai| event.ai = ai))?;
            }
            Column::Sequence | Column::Rest => {}
        }
        Ok(events)
    }

    fn put<'e>(
        &self,
        rows: impl Iterator<Item = (usize, &'e mut Event)>,
        column: Column,
        set: fn(&mut Event, String),
    ) -> Result<(), ChunkError> {
        let strings = self.strings(column)?;
        rows.for_each(|(row, event)| set(event, strings.get(row).unwrap_or_default().to_owned()));
        Ok(())
    }
}

/// A chunk unpacked: rows are made one by one, because a page wants few of a chunk's and most of the work is in each.
pub(crate) struct Columns {
    times: Vec<(Timestamp, Timestamp)>,
    flags: Vec<Flags>,
    kinds: Vec<Arc<str>>,
    messages: Strings,
    recipients: Strings,
    subjects: Strings,
    actors: Entries,
    ais: Entries,
    rests: Entries,
}

impl Columns {
    /// A row of the chunk.
    pub(crate) fn event(&self, org: &OrgId, row: usize) -> Result<Event, ChunkError> {
        let text = |column: &Strings| column.get(row).unwrap_or_default().to_owned();
        let rest = || {
            let (flags, times, kind) = (self.flags.get(row)?, self.times.get(row)?, self.kinds.get(row)?);
            let rest: Rest = rmp_serde::from_slice(self.rests.get(row)?).ok()?;
            Some((flags, times, kind, rest))
        };
        let (flags, times, kind, rest) = rest().ok_or(ChunkError::Column(Column::Rest as u8))?;
        let (log, severity, category, pre_auth) = *flags;
        let (source, change, webhook, attributes) = rest;
        Ok(Event {
            org: org.clone(),
            log,
            kind: kind.clone(),
            category,
            severity,
            occurred_at: times.0,
            received_at: times.1,
            message: text(&self.messages),
            actor: unpack::<Actor>(&self.actors, row, Column::Actor)?,
            recipient: text(&self.recipients),
            subject: text(&self.subjects),
            source,
            pre_auth,
            change,
            webhook,
            ai: unpack::<AiUsage>(&self.ais, row, Column::Ai)?,
            attributes,
        })
    }
}

fn read_times(rest: &mut &[u8], rows: usize) -> Option<Vec<Timestamp>> {
    let unit = i64::try_from(take_number(rest)?).ok()?;
    let mut time = 0_i64;
    let mut times = Vec::with_capacity(rows);
    for _ in 0..rows {
        time = time.wrapping_add(unzigzag(take_number(rest)?));
        times.push(Timestamp::from_micros(time.wrapping_mul(unit)));
    }
    Some(times)
}

/// Spans, where each column is, and where the last one ends.
type Head = (Vec<Span>, [(usize, usize, usize); COLUMNS], usize);

fn read_head(head: &[u8], body: usize) -> Option<Head> {
    let mut rest = head;
    let count = usize::try_from(take_number(&mut rest)?).ok().filter(|count| *count <= MOST_ROWS)?;
    let mut spans: Vec<Span> = Vec::with_capacity(count.min(256));
    let mut begin = 0_usize;
    for _ in 0..count {
        let length = usize::try_from(take_number(&mut rest)?).ok()?;
        let (org, behind) = rest.split_at_checked(length)?;
        rest = behind;
        let org = OrgId::new(std::str::from_utf8(org).ok()?).ok()?;
        let rows = usize::try_from(take_number(&mut rest)?).ok()?;
        let end = begin.checked_add(rows).filter(|end| *end <= MOST_ROWS)?;
        let first = take_number(&mut rest)?;
        let last = first.checked_add(take_number(&mut rest)?)?;
        spans.push(Span { org, rows: begin..end, first, last });
        begin = end;
    }
    let mut columns = [(0, 0, 0); COLUMNS];
    let mut at = body;
    for column in &mut columns {
        let raw = usize::try_from(take_number(&mut rest)?).ok().filter(|raw| *raw <= MOST_BYTES)?;
        let stored = usize::try_from(take_number(&mut rest)?).ok()?;
        let end = at.checked_add(stored)?;
        *column = (at, end, raw);
        at = end;
    }
    rest.is_empty().then_some((spans, columns, at))
}

/// A row that knows nothing but its organisation.
fn blank(org: OrgId) -> Event {
    let nothing: Arc<str> = "".into();
    Event {
        org,
        log: Log::System,
        kind: nothing.clone(),
        category: None,
        severity: Severity::Info,
        occurred_at: Timestamp::default(),
        received_at: Timestamp::default(),
        message: String::new(),
        actor: None,
        recipient: String::new(),
        subject: String::new(),
        source: nothing,
        pre_auth: false,
        change: None,
        webhook: None,
        ai: None,
        attributes: Attributes::new(),
    }
}

type Rest = (Arc<str>, Option<Change>, Option<WebhookDelivery>, Attributes);

/// An entry that may be absent.
fn unpack<T: serde::de::DeserializeOwned>(
    entries: &Entries,
    row: usize,
    column: Column,
) -> Result<Option<T>, ChunkError> {
    let bad = || ChunkError::Column(column as u8);
    let bytes = entries.get(row).ok_or_else(bad)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    rmp_serde::from_slice(bytes).map(Some).map_err(|_| bad())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*bytes))
}
