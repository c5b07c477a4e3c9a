//! Writing a day anew, as far as the directory and what readers see of it go: a new part beside those there are, which takes the
//! place of some of them at once.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

use system_log_model::clock::Day;

use super::directory::{self, PartName};
use super::{Base, Days, View};
use crate::day::{DayError, DayHandle, DayParts};
use crate::engine::EngineError;
use crate::files;

/// A part in the making.
pub(crate) struct Rewrite {
    /// Where it is written.
    pub(crate) into: PathBuf,
    name: PartName,
    /// The parts that stay, before it.
    kept: Vec<PartName>,
}

impl Days {
    /// From now on the day's rows are late ones; what it has at this moment.
    pub(crate) fn begin_closing(&self, day: Day, applied: u64) -> Result<Option<View>, DayError> {
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        {
            let _between_rounds = self.applying.lock();
            slot.state.lock().is_closing = true;
        }
        self.view(day, applied)
    }

    /// Gives closing up; the day goes on as it was.
    pub(crate) fn stop_closing(&self, day: Day) {
        if let Some(slot) = self.slot(day) {
            slot.state.lock().is_closing = false;
        }
    }

    /// Where a part is written that takes the place of a day's parts from one on, or of the whole of a live day; the directory
    /// is fresh.
    pub(crate) fn prepare(&self, day: Day, from: usize) -> Result<Rewrite, DayError> {
        let parts = self.slot(day).map_or_else(Vec::new, |slot| slot.state.lock().base.parts().to_vec());
        let name = PartName::instead_of(&parts, from);
        let path = self.path(day);
        let into = name.unfinished(&path);
        let fresh = || -> io::Result<()> {
            files::make_directory(&path)?;
            if into.exists() {
                fs::remove_dir_all(&into)?;
            }
            fs::create_dir(&into)
        };
        fresh().map_err(EngineError::io(&into))?;
        let kept = parts.into_iter().take(from).collect();
        Ok(Rewrite { into, name, kept })
    }

    /// Puts a finished part in its place, with `taken` of the day's late chunks in it. Returns what the day was before: files
    /// that are of no more use may go once nobody holds it. `None` when the day is gone meanwhile.
    pub(crate) fn replace(&self, day: Day, new: Rewrite, taken: usize) -> Result<Option<Weak<DayParts>>, DayError> {
        let path = self.path(day);
        directory::finish(&path, new.name).map_err(EngineError::io(&path))?;
        let handle = Arc::new(DayHandle::open_sealed(&new.name.path(&path))?);
        self.writing.lock().retain(|other| *other != day);
        let Some(slot) = self.slot(day) else {
            return Ok(None);
        };
        let mut state = slot.state.lock();
        let mut parts = Vec::with_capacity(new.kept.len() + 1);
        if !new.kept.is_empty() {
            let known = state.open.clone().or_else(|| state.lingering.upgrade());
            let known = known.filter(|_| state.base.parts().starts_with(&new.kept));
            // Somebody made damaged parts again meanwhile: what was written has no place any more.
            let Some(kept) = known.as_ref().and_then(|known| known.all().get(..new.kept.len())) else {
                let gone = new.name.path(&path);
                fs::remove_dir_all(&gone).map_err(EngineError::io(&gone))?;
                return Err(DayError::Closed);
            };
            parts.extend_from_slice(kept);
        }
        parts.push(handle);
        let before = state.open.replace(Arc::new(DayParts::of(parts)));
        if let Some(before) = before.as_ref().filter(|parts| parts.is_live()) {
            before.close_writer();
        }
        state.base = Base::Sealed(new.kept.into_iter().chain([new.name]).collect());
        state.lingering = Weak::new();
        let late = state.late.get(taken..).unwrap_or_default().to_vec();
        self.set_late(&mut state, late);
        state.late_since = (!state.late.is_empty()).then(Instant::now);
        state.is_closing = false;
        Ok(Some(before.map_or_else(Weak::new, |parts| Arc::downgrade(&parts))))
    }

    /// Removes what a closed day no longer needs on disk.
    pub(crate) fn tidy(&self, day: Day) -> io::Result<()> {
        let Some(Base::Sealed(parts)) = self.slot(day).map(|slot| slot.state.lock().base.clone()) else {
            return Ok(());
        };
        directory::tidy(&self.path(day), &parts)
    }
}
