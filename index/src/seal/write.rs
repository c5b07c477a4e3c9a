//! Writing a part of a closed day: rows of several sources in one order, into a file and an index.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use system_log_model::{Event, OrgId};

use crate::chunk::Chunk;
use crate::day::{DayError, DayHandle, Extent, Hit, INDEX, InOrder, IndexBuilder, SealedWriter, damaged, place};
use crate::engine::EngineError;

/// Told what cannot be read; says whether to go on without it.
pub(super) type Bad<'b> = dyn FnMut(DayError) -> Result<(), DayError> + 'b;

/// Rows of parts and late rows into a new part. A row that is in two of them is the same one.
pub(super) fn write(
    parts: &[Arc<DayHandle>],
    late: &[Arc<Chunk>],
    into: &Path,
    memory: usize,
    is_stopped: &dyn Fn() -> bool,
    bad: &mut Bad<'_>,
) -> Result<Written, DayError> {
    let mut sources: Vec<InOrder<'_>> = parts.iter().map(|part| part.rows.in_order()).collect();
    sources.push(Box::new(in_order(late, bad)?.into_iter().map(Ok)));
    let mut rows = Merged::of(sources, bad)?;
    let mut writer = PartWriter::create(into, memory)?;
    let mut last: Option<(OrgId, Place)> = None;
    while let Some(row) = rows.next(bad)? {
        if is_stopped() {
            return Err(DayError::Closed);
        }
        let (org, place) = order(&row);
        match &mut last {
            Some((same, before)) if *same == *org && *before == place => continue,
            Some((same, before)) if *same == *org => *before = place,
            _ => last = Some((org.clone(), place)),
        }
        writer.push(row.0, row.1)?;
    }
    writer.finish()
}

/// Late rows, which come in the order they arrived.
fn in_order(late: &[Arc<Chunk>], bad: &mut Bad<'_>) -> Result<Vec<(u64, Event)>, DayError> {
    let mut rows = Vec::new();
    for chunk in late {
        match chunk.all_rows() {
            Ok(own) => rows.extend(own),
            Err(source) => bad(damaged(chunk, source))?,
        }
    }
    rows.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    Ok(rows)
}

/// Event time and sequence.
type Place = (i64, u64);

fn order(row: &(u64, Event)) -> (&OrgId, Place) {
    (&row.1.org, place(Hit { time: row.1.occurred_at.micros(), sequence: row.0 }))
}

/// Rows of several sources, each in order, as one.
struct Merged<'a> {
    sources: Vec<InOrder<'a>>,
    /// The next row of each source that has one.
    heads: BinaryHeap<Reverse<Head>>,
}

struct Head {
    row: (u64, Event),
    source: usize,
}

impl<'a> Merged<'a> {
    fn of(sources: Vec<InOrder<'a>>, bad: &mut Bad<'_>) -> Result<Self, DayError> {
        let mut merged = Self { sources, heads: BinaryHeap::new() };
        (0..merged.sources.len()).try_for_each(|source| merged.advance(source, bad))?;
        Ok(merged)
    }

    fn advance(&mut self, source: usize, bad: &mut Bad<'_>) -> Result<(), DayError> {
        for row in &mut self.sources[source] {
            match row {
                Ok(row) => {
                    self.heads.push(Reverse(Head { row, source }));
                    break;
                }
                Err(error) => bad(error)?,
            }
        }
        Ok(())
    }

    fn next(&mut self, bad: &mut Bad<'_>) -> Result<Option<(u64, Event)>, DayError> {
        let Some(Reverse(head)) = self.heads.pop() else { return Ok(None) };
        self.advance(head.source, bad)?;
        Ok(Some(head.row))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.row).cmp(&order(&other.row))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// The file and the index of a part in the making. Rows come in the order of organisation, event time and sequence.
pub(crate) struct PartWriter {
    rows: SealedWriter,
    index: IndexBuilder,
    /// What each of them took so far.
    took: (Duration, Duration),
}

/// A part that was written.
pub(crate) struct Written {
    pub(crate) extent: Extent,
    /// What its file and its index took.
    pub(crate) took: (Duration, Duration),
}

impl PartWriter {
    /// Begins in a fresh directory; `memory` is the index's, in bytes.
    pub(crate) fn create(into: &Path, memory: usize) -> Result<Self, DayError> {
        let rows = SealedWriter::create(into).map_err(EngineError::io(into))?;
        Ok(Self { rows, index: IndexBuilder::create(&into.join(INDEX), memory)?, took: Default::default() })
    }

    pub(crate) fn push(&mut self, sequence: u64, event: Event) -> Result<(), DayError> {
        let begun = Instant::now();
        self.index.add(sequence, &event)?;
        let indexed = Instant::now();
        self.rows.push(sequence, event)?;
        self.took.0 += indexed.elapsed();
        self.took.1 += indexed - begun;
        Ok(())
    }

    /// Both last when this returns; their directory's name is the caller's business.
    pub(crate) fn finish(self) -> Result<Written, DayError> {
        let begun = Instant::now();
        self.index.finish()?;
        let indexed = Instant::now();
        let extent = self.rows.finish()?;
        Ok(Written { extent, took: (self.took.0 + indexed.elapsed(), self.took.1 + (indexed - begun)) })
    }
}
