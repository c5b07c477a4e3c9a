//! Writing a closed day's rows, in order, in memory bounded by one group.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use system_log_model::{Event, OrgId};

use super::{FILE, MAGIC, SpanAt};
use crate::chunk::{Row, Shape, pack, put_number};
use crate::day::grams::Grams;
use crate::day::{DayError, Extent};
use crate::engine::EngineError;
use crate::failpoint::{self, Failpoint};

/// See the file's first line.
pub(crate) struct SealedWriter {
    out: BufWriter<File>,
    rows: Vec<(u64, Event)>,
    chunk_lengths: Vec<u64>,
    filter_lengths: Vec<u64>,
    filters: Vec<u8>,
    orgs: Vec<(OrgId, Vec<SpanAt>)>,
    extent: Extent,
    grams: Grams,
}

impl SealedWriter {
    /// Begins a file in an empty directory.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 18, File::create_new(directory.join(FILE))?);
        out.write_all(&MAGIC)?;
        Ok(Self {
            out,
            rows: Vec::new(),
            chunk_lengths: Vec::new(),
            filter_lengths: Vec::new(),
            filters: Vec::new(),
            orgs: Vec::new(),
            extent: Extent::default(),
            grams: Grams::new(),
        })
    }

    /// Adds the next row in the order of organisation, event time and sequence.
    pub(crate) fn push(&mut self, sequence: u64, event: Event) -> Result<(), DayError> {
        self.rows.push((sequence, event));
        if self.rows.len() >= Shape::SEALED.rows {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DayError> {
        let rows = std::mem::take(&mut self.rows);
        let rows: Vec<Row<'_>> = rows.iter().map(|(sequence, event)| (*sequence, event)).collect();
        let mut rest = rows.as_slice();
        for (count, bytes) in pack(&rows, Shape::SEALED).map_err(DayError::Pack)? {
            let (own, behind) = rest.split_at(count);
            rest = behind;
            self.out.write_all(&bytes).map_err(failed)?;
            failpoint::hit(Failpoint::DayRows);
            self.note(own);
            self.chunk_lengths.push(bytes.len() as u64);
        }
        Ok(())
    }

    /// Filters and whereabouts of a group's rows.
    fn note(&mut self, rows: &[Row<'_>]) {
        for filter in self.grams.of_events(rows.iter().map(|(_, event)| *event)) {
            self.filter_lengths.push(filter.len() as u64);
            self.filters.extend_from_slice(&filter);
        }
        let group = self.chunk_lengths.len() as u32;
        for part in rows.chunk_by(|a, b| a.1.org == b.1.org) {
            let Some((first, last)) = part.first().zip(part.last()) else { continue };
            let time = |row: &Row<'_>| row.1.occurred_at.micros();
            let span = SpanAt { group, rows: part.len() as u32, first: time(first), last: time(last) };
            match self.orgs.last_mut().filter(|(org, _)| *org == first.1.org) {
                Some((_, spans)) => spans.push(span),
                None => self.orgs.push((first.1.org.clone(), vec![span])),
            }
        }
        self.extent.rows += rows.len() as u64;
        self.extent.last = rows.iter().map(|(sequence, _)| *sequence).fold(self.extent.last, u64::max);
    }

    /// Ends the file; it lasts when this returns, its name once its directory is synced.
    pub(crate) fn finish(mut self) -> Result<Extent, DayError> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        let footer = self.footer();
        let length = u32::try_from(footer.len()).map_err(|_| DayError::Sealed)?;
        let mut trailer = length.to_le_bytes().to_vec();
        trailer.extend_from_slice(&crc32c::crc32c(&footer).to_le_bytes());
        trailer.extend_from_slice(&crc32c::crc32c(&self.filters).to_le_bytes());
        trailer.extend_from_slice(&MAGIC);
        for part in [&self.filters, &footer, &trailer] {
            self.out.write_all(part).map_err(failed)?;
        }
        let file = self.out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(self.extent)
    }

    fn footer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |number: u64| put_number(&mut out, number);
        put(self.extent.last);
        put(self.extent.rows);
        put(self.chunk_lengths.len() as u64);
        self.chunk_lengths.iter().chain(&self.filter_lengths).for_each(|length| put(*length));
        put(self.orgs.len() as u64);
        for (org, spans) in &self.orgs {
            put_number(&mut out, org.as_str().len() as u64);
            out.extend_from_slice(org.as_str().as_bytes());
            put_number(&mut out, spans.len() as u64);
            let (mut group, mut time) = (0, 0_i64);
            for span in spans {
                put_number(&mut out, u64::from(span.group - group));
                put_number(&mut out, u64::from(span.rows));
                put_number(&mut out, span.first.wrapping_sub(time).cast_unsigned());
                put_number(&mut out, span.last.wrapping_sub(span.first).cast_unsigned());
                (group, time) = (span.group, span.last);
            }
        }
        out
    }
}

fn failed(error: io::Error) -> DayError {
    EngineError::io(Path::new(FILE))(error).into()
}
