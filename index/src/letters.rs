//! Dead letters whose change is not in the `meta` store yet: an overlay over it. Letters are large, so they are not all kept
//! in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use system_log_model::DeadLetter;

use crate::entry::Change;

/// What became of a letter: put, or removed (`None`), and at which sequence.
type Fate = (u64, Option<Arc<DeadLetter>>);

/// The newest change of each letter.
#[derive(Debug, Default)]
pub(crate) struct PendingLetters(RwLock<BTreeMap<String, Fate>>);

impl PendingLetters {
    /// Takes a change over. Others than those of dead letters are none of its business.
    pub(crate) fn apply(&self, sequence: u64, change: &Change) {
        let (id, letter) = match change {
            Change::PutDeadLetter(letter) => (&letter.id, Some(Arc::new(letter.clone()))),
            Change::DeleteDeadLetter { id } => (id, None),
            _ => return,
        };
        self.0.write().insert(id.clone(), (sequence, letter));
    }

    /// Forgets what the `meta` store has.
    pub(crate) fn forget(&self, applied: u64) {
        self.0.write().retain(|_, (sequence, _)| *sequence > applied);
    }

    /// `None`: nothing is known here. `Some(None)`: it is removed.
    pub(crate) fn get(&self, id: &str) -> Option<Option<Arc<DeadLetter>>> {
        self.0.read().get(id).map(|(_, letter)| letter.clone())
    }

    /// Everything known behind an id, in order.
    pub(crate) fn after(&self, after: Option<&str>) -> BTreeMap<String, Option<Arc<DeadLetter>>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.0
            .read()
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(id, (_, letter))| (id.clone(), letter.clone()))
            .collect()
    }
}
