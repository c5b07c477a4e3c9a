//! Events above the applied position, by organisation, and the position itself. Both are read in one breath: a reader that
//! has seen position W takes from the days what is at most W and from here what is above, so an apply that happens meanwhile
//! can neither hide nor double a row.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;
use system_log_model::OrgId;

use crate::dedupe::{KeyHash, Remembered};
use crate::entry::{Change, Stored};

/// What one frame of the log holds.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) last: u64,
    pub(crate) events: Vec<Arc<Stored>>,
    pub(crate) keys: Vec<(KeyHash, Remembered)>,
    pub(crate) changes: Vec<(u64, Change)>,
    /// Encoded, as counted against the bounds.
    pub(crate) bytes: usize,
    pub(crate) since: Instant,
}

impl Batch {
    /// Records as counted against the bounds.
    pub(crate) const fn records(&self) -> usize {
        self.events.len() + self.changes.len()
    }
}

/// Ascending events of one organisation from one frame.
type Part = Arc<[Arc<Stored>]>;

#[derive(Debug, Default)]
struct Inner {
    applied: u64,
    visible: u64,
    orgs: HashMap<OrgId, Vec<Part>>,
    batches: VecDeque<Arc<Batch>>,
    events: usize,
}

/// See the file's first lines.
#[derive(Debug, Default)]
pub(crate) struct Memory(RwLock<Inner>);

/// One organisation's part of the memory, at one moment.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Everything up to here is in the days.
    pub(crate) applied: u64,
    parts: Vec<Part>,
}

impl Captured {
    /// What is above the applied position and not above `snapshot`, ascending.
    pub(crate) fn events(&self, snapshot: u64) -> impl Iterator<Item = &Arc<Stored>> {
        self.parts.iter().flat_map(|part| part.iter()).take_while(move |stored| stored.id.sequence.0 <= snapshot)
    }

    /// The event of that sequence.
    pub(crate) fn find(&self, sequence: u64) -> Option<&Arc<Stored>> {
        let part =
            self.parts.iter().rev().find(|part| part.first().is_some_and(|stored| stored.id.sequence.0 <= sequence))?;
        let at = part.binary_search_by_key(&sequence, |stored| stored.id.sequence.0);
        at.ok().map(|at| &part[at])
    }
}

impl Memory {
    /// A memory that begins where the checkpoint stands.
    pub(crate) fn starting_at(applied: u64) -> Self {
        Self(RwLock::new(Inner { applied, visible: applied, ..Inner::default() }))
    }

    /// Makes a batch visible.
    pub(crate) fn publish(&self, batch: Batch) {
        let mut by_org: HashMap<&OrgId, Vec<Arc<Stored>>> = HashMap::new();
        for stored in &batch.events {
            by_org.entry(&stored.event.org).or_default().push(stored.clone());
        }
        let parts: Vec<(OrgId, Part)> = by_org.into_iter().map(|(org, events)| (org.clone(), events.into())).collect();
        let mut inner = self.0.write();
        for (org, part) in parts {
            inner.orgs.entry(org).or_default().push(part);
        }
        inner.visible = batch.last;
        inner.events += batch.events.len();
        inner.batches.push_back(Arc::new(batch));
    }

    /// What a reader of one organisation needs.
    pub(crate) fn capture(&self, org: &OrgId) -> Captured {
        let inner = self.0.read();
        Captured { applied: inner.applied, parts: inner.orgs.get(org).cloned().unwrap_or_default() }
    }

    /// The oldest batches, about `events` events of them and always at least one.
    pub(crate) fn oldest(&self, events: usize) -> Vec<Arc<Batch>> {
        let inner = self.0.read();
        let mut taken = Vec::new();
        let mut sum = 0;
        for batch in &inner.batches {
            if !taken.is_empty() && sum + batch.events.len() > events {
                break;
            }
            sum += batch.events.len();
            taken.push(batch.clone());
        }
        taken
    }

    /// The days have everything up to `applied` now.
    pub(crate) fn advance(&self, applied: u64) {
        let mut inner = self.0.write();
        inner.applied = applied;
        while inner.batches.front().is_some_and(|b| b.last <= applied) {
            if let Some(batch) = inner.batches.pop_front() {
                inner.events -= batch.events.len();
            }
        }
        inner.orgs.retain(|_, parts| {
            parts.retain(|part| part.last().is_some_and(|s| s.id.sequence.0 > applied));
            !parts.is_empty()
        });
    }

    /// The last acknowledged sequence.
    pub(crate) fn visible(&self) -> u64 {
        self.0.read().visible
    }

    /// Everything up to here is in the days.
    pub(crate) fn applied(&self) -> u64 {
        self.0.read().applied
    }

    /// How many events wait, and since when the oldest does.
    pub(crate) fn waiting(&self) -> (usize, Option<Instant>) {
        let inner = self.0.read();
        (inner.events, inner.batches.front().map(|b| b.since))
    }
}
