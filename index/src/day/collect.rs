//! Which rows of a day, in which order, and how many: collectors over two numbers of each document.
//!
//! A row's place is one 128-bit number, so that time and sequence, both directions and the cursor are one comparison.

use std::collections::BinaryHeap;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::schema::{OCCURRED_AT, SEQUENCE};

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) time: i64,
    pub(crate) sequence: u64,
}

/// Which rows count, apart from what they are.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// First instant, in microseconds.
    pub(crate) start: i64,
    /// First instant that does not count.
    pub(crate) end: i64,
    /// Highest sequence.
    pub(crate) last: u64,
    /// Where rows can be at all.
    pub(crate) windows: Windows,
}

/// Spans in which rows can be, ascending, both ends included.
#[derive(Debug, Clone)]
pub(crate) enum Windows {
    /// Everywhere.
    All,
    /// Of time, in microseconds.
    Times(Arc<[(i64, i64)]>),
    /// Of sequences.
    Sequences(Arc<[(u64, u64)]>),
}

/// Whether a window meets a span, both ends included.
fn meets<T: PartialOrd>(windows: &[(T, T)], first: &T, last: &T) -> bool {
    let at = windows.partition_point(|(_, end)| end < first);
    windows.get(at).is_some_and(|(begin, _)| begin <= last)
}

impl Windows {
    /// Whether no row can be anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Times(windows) => windows.is_empty(),
            Self::Sequences(windows) => windows.is_empty(),
        }
    }
}

/// The order rows are wanted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    TimeUp,
    TimeDown,
    Sequence,
}

impl Bounds {
    /// Whether a span of time, both ends included, can hold rows that count.
    pub(crate) fn meet(&self, first: i64, last: i64) -> bool {
        let is_near = last >= self.start && first < self.end;
        is_near
            && match &self.windows {
                Windows::Times(windows) => meets(windows, &first, &last),
                Windows::All | Windows::Sequences(_) => true,
            }
    }

    pub(crate) fn admits(&self, hit: Hit) -> bool {
        let is_within = self.start <= hit.time && hit.time < self.end && hit.sequence <= self.last;
        is_within
            && match &self.windows {
                Windows::All => true,
                Windows::Times(windows) => meets(windows, &hit.time, &hit.time),
                Windows::Sequences(windows) => meets(windows, &hit.sequence, &hit.sequence),
            }
    }
}

const SIGN: u64 = 1 << 63;

impl By {
    /// What rows are sorted by.
    pub(crate) const fn place(self, hit: Hit) -> u128 {
        // With the sign bit turned, negative times sort before positive ones.
        let time = hit.time.cast_unsigned() ^ SIGN;
        match self {
            Self::TimeUp => (time as u128) << 64 | hit.sequence as u128,
            Self::TimeDown => !((time as u128) << 64 | hit.sequence as u128),
            Self::Sequence => (hit.sequence as u128) << 64 | time as u128,
        }
    }

    /// Whether a row comes behind another one.
    pub(crate) const fn is_behind(self, hit: Hit, other: Hit) -> bool {
        self.place(hit) > self.place(other)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of a number are taken apart")]
    const fn hit(self, place: u128) -> Hit {
        let place = match self {
            Self::TimeDown => !place,
            Self::TimeUp | Self::Sequence => place,
        };
        let (high, low) = ((place >> 64) as u64, place as u64);
        let (time, sequence) = match self {
            Self::TimeUp | Self::TimeDown => (high, low),
            Self::Sequence => (low, high),
        };
        Hit { time: (time ^ SIGN).cast_signed(), sequence }
    }
}

/// The first so many rows behind a place.
pub(crate) struct First {
    pub(crate) bounds: Bounds,
    pub(crate) by: By,
    pub(crate) after: Option<Hit>,
    pub(crate) limit: usize,
}

/// Both numbers of each document of a segment.
struct Numbers {
    sequence: Column<u64>,
    time: Column<i64>,
}

impl Numbers {
    fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let fast = segment.fast_fields();
        Ok(Self { sequence: fast.u64(SEQUENCE)?, time: fast.i64(OCCURRED_AT)? })
    }

    fn hit(&self, document: DocId) -> Hit {
        Hit {
            time: self.time.first(document).unwrap_or_default(),
            sequence: self.sequence.first(document).unwrap_or_default(),
        }
    }
}

pub(crate) struct FirstOfSegment {
    numbers: Numbers,
    bounds: Bounds,
    by: By,
    after: Option<u128>,
    limit: usize,
    best: BinaryHeap<u128>,
}

impl Collector for First {
    type Fruit = Vec<Hit>;
    type Child = FirstOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<FirstOfSegment> {
        Ok(FirstOfSegment {
            numbers: Numbers::of(segment)?,
            bounds: self.bounds.clone(),
            by: self.by,
            after: self.after.map(|hit| self.by.place(hit)),
            limit: self.limit,
            best: BinaryHeap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<Vec<u128>>) -> tantivy::Result<Vec<Hit>> {
        let mut places: Vec<u128> = fruits.into_iter().flatten().collect();
        places.sort_unstable();
        places.truncate(self.limit);
        Ok(places.into_iter().map(|p| self.by.hit(p)).collect())
    }
}

impl SegmentCollector for FirstOfSegment {
    type Fruit = Vec<u128>;

    fn collect(&mut self, document: DocId, _: Score) {
        let hit = self.numbers.hit(document);
        let place = self.by.place(hit);
        if self.after.is_some_and(|after| place <= after) || !self.bounds.admits(hit) {
            return;
        }
        if self.best.len() < self.limit {
            self.best.push(place);
        } else if let Some(mut worst) = self.best.peek_mut()
            && place < *worst
        {
            *worst = place;
        }
    }

    fn harvest(self) -> Vec<u128> {
        self.best.into_vec()
    }
}

/// How many rows within bounds.
pub(crate) struct CountWithin(pub(crate) Bounds);

pub(crate) struct CountOfSegment {
    numbers: Numbers,
    bounds: Bounds,
    count: u64,
}

impl Collector for CountWithin {
    type Fruit = u64;
    type Child = CountOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<CountOfSegment> {
        Ok(CountOfSegment { numbers: Numbers::of(segment)?, bounds: self.0.clone(), count: 0 })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<u64>) -> tantivy::Result<u64> {
        Ok(fruits.into_iter().sum())
    }
}

impl SegmentCollector for CountOfSegment {
    type Fruit = u64;

    fn collect(&mut self, document: DocId, _: Score) {
        self.count += u64::from(self.bounds.admits(self.numbers.hit(document)));
    }

    fn harvest(self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_rows_and_are_read_back() {
        let hit = |time, sequence| Hit { time, sequence };
        let rows = [hit(i64::MIN, 9), hit(-1, 1), hit(0, 0), hit(0, u64::MAX), hit(i64::MAX, 3)];
        for by in [By::TimeUp, By::TimeDown, By::Sequence] {
            for row in rows {
                assert_eq!(by.hit(by.place(row)), row);
            }
        }
        assert!(rows.is_sorted_by_key(|row| By::TimeUp.place(*row)));
        assert!(rows.iter().rev().is_sorted_by_key(|r| By::TimeDown.place(*r)));
    }
}
