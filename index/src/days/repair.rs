//! Making a damaged day again from everything that is whole: chunks in its files, and frames of the log. The damaged files are
//! set aside under `quarantine/`, and what is lost is named.

use std::fs;
use std::path::Path;

use system_log_model::clock::Day;
use system_log_model::{EventId, Sequence};

use super::{Base, Days, by_org, directory};
use crate::chunk::Chunk;
use crate::day::{DayError, DayHandle, sealed};
use crate::engine::{EngineError, SledEngine};
use crate::entry::Stored;
use crate::files;
use crate::late::salvage_engine;
use crate::log::record::{self, Record};
use crate::log::recovery;
use crate::seal::Generation;

impl Days {
    /// A live day whose engine cannot open its files.
    pub(super) fn remake_live(&self, day: Day, applied: u64) -> Result<DayHandle, DayError> {
        let path = self.path(day);
        let aside = self.set_aside(day, &path)?;
        files::make_directory(&path).map_err(EngineError::io(&path))?;
        let mut events = stored_in(day, salvage_engine(&self.quarantine.join(&aside).join("store"))?);
        let salvaged = events.len();
        events.extend(self.read_log(day, applied)?);
        let engine = SledEngine::open(&path.join("store"), self.limits.day_cache)?;
        let handle = DayHandle::open(Box::new(engine), &path.join("index"), self.limits.writer_memory)?;
        handle.apply(&by_org(events))?;
        handle.close_writer();
        let rows = handle.rows.extent().rows;
        self.lost(format!(
            "day {day}: its store could not be opened; {rows} events are back, {salvaged} of them read from its files; \
             whether any are missing is not known; the files are in quarantine/{aside}"
        ));
        Ok(handle)
    }

    /// A closed day whose file is damaged; the generation that takes its place.
    pub(super) fn remake_sealed(&self, day: Day, generation: u32, applied: u64) -> Result<u32, DayError> {
        let path = self.path(day);
        let damaged = directory::sealed(&path, generation);
        let mut events = stored_in(day, sealed::salvage(&damaged).map_err(EngineError::io(&damaged))?);
        events.extend(self.read_log(day, applied)?);
        let next = generation + 1;
        let into = directory::unfinished(&path, next);
        if into.exists() {
            fs::remove_dir_all(&into).map_err(EngineError::io(&into))?;
        }
        fs::create_dir(&into).map_err(EngineError::io(&into))?;
        let mut writer = Generation::create(&into, self.limits.writer_memory)?;
        for (_, mut rows) in by_org(events) {
            rows.sort_by_key(|stored| (stored.event.occurred_at, stored.id.sequence));
            for stored in rows {
                writer.push(stored.id.sequence.0, stored.event.clone())?;
            }
        }
        let extent = writer.finish()?;
        directory::finish(&path, next).map_err(EngineError::io(&path))?;
        let aside = self.set_aside(day, &damaged)?;
        let rows = extent.rows;
        self.lost(format!(
            "day {day}: its file is damaged; {rows} events are whole; the file is in quarantine/{aside}"
        ));
        Ok(next)
    }

    /// A closed day whose index has to be made again, the newest first; it stays one of [`Self::unindexed`] until it is.
    pub(crate) fn next_unindexed(&self) -> Option<Day> {
        self.unindexed.lock().last().copied()
    }

    /// The closed days that have no index at the moment, ascending.
    pub(crate) fn unindexed(&self) -> Vec<Day> {
        self.unindexed.lock().iter().copied().collect()
    }

    /// Makes the index of a closed day again. Only the sealer may do this.
    pub(crate) fn rebuild_index(&self, day: Day, applied: u64) -> Result<(), DayError> {
        let base = self.slot(day).map(|slot| slot.state.lock().base);
        let rebuilt = match (base, self.get(day, applied)) {
            (Some(Base::Sealed(generation)), Ok(Some(handle))) if handle.index().is_none() => {
                let directory = directory::sealed(&self.path(day), generation);
                handle.rebuild_index(&directory, self.limits.writer_memory).map(|()| true)
            }
            (_, Err(error)) => Err(error),
            _ => Ok(false),
        };
        // Also when it cannot be made: then the day is written anew as a whole.
        self.unindexed.lock().remove(&day);
        if rebuilt? {
            tracing::warn!(%day, "the index of a closed day was made again from its rows");
            self.incidents.lock().rebuilt.push(day);
        }
        Ok(())
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

    /// What the log still has of a day, up to what the days must have; the applier brings the rest.
    pub(crate) fn read_log(&self, day: Day, applied: u64) -> Result<Vec<Stored>, DayError> {
        let mut events = Vec::new();
        let visit = |frame: crate::log::frame::Frame| {
            let mut sequence = frame.first;
            for record in record::decode_all(&frame.raw).unwrap_or_default() {
                let span = record.span();
                if let Record::Events { events: group, .. } = record {
                    for (sequence, event) in (sequence..).zip(group) {
                        if event.occurred_at.day() == day && sequence <= applied {
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

/// The rows of chunks that belong to a day.
fn stored_in(day: Day, chunks: Vec<Chunk>) -> Vec<Stored> {
    let rows = chunks.into_iter().filter_map(|chunk| chunk.all_rows().ok()).flatten();
    let is_of_the_day = |(_, event): &(u64, system_log_model::Event)| event.occurred_at.day() == day;
    rows.filter(is_of_the_day)
        .map(|(sequence, event)| Stored { id: EventId { sequence: Sequence(sequence), day }, event })
        .collect()
}
