//! Chunks to rows: checked once, then one column at a time, each only when it is asked for.

use std::sync::Arc;

use system_log_model::event::Attributes;
use system_log_model::{Actor, AiUsage, Category, Change, Event, Log, OrgId, Severity, Timestamp, WebhookDelivery};

use super::column::{Entries, Strings, decompress, take_number, unzigzag};
use super::{COLUMNS, ChunkError, Column, HEADER, MAGIC, VERSION};

/// A chunk whose checksum is right.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    pub(crate) org: OrgId,
    pub(crate) rows: usize,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// (begin, end, raw length) of each column.
    columns: [(usize, usize, usize); COLUMNS],
}

/// Log, severity, category, pre_auth.
type Flags = (Log, Severity, Option<Category>, bool);

impl Chunk {
    /// Checks bytes and reads the header.
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
        let org_length = usize::from(header[10]);
        let rows = u32_at(&bytes, 12).ok_or(ChunkError::Length)? as usize;
        let first = u64_at(&bytes, 16).ok_or(ChunkError::Length)?;
        let last = u64_at(&bytes, 24).ok_or(ChunkError::Length)?;
        let org_at = HEADER + 8 * COLUMNS;
        let org = bytes
            .get(org_at..org_at + org_length)
            .and_then(|org| std::str::from_utf8(org).ok())
            .and_then(|org| OrgId::new(org).ok())
            .ok_or(ChunkError::Magic)?;
        let mut columns = [(0, 0, 0); COLUMNS];
        let mut begin = org_at + org_length;
        for (index, column) in columns.iter_mut().enumerate() {
            let at = HEADER + 8 * index;
            let raw = u32_at(&bytes, at).ok_or(ChunkError::Length)? as usize;
            let stored = u32_at(&bytes, at + 4).ok_or(ChunkError::Length)? as usize;
            *column = (begin, begin + stored, raw);
            begin += stored;
        }
        if begin != bytes.len() {
            return Err(ChunkError::Length);
        }
        Ok(Self { bytes, org, rows, first, last, columns })
    }

    /// Bytes of the whole chunk.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len()
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

    /// The sequences, ascending.
    pub(crate) fn sequences(&self) -> Result<Vec<u64>, ChunkError> {
        let bad = || ChunkError::Column(Column::Sequence as u8);
        let raw = self.raw(Column::Sequence)?;
        let mut rest = raw.as_slice();
        let mut sequence = self.first;
        let mut sequences = Vec::with_capacity(self.rows);
        for _ in 0..self.rows {
            sequence = sequence.wrapping_add(take_number(&mut rest).ok_or_else(bad)?);
            sequences.push(sequence);
        }
        let is_whole = rest.is_empty() && sequences.last().is_none_or(|last| *last == self.last);
        if is_whole { Ok(sequences) } else { Err(bad()) }
    }

    /// (event time, receive time) of each row.
    fn times(&self) -> Result<Vec<(Timestamp, Timestamp)>, ChunkError> {
        let bad = || ChunkError::Column(Column::Time as u8);
        let raw = self.raw(Column::Time)?;
        let mut rest = raw.as_slice();
        let mut occurred = 0_i64;
        let mut times = Vec::with_capacity(self.rows);
        for _ in 0..self.rows {
            let mut next = || take_number(&mut rest).map(unzigzag).ok_or_else(bad);
            occurred = occurred.wrapping_add(next()?);
            let received = occurred.wrapping_add(next()?);
            times.push((Timestamp::from_micros(occurred), Timestamp::from_micros(received)));
        }
        Ok(times)
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

    /// Every row as an event.
    pub(crate) fn events(&self) -> Result<Vec<Event>, ChunkError> {
        let (times, flags) = (self.times()?, self.flags()?);
        let kinds = self.kinds()?;
        let messages = self.strings(Column::Message)?;
        let recipients = self.strings(Column::Recipient)?;
        let subjects = self.strings(Column::Subject)?;
        let (actors, ais) = (self.entries(Column::Actor)?, self.entries(Column::Ai)?);
        let rests = self.entries(Column::Rest)?;
        let text = |column: &Strings, row| column.get(row).unwrap_or_default().to_owned();
        let mut events = Vec::with_capacity(self.rows);
        for (row, kind) in kinds.into_iter().enumerate() {
            let (log, severity, category, pre_auth) = flags[row];
            let (source, change, webhook, attributes): Rest = rests
                .get(row)
                .and_then(|bytes| rmp_serde::from_slice(bytes).ok())
                .ok_or(ChunkError::Column(Column::Rest as u8))?;
            events.push(Event {
                org: self.org.clone(),
                log,
                kind,
                category,
                severity,
                occurred_at: times[row].0,
                received_at: times[row].1,
                message: text(&messages, row),
                actor: unpack::<Actor>(&actors, row, Column::Actor)?,
                recipient: text(&recipients, row),
                subject: text(&subjects, row),
                source,
                pre_auth,
                change,
                webhook,
                ai: unpack::<AiUsage>(&ais, row, Column::Ai)?,
                attributes,
            });
        }
        Ok(events)
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

    /// Fills in what one column knows, of every row, leaving the rest as it is.
    pub(crate) fn fill(&self, column: Column, events: &mut [Event]) -> Result<(), ChunkError> {
        let put = |events: &mut [Event], set: fn(&mut Event, String)| {
            let strings = self.strings(column)?;
            for (row, event) in events.iter_mut().enumerate() {
                set(event, strings.get(row).unwrap_or_default().to_owned());
            }
            Ok(())
        };
        match column {
            Column::Message => put(events, |event, text| event.message = text),
            Column::Recipient => put(events, |event, text| event.recipient = text),
            Column::Subject => put(events, |event, text| event.subject = text),
            Column::Kind => {
                for (event, kind) in events.iter_mut().zip(self.kinds()?) {
                    event.kind = kind;
                }
                Ok(())
            }
            Column::Flags => {
                for (event, flags) in events.iter_mut().zip(self.flags()?) {
                    (event.log, event.severity, event.category, event.pre_auth) = flags;
                }
                Ok(())
            }
            Column::Time => {
                for (event, times) in events.iter_mut().zip(self.times()?) {
                    (event.occurred_at, event.received_at) = times;
                }
                Ok(())
            }
            Column::Actor => {
                let entries = self.entries(column)?;
                for (row, event) in events.iter_mut().enumerate() {
                    event.actor = unpack(&entries, row, column)?;
                }
                Ok(())
            }
            Column::Ai => {
                let entries = self.entries(column)?;
                for (row, event) in events.iter_mut().enumerate() {
                    event.ai = unpack(&entries, row, column)?;
                }
                Ok(())
            }
            Column::Sequence | Column::Rest => Ok(()),
        }
    }

    /// Rows that know nothing but their organisation, for [`Self::fill`].
    pub(crate) fn blank(&self) -> Vec<Event> {
        let nothing: Arc<str> = "".into();
        let event = Event {
            org: self.org.clone(),
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
        };
        vec![event; self.rows]
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

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}
