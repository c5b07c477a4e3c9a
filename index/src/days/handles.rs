//! How many days and index writers are open: a bounded number of each, the least recently used go first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use system_log_model::clock::Day;

use super::{Days, Slot};

impl Days {
    /// Closes the days that were not used for longest, as long as too many are open.
    pub(super) fn close_some(&self, keep: Day) {
        let slots: Vec<(Day, Arc<Slot>)> = {
            let slots = self.slots.lock();
            slots.iter().map(|(d, s)| (*d, s.clone())).collect()
        };
        let writing = self.writing.lock().clone();
        let close = |is_live: bool, most: usize| {
            let counts = |slot: &Slot| {
                let state = slot.state.try_lock();
                state.is_some_and(|state| state.open.as_ref().is_some_and(|parts| parts.is_live() == is_live))
            };
            let mut open: Vec<_> = slots.iter().filter(|(_, slot)| counts(slot)).collect();
            open.sort_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
            let too_many = open.len().saturating_sub(most.max(1));
            let idle = |(day, _): &&&(Day, Arc<Slot>)| *day != keep && !writing.contains(day);
            for (_, slot) in open.iter().filter(idle).take(too_many) {
                if let Some(mut state) = slot.state.try_lock()
                    && let Some(parts) = state.open.take()
                {
                    state.lingering = Arc::downgrade(&parts);
                }
            }
        };
        close(true, self.limits.live_days);
        close(false, self.limits.open_days);
    }

    /// Says that a day's index writer was used; others give theirs back.
    pub(crate) fn wrote(&self, day: Day) {
        let mut writing = self.writing.lock();
        writing.retain(|other| *other != day);
        writing.push(day);
        let too_many = writing.len().saturating_sub(self.limits.writers.max(1));
        let closing: Vec<Day> = writing.drain(..too_many).collect();
        drop(writing);
        closing.into_iter().for_each(|day| self.close_writer(day));
    }

    fn close_writer(&self, day: Day) {
        let parts = self.slot(day).and_then(|slot| slot.state.lock().open.clone());
        if let Some(parts) = parts {
            parts.close_writer();
        }
    }

    /// Closes every writer and every day.
    pub(crate) fn close(&self) {
        let writing = std::mem::take(&mut *self.writing.lock());
        writing.into_iter().for_each(|day| self.close_writer(day));
        self.slots.lock().values().for_each(|slot| {
            let mut state = slot.state.lock();
            if let Some(parts) = state.open.take() {
                state.lingering = Arc::downgrade(&parts);
            }
        });
    }
}
