//! Where the rows of an answer can be: which days, in which order, up to which sequence, and what of memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use system_log_model::clock::Day;
use system_log_model::{Query, Timestamp};

use crate::day::{
    Bounds, By, CachedChunk, Conditions, DayError, DayHandle, Hit, OrgReader, Prepared, Rows, SealedRows, SpanAt,
    Windows, damaged,
};
use crate::days::View;
use crate::entry::{Snapshot, Stored};
use crate::error::ReadError;
use crate::late;
use crate::memory::Captured;
use crate::shared::Shared;
use crate::verdict::Verdict;

/// Candidates whose texts are looked at in one go: bounds the memory of a question at 2 MB, whatever it finds.
const CANDIDATES: usize = 65_536;
/// When the index would name one row in so many or more, it is not asked.
const WORTH_NAMING: u64 = 4;

/// A question at one moment.
pub(crate) struct Plan<'q> {
    shared: &'q Shared,
    pub(crate) query: &'q Query,
    snapshot: u64,
    captured: Captured,
    verdict: Verdict<'q>,
    /// Days with late rows, of one moment each: what is late here and what is in the handle complete each other.
    aside: BTreeMap<Day, View>,
}

/// What to do after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Stop,
}

impl<'q> Plan<'q> {
    pub(crate) fn new(shared: &'q Shared, query: &'q Query, snapshot: Snapshot) -> Result<Self, ReadError> {
        // Memory and the applied position are captured before any day is looked at: days only ever get more.
        let captured = shared.memory.capture(&query.org);
        let mut aside = BTreeMap::new();
        for day in days_of(shared, query).into_iter().filter(|day| shared.days.has_late(*day)) {
            let failed = |source| ReadError::Day { day, source };
            if let Some(view) = shared.days.view(day, captured.applied).map_err(failed)? {
                aside.insert(day, view);
            }
        }
        let verdict = Verdict::of(&query.filter);
        Ok(Self { shared, query, snapshot: snapshot.0, captured, verdict, aside })
    }

    /// The days that can hold rows, ascending.
    pub(crate) fn days(&self) -> Vec<Day> {
        days_of(self.shared, self.query)
    }

    /// The question's rows among a day's late ones. Each is looked at, so whoever needs only some days asks for these.
    pub(crate) fn late_of(&self, day: Day) -> Result<Vec<Arc<Stored>>, ReadError> {
        let mut rows = Vec::new();
        self.each_late(day, 0, &mut |stored| rows.push(stored))?;
        Ok(rows)
    }

    fn each_late(&self, day: Day, above: u64, visit: &mut dyn FnMut(Arc<Stored>)) -> Result<(), ReadError> {
        let Some(view) = self.aside.get(&day) else { return Ok(()) };
        let last = self.snapshot.min(self.captured.applied);
        late::each(day, &view.late, self.query, (above, last), visit).map_err(|source| ReadError::Day { day, source })
    }

    /// Rows that are in no day yet, ascending by sequence.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.captured.events(self.snapshot).filter(|stored| self.query.matches(&stored.event))
    }

    /// Visits the rows above a sequence that are in no index yet: late ones, then those that are in no day.
    pub(crate) fn each_in_memory(&self, above: u64, mut visit: impl FnMut(&Arc<Stored>)) -> Result<(), ReadError> {
        for day in self.aside.keys() {
            self.each_late(*day, above, &mut |stored| visit(&stored))?;
        }
        self.pending().filter(|stored| stored.id.sequence.0 > above).for_each(visit);
        Ok(())
    }

    /// Whether no row above a position is in a day.
    pub(crate) fn is_all_in_memory(&self, after: u64) -> bool {
        after >= self.captured.applied
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            start: self.query.range.start.micros(),
            end: self.query.range.end.micros(),
            last: self.snapshot.min(self.captured.applied),
            windows: Windows::All,
        }
    }

    /// The parts of a day that can hold rows; none when it has gone meanwhile.
    pub(crate) fn parts(&self, day: Day) -> Result<Vec<OpenPart<'_, 'q>>, ReadError> {
        let failed = |source| ReadError::Day { day, source };
        let applied = self.captured.applied;
        let parts = match self.aside.get(&day) {
            Some(view) => view.parts.clone(),
            None => self.shared.days.get(day, applied).map_err(failed)?,
        };
        let mut open = Vec::new();
        for part in parts.iter().flat_map(|parts| parts.all()) {
            open.extend(self.open(day, part.clone()).map_err(failed)?);
        }
        Ok(open)
    }

    fn open(&self, day: Day, handle: Arc<DayHandle>) -> Result<Option<OpenPart<'_, 'q>>, DayError> {
        let windows = handle.rows.windows(&self.query.org, &self.verdict.grams());
        if windows.is_empty() {
            return Ok(None);
        }
        let bounds = Bounds { windows, ..self.bounds() };
        let conditions = Conditions { org: &self.query.org, filter: &self.query.filter };
        let prepared = handle.index().map(|index| index.prepare(conditions)).transpose()?;
        Ok(Some(OpenPart { plan: self, day, handle, prepared, bounds }))
    }
}

