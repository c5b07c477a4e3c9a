//! What came late: events of days that are no longer written in place. A late row is in no index. It is at hand in memory, packed,
//! until it is in a part of its day ([`crate::seal`]); what makes it last is the commit log, of which nothing is dropped before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use system_log_model::clock::Day;
use system_log_model::{EventId, OrgId, Query, Sequence};

use crate::chunk::{Chunk, Row, Shape, pack};
use crate::day::{DayError, damaged};
use crate::days::{DayEvents, Days, by_org};
use crate::entry::Stored;

/// Late events of a log that are packed in one go at open.
const PACK_TOGETHER: usize = 32_768;

/// The late rows of one day, in the order they came. Cheap to clone; never changed, only replaced.
pub(crate) type Late = Arc<Vec<Arc<Chunk>>>;

/// Chunks for a day's new rows.
pub(crate) fn chunks_of(events: &DayEvents) -> Result<Vec<Arc<Chunk>>, DayError> {
    let rows: Vec<Row<'_>> =
        events.iter().flat_map(|(_, events)| events.iter().map(|s| (s.id.sequence.0, &s.event))).collect();
    let packed = pack(&rows, Shape::LATE).map_err(DayError::Pack)?;
    packed.into_iter().map(|(_, bytes)| Chunk::parse(bytes).map(Arc::new).map_err(DayError::Pack)).collect()
}

/// Rows and bytes of late chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// How much late chunks hold.
pub(crate) fn size(chunks: &[Arc<Chunk>]) -> Size {
    let add = |sum: Size, chunk: &Arc<Chunk>| Size { rows: sum.rows + chunk.rows, bytes: sum.bytes + chunk.size() };
    chunks.iter().fold(Size::default(), add)
}

/// Visits the rows of a question among a day's late rows, above one sequence and up to another, in memory bounded by a chunk.
pub(crate) fn each(
    day: Day,
    late: &Late,
    query: &Query,
    (above, last): (u64, u64),
    visit: &mut dyn FnMut(Arc<Stored>),
) -> Result<(), DayError> {
    for chunk in late.iter() {
        let Some(span) = chunk.span(&query.org).filter(|span| span.first <= last && span.last > above) else {
            continue;
        };
        let sequences = chunk.sequences(span).map_err(|source| damaged(chunk, source))?;
        let events = chunk.events(span).map_err(|source| damaged(chunk, source))?;
        let wanted =
            sequences.into_iter().zip(events).filter(|(s, event)| above < *s && *s <= last && query.matches(event));
        wanted.for_each(|(sequence, event)| visit(Arc::new(stored(day, sequence, event))));
    }
    Ok(())
}

/// One late row.
pub(crate) fn get(day: Day, late: &Late, org: &OrgId, sequence: u64) -> Result<Option<Stored>, DayError> {
    for chunk in late.iter() {
        let Some(span) = chunk.span(org).filter(|span| (span.first..=span.last).contains(&sequence)) else { continue };
        let sequences = chunk.sequences(span).map_err(|source| damaged(chunk, source))?;
        if let Some(row) = sequences.iter().position(|other| *other == sequence) {
            let event = chunk.columns().and_then(|columns| columns.event(org, span.rows.start + row));
            return Ok(Some(stored(day, sequence, event.map_err(|source| damaged(chunk, source))?)));
        }
    }
    Ok(None)
}

fn stored(day: Day, sequence: u64, event: system_log_model::Event) -> Stored {
    Stored { id: EventId { sequence: Sequence(sequence), day }, event }
}

/// Finds at open what was late: events that are applied and in no part of their day. Packs them as they come, so that a long
/// log takes no more memory than they do.
pub(crate) struct LateAgain<'s> {
    days: &'s Days,
    applied: u64,
    /// The highest sequence each day has on disk.
    last: HashMap<Day, u64>,
    waiting: BTreeMap<Day, Vec<Arc<Stored>>>,
    count: usize,
    failed: Option<DayError>,
}

impl<'s> LateAgain<'s> {
    /// Nothing yet.
    pub(crate) fn new(days: &'s Days, applied: u64) -> Self {
        Self { days, applied, last: HashMap::new(), waiting: BTreeMap::new(), count: 0, failed: None }
    }

    /// Looks at the events of one frame of the log; frames come in order.
    pub(crate) fn take(&mut self, events: Vec<Arc<Stored>>) {
        for stored in events {
            let day = stored.id.day;
            let last = match self.last.get(&day) {
                Some(last) => *last,
                None => {
                    let last = self.days.last(day, self.applied).unwrap_or_else(|error| {
                        self.failed.get_or_insert(error);
                        u64::MAX
                    });
                    *self.last.entry(day).or_insert(last)
                }
            };
            if stored.id.sequence.0 > last {
                self.waiting.entry(day).or_default().push(stored);
                self.count += 1;
            }
        }
        if self.count >= PACK_TOGETHER {
            self.pack();
        }
    }

    fn pack(&mut self) {
        self.count = 0;
        for (day, events) in std::mem::take(&mut self.waiting) {
            match chunks_of(&by_org(events)) {
                Ok(chunks) => self.days.add_late(day, chunks),
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
    }

    /// Everything was looked at.
    pub(crate) fn finish(mut self) -> Result<(), DayError> {
        self.pack();
        self.failed.map_or(Ok(()), Err)
    }
}
