//! Marks of signed deliveries that were taken: each is taken once. A mark stays until its signature is too old anyway, and
//! there is room for so many: when it is used up, nothing is taken rather than something twice.

use std::collections::HashMap;

use parking_lot::RwLock;
use system_log_model::Timestamp;

use crate::entry::{Change, Mark};
use crate::store::Store;

/// Marks at once: about 25 bytes each, and nine hours of 30 deliveries a second.
const ROOM: usize = 1_000_000;
/// A full table is looked through for marks that may go at most so often.
const PRUNE_EVERY_MICROS: i64 = 60_000_000;

/// Whether a delivery may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkState {
    /// Nobody has taken it.
    Fresh,
    /// It was taken.
    Taken,
    /// It may be fresh, but there is no room to remember it.
    Full,
}

/// See the file's first lines.
#[derive(Debug)]
pub(crate) struct Marks {
    inner: RwLock<Inner>,
    room: usize,
}

#[derive(Debug, Default)]
struct Inner {
    until: HashMap<Mark, Timestamp>,
    pruned: Timestamp,
}

impl Inner {
    fn prune(&mut self, now: Timestamp) {
        self.until.retain(|_, until| *until >= now);
        self.pruned = now;
    }
}

impl Marks {
    /// What the `meta` store has.
    pub(crate) fn of(marks: Vec<(Mark, Timestamp)>) -> Self {
        Self::with_room(marks, ROOM)
    }

    fn with_room(marks: Vec<(Mark, Timestamp)>, room: usize) -> Self {
        let inner = Inner { until: marks.into_iter().collect(), pruned: Timestamp::default() };
        Self { inner: RwLock::new(inner), room }
    }

    /// Takes a change over. What the log has is remembered whatever the room.
    pub(crate) fn apply(&self, change: &Change) {
        if let Change::TakeDelivery { mark, until } = change {
            self.inner.write().until.insert(*mark, *until);
        }
    }

    /// Forgets what may go.
    pub(crate) fn prune(&self, now: Timestamp) {
        self.inner.write().prune(now);
    }

    fn state(&self, mark: &Mark, now: Timestamp) -> MarkState {
        {
            let inner = self.inner.read();
            match inner.until.get(mark) {
                Some(until) if *until >= now => return MarkState::Taken,
                Some(_) => return MarkState::Fresh,
                None if inner.until.len() < self.room => return MarkState::Fresh,
                None if now.micros().saturating_sub(inner.pruned.micros()) < PRUNE_EVERY_MICROS => {
                    return MarkState::Full;
                }
                None => {}
            }
        }
        let mut inner = self.inner.write();
        inner.prune(now);
        if inner.until.len() < self.room { MarkState::Fresh } else { MarkState::Full }
    }
}

impl Store {
    /// Whether a signed delivery was taken. It is taken with [`Change::TakeDelivery`].
    #[must_use]
    pub fn mark_state(&self, mark: &Mark) -> MarkState {
        let shared = self.shared();
        shared.marks.state(mark, shared.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(mark: u8, until: i64) -> Change {
        Change::TakeDelivery { mark: [mark; 16], until: Timestamp::from_micros(until) }
    }

    #[test]
    fn a_full_table_takes_nothing_until_marks_expire() {
        let at = Timestamp::from_micros;
        let minute = PRUNE_EVERY_MICROS;
        let marks = Marks::with_room(vec![([1; 16], at(minute))], 2);
        assert_eq!(marks.state(&[2; 16], at(0)), MarkState::Fresh);
        marks.apply(&take(2, 3 * minute));
        assert_eq!(marks.state(&[1; 16], at(0)), MarkState::Taken);
        assert_eq!(marks.state(&[3; 16], at(minute)), MarkState::Full, "both are needed still");
        assert_eq!(marks.state(&[3; 16], at(minute + 1)), MarkState::Full, "not looked through at every question");
        assert_eq!(marks.state(&[3; 16], at(2 * minute)), MarkState::Fresh);
        assert_eq!(marks.state(&[2; 16], at(3 * minute)), MarkState::Taken);
        assert_eq!(marks.state(&[2; 16], at(3 * minute + 1)), MarkState::Fresh, "whether it is swept yet or not");
    }
}
