//! Making a damaged day again from everything that is whole: chunks in its files, and frames of the log. The damaged files are
//! set aside under `quarantine/`, and what is lost is named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use system_log_model::clock::Day;
use system_log_model::{EventId, Sequence};

use super::directory::{self, PartName};
use super::{Days, by_org};
use crate::chunk::Chunk;
use crate::day::{DayError, DayHandle, sealed};
use crate::engine::{EngineError, SledEngine};
use crate::entry::Stored;
use crate::files;
use crate::log::record::{self, Record};
use crate::log::recovery;
use crate::seal::PartWriter;
use crate::stages::Stages;

impl Days {
    /// A live day whose engine cannot open its files.
    pub(super) fn remake_live(&self, day: Day, up_to: u64) -> Result<DayHandle, DayError> {
        let path = self.path(day);
        let aside = self.set_aside(day, &path)?;
        files::make_directory(&path).map_err(EngineError::io(&path))?;
        let mut events = stored_in(day, salvage_engine(&self.quarantine.join(&aside).join("store"))?);
        let salvaged = events.len();
        events.extend(self.read_log(day, up_to)?);
        let engine = SledEngine::open(&path.join("store"), self.limits.day_cache)?;
        let handle = DayHandle::open(Box::new(engine), &path.join("index"), self.limits.writer_memory)?;
        let events = by_org(events.into_iter().map(Arc::new));
        if !events.is_empty() {
            handle.apply(&events, &Stages::default())?;
            handle.close_writer();
        }
        let rows = handle.rows.extent().rows;
        self.lost(format!(
            "day {day}: its store could not be opened; {rows} events are back, {salvaged} of them read from its files; \
             whether any are missing is not known; the files are in quarantine/{aside}"
        ));
        Ok(handle)
    }

    /// A closed day of which a file is damaged: one part of everything that is whole, which takes the place of all.
    pub(super) fn remake_sealed(&self, day: Day, names: &[PartName], up_to: u64) -> Result<PartName, DayError> {
        let path = self.path(day);
        let mut events = Vec::new();
        for name in names {
            let part = name.path(&path);
            events.extend(stored_in(day, sealed::salvage(&part).map_err(EngineError::io(&part))?));
        }
        events.extend(self.read_log(day, up_to)?);
        let next = PartName::instead_of(names, 0);
        let into = next.unfinished(&path);
        if into.exists() {
            fs::remove_dir_all(&into).map_err(EngineError::io(&into))?;
        }
        fs::create_dir(&into).map_err(EngineError::io(&into))?;
        let mut writer = PartWriter::create(&into, self.limits.writer_memory)?;
        for (_, mut rows) in by_org(events.into_iter().map(Arc::new)) {
            rows.sort_by_key(|stored| (stored.event.occurred_at, stored.id.sequence));
            for stored in rows {
                writer.push(stored.id.sequence.0, stored.event.clone())?;
            }
        }
        let extent = writer.finish()?.extent;
        directory::finish(&path, next).map_err(EngineError::io(&path))?;
        let mut aside = Vec::new();
        for name in names {
            aside.push(format!("quarantine/{}", self.set_aside(day, &name.path(&path))?));
        }
        let (rows, aside) = (extent.rows, aside.join(", "));
        self.lost(format!("day {day}: a file of it is damaged; {rows} events are whole; what there was is in {aside}"));
        Ok(next)
    }

    /// The days that have no whole index at the moment, ascending.
    pub(crate) fn unindexed(&self) -> Vec<Day> {
        self.unindexed.lock().iter().copied().collect()
    }

    /// Makes the indexes of a closed day again that are not whole; it is one of [`Self::unindexed`] until they are. Only the
    /// sealer may do this.
    pub(crate) fn rebuild_indexes(&self, day: Day, applied: u64) -> Result<(), DayError> {
        if let Some(slot) = self.slot(day)
            && let Some(parts) = self.open(day, &slot, applied)?
        {
            let base = slot.state.lock().base.clone();
            for (name, part) in base.parts().iter().zip(parts.all()) {
                if part.index().is_none() {
                    part.rebuild_index(&name.path(&self.path(day)), self.limits.writer_memory)?;
                }
            }
            tracing::warn!(%day, "a day's index was made again from its rows");
            self.incidents.lock().rebuilt.push(day);
        }
        self.unindexed.lock().remove(&day);
        Ok(())
    }

    /// As if a day had been opened without a whole index.
    #[cfg(test)]
    pub(crate) fn note_unindexed(&self, day: Day) {
        self.unindexed.lock().insert(day);
    }

    /// Moves files into quarantine; the name they have there.
    pub(crate) fn set_aside(&self, day: Day, path: &Path) -> Result<String, DayError> {
        files::make_directory(&self.quarantine).map_err(EngineError::io(&self.quarantine))?;
        let free = |n: &u32| !self.quarantine.join(format!("{day}.{n}")).exists();
        let number = (1..).find(free).unwrap_or_default();
        let name = format!("{day}.{number}");
        fs::rename(path, self.quarantine.join(&name)).map_err(EngineError::io(path))?;
        files::sync_directory(&self.quarantine).map_err(EngineError::io(&self.quarantine))?;
        self.incidents.lock().quarantined.push(name.clone());
        Ok(name)
    }

    /// What the log still has of a day, up to a sequence: the rest is late, or the applier brings it.
    pub(crate) fn read_log(&self, day: Day, up_to: u64) -> Result<Vec<Stored>, DayError> {
        let mut events = Vec::new();
        let visit = |frame: crate::log::frame::Frame| {
            let mut sequence = frame.first;
            for record in record::decode_all(&frame.raw).unwrap_or_default() {
                let span = record.span();
                if let Record::Events { events: group, .. } = record {
                    for (sequence, event) in (sequence..).zip(group) {
                        if event.occurred_at.day() == day && sequence <= up_to {
                            events.push(Stored { id: EventId { sequence: Sequence(sequence), day }, event });
                        }
                    }
                }
                sequence += span;
            }
        };
        recovery::read(&self.log, 0, visit).map_err(EngineError::io(&self.log))?;
        Ok(events)
    }
}

/// Every whole chunk in the files of an engine that cannot be opened.
fn salvage_engine(directory: &Path) -> Result<Vec<Chunk>, DayError> {
    let io = |error| DayError::from(EngineError::io(directory)(error));
    let mut files = vec![directory.join("db")];
    if let Ok(blobs) = fs::read_dir(directory.join("blobs")) {
        files.extend(blobs.flatten().map(|entry| entry.path()));
    }
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        found.extend(sealed::chunks_within(&fs::read(file).map_err(io)?));
    }
    Ok(found)
}

/// The rows of chunks that belong to a day.
fn stored_in(day: Day, chunks: Vec<Chunk>) -> Vec<Stored> {
    let rows = chunks.into_iter().filter_map(|chunk| chunk.all_rows().ok()).flatten();
    let is_of_the_day = |(_, event): &(u64, system_log_model::Event)| event.occurred_at.day() == day;
    rows.filter(is_of_the_day)
        .map(|(sequence, event)| Stored { id: EventId { sequence: Sequence(sequence), day }, event })
        .collect()
}