fn days_of(shared: &Shared, query: &Query) -> Vec<Day> {
    let range = query.range;
    let (first, last) = (range.start.day(), range.end.plus_micros(-1).day());
    let mut days = shared.days.all();
    days.retain(|day| first <= *day && *day <= last);
    days
}

/// A question on one part of a day.
pub(crate) struct OpenPart<'p, 'q> {
    plan: &'p Plan<'q>,
    day: Day,
    handle: Arc<DayHandle>,
    /// `None` while the part has no index.
    prepared: Option<Prepared>,
    bounds: Bounds,
}

impl OpenPart<'_, '_> {
    /// A reader of the organisation's rows.
    pub(crate) fn reader(&self) -> OrgReader<'_> {
        OrgReader::new(&self.handle.rows, &self.plan.query.org)
    }

    /// The order in which rows are read with the least effort, for questions that have none of their own.
    pub(crate) fn natural(&self) -> By {
        match self.handle.rows {
            Rows::Live(_) => By::Sequence,
            Rows::Sealed(_) => By::TimeUp,
        }
    }

    fn needs_text(&self) -> bool {
        self.prepared.as_ref().is_none_or(|prepared| self.plan.verdict.is_needed(prepared.search_is_exact))
    }

    /// The rows of a closed day that are looked at one after the other because the index would name most of them: a question
    /// that asks for nothing but a log, and for texts that no word stands for. Without an index that is any question.
    fn scanned(&self, by: By) -> Option<&SealedRows> {
        let Rows::Sealed(sealed) = &self.handle.rows else { return None };
        let own: u64 = sealed.spans(&self.plan.query.org).iter().map(|span| u64::from(span.rows)).sum();
        let Some(prepared) = &self.prepared else { return Some(sealed) };
        let is_plain = by != By::Sequence && self.plan.query.filter.is_log_alone();
        (is_plain && prepared.count_all().is_ok_and(|named| named * WORTH_NAMING >= own)).then_some(sealed)
    }

    /// The first rows behind a place, at most `limit`.
    pub(crate) fn first(&self, by: By, after: Option<Hit>, limit: usize) -> Result<Vec<Hit>, ReadError> {
        if let Some(prepared) = self.prepared.as_ref().filter(|_| !self.needs_text()) {
            let hits = prepared.first(self.bounds.clone(), by, after, limit);
            return hits.map_err(self.failed());
        }
        let mut found = Vec::new();
        let mut reader = self.reader();
        self.each(&mut reader, by, after, |_, _, hit| {
            found.push(hit);
            Ok(if found.len() < limit { Go::On } else { Go::Stop })
        })?;
        Ok(found)
    }

    /// Visits every row behind a place, in order, in bounded memory.
    pub(crate) fn each(
        &self,
        reader: &mut OrgReader<'_>,
        by: By,
        mut after: Option<Hit>,
        mut visit: impl FnMut(&mut CachedChunk, usize, Hit) -> Result<Go, ReadError>,
    ) -> Result<(), ReadError> {
        if let Some(sealed) = self.scanned(by) {
            if by == By::Sequence {
                return self.scan_by_sequence(sealed, reader, after, visit);
            }
            return self.scan(sealed, reader, by, after, visit);
        }
        let Some(prepared) = &self.prepared else {
            return self.scan_live(reader, by, after, visit);
        };
        let exact = prepared.search_is_exact;
        loop {
            let hits = prepared.first(self.bounds.clone(), by, after, CANDIDATES).map_err(self.failed())?;
            for hit in &hits {
                let located = reader.locate(*hit).map_err(self.failed())?;
                let (chunk, row) = located.ok_or_else(|| self.missing(hit.sequence))?;
                let passes = self.plan.verdict.passes(chunk, row, exact).map_err(self.failed())?;
                if passes && visit(chunk, row, *hit)? == Go::Stop {
                    return Ok(());
                }
            }
            after = hits.last().copied();
            if hits.len() < CANDIDATES {
                return Ok(());
            }
        }
    }

    /// The same without the index, group by group, in one of the orders of time.
    fn scan(
        &self,
        sealed: &SealedRows,
        reader: &mut OrgReader<'_>,
        by: By,
        after: Option<Hit>,
        mut visit: impl FnMut(&mut CachedChunk, usize, Hit) -> Result<Go, ReadError>,
    ) -> Result<(), ReadError> {
        let mut spans: Vec<SpanAt> = sealed.spans(&self.plan.query.org).to_vec();
        if by == By::TimeDown {
            spans.reverse();
        }
        for span in spans.iter().filter(|span| self.bounds.meet(span.first, span.last)) {
            let is_passed = after.is_some_and(|after| match by {
                By::TimeDown => span.first > after.time,
                By::TimeUp | By::Sequence => span.last < after.time,
            });
            if is_passed {
                continue;
            }
            let chunk = reader.group(sealed, span.group).map_err(self.failed())?;
            let mut rows = self.rows_of(chunk)?;
            if by == By::TimeDown {
                rows.reverse();
            }
            for row in rows {
                let hit = chunk.hit(row).map_err(self.failed())?;
                let is_behind = after.is_none_or(|after| by.is_behind(hit, after));
                if is_behind && self.bounds.admits(hit) && visit(chunk, row, hit)? == Go::Stop {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The same in an order that is not the file's: places first, then rows.
    fn scan_by_sequence(
        &self,
        sealed: &SealedRows,
        reader: &mut OrgReader<'_>,
        after: Option<Hit>,
        visit: impl FnMut(&mut CachedChunk, usize, Hit) -> Result<Go, ReadError>,
    ) -> Result<(), ReadError> {
        let mut hits = Vec::new();
        self.scan(sealed, reader, By::TimeUp, None, |_, _, hit| {
            hits.push(hit);
            Ok(Go::On)
        })?;
        self.visit_sorted(hits, reader, By::Sequence, after, visit)
    }

    /// A live day without an index, chunk by chunk.
    fn scan_live(
        &self,
        reader: &mut OrgReader<'_>,
        by: By,
        after: Option<Hit>,
        visit: impl FnMut(&mut CachedChunk, usize, Hit) -> Result<Go, ReadError>,
    ) -> Result<(), ReadError> {
        let Rows::Live(chunks) = &self.handle.rows else { return Ok(()) };
        let mut hits = Vec::new();
        for chunk in chunks.of_org(&self.plan.query.org) {
            let rows = chunk.and_then(|chunk| chunk.all_rows().map_err(|source| damaged(&chunk, source)));
            for (sequence, event) in rows.map_err(self.failed())? {
                let hit = Hit { time: event.occurred_at.micros(), sequence };
                if self.bounds.admits(hit) && self.plan.query.filter.matches(&event) {
                    hits.push(hit);
                }
            }
        }
        self.visit_sorted(hits, reader, by, after, visit)
    }

    fn visit_sorted(
        &self,
        mut hits: Vec<Hit>,
        reader: &mut OrgReader<'_>,
        by: By,
        after: Option<Hit>,
        mut visit: impl FnMut(&mut CachedChunk, usize, Hit) -> Result<Go, ReadError>,
    ) -> Result<(), ReadError> {
        hits.retain(|hit| after.is_none_or(|after| by.is_behind(*hit, after)));
        hits.sort_unstable_by_key(|hit| by.place(*hit));
        for hit in hits {
            let located = reader.locate(hit).map_err(self.failed())?;
            let (chunk, row) = located.ok_or_else(|| self.missing(hit.sequence))?;
            if visit(chunk, row, hit)? == Go::Stop {
                break;
            }
        }
        Ok(())
    }

    /// The rows of a chunk that the question asks for, times and snapshot aside.
    fn rows_of(&self, chunk: &mut CachedChunk) -> Result<Vec<usize>, ReadError> {
        if self.prepared.is_none() {
            let mut rows = Vec::new();
            for row in 0..chunk.rows() {
                let event = chunk.event(row).map_err(self.failed())?;
                rows.extend(self.plan.query.filter.matches(&event).then_some(row));
            }
            return Ok(rows);
        }
        let found = self.plan.verdict.rows_with_needles(chunk).map_err(self.failed())?;
        if found.as_ref().is_some_and(|found| !found.contains(&true)) {
            return Ok(Vec::new());
        }
        let of_log = chunk.of_log(self.plan.query.filter.log).map_err(self.failed())?;
        let is_found = |row: &usize| found.as_ref().is_none_or(|found| found[*row]);
        Ok((0..of_log.len()).filter(|row| of_log[*row]).filter(is_found).collect())
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> Result<u64, ReadError> {
        let range = self.plan.query.range;
        let is_whole = range.start <= self.day.start() && self.day.end() <= range.end;
        if let Some(prepared) = self.prepared.as_ref().filter(|_| !self.needs_text()) {
            let count = prepared.count(self.bounds.clone(), is_whole);
            return count.map_err(self.failed());
        }
        let mut count = 0;
        if let Some(sealed) = self.scanned(self.natural()).filter(|_| is_whole)
            && self.handle.rows.extent().last <= self.bounds.last
        {
            let mut reader = self.reader();
            for span in sealed.spans(&self.plan.query.org) {
                if self.bounds.meet(span.first, span.last) {
                    let chunk = reader.group(sealed, span.group).map_err(self.failed())?;
                    count += self.rows_of(chunk)?.len() as u64;
                }
            }
            return Ok(count);
        }
        let mut reader = self.reader();
        self.each(&mut reader, self.natural(), None, |_, _, _| {
            count += 1;
            Ok(Go::On)
        })?;
        Ok(count)
    }

    /// An error of this day.
    pub(crate) fn failed(&self) -> impl Fn(DayError) -> ReadError + use<> {
        let day = self.day;
        move |source| ReadError::Day { day, source }
    }

    pub(crate) fn missing(&self, sequence: u64) -> ReadError {
        self.failed()(DayError::Missing(sequence))
    }
}

/// The instant of a hit.
pub(crate) const fn instant(hit: Hit) -> Timestamp {
    Timestamp::from_micros(hit.time)
}
