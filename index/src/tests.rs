//! Bigger tests, each named by a promise; what they share stands here.

mod contains;
mod damage;
mod dedupe;
mod directory;
mod durability;
mod isolation;
mod keys_and_marks;
mod kill;
mod model;
pub(crate) mod random;
mod rebuild;
mod retention;
mod search;
mod tail;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use system_log_model::{
    Clean, Clock, Event, Filter, Guard, Log, ManualClock, OrderBy, OrgId, Query, Severity, Timestamp, query::Range,
};

use crate::{
    AppendError, Appended, DedupeKey, Group, Page, PageRequest, Snapshot, Store, StoreLimits, StoreOptions, Stored,
};

/// A store in a folder of its own, with a clock that stands still.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) limits: StoreLimits,
    pub(crate) store: Store,
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-11-22T12:00:00Z").unwrap()
}

/// Nothing is applied unless a test says so.
pub(crate) fn lazy() -> StoreLimits {
    StoreLimits { apply_interval: Duration::from_secs(3_600), ..StoreLimits::default() }
}

impl Rig {
    pub(crate) fn new(limits: StoreLimits) -> Self {
        Self::at(tempfile::tempdir().unwrap(), limits)
    }

    /// In memory where there is such a place: a kill loses nothing that a file system holds, and a sync costs nothing.
    pub(crate) fn in_memory(limits: StoreLimits) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::at(folder.unwrap(), limits)
    }

    fn at(folder: tempfile::TempDir, limits: StoreLimits) -> Self {
        let clock = Arc::new(ManualClock::at(noon()));
        let store = open(folder.path(), &clock, &limits);
        Self { folder, clock, limits, store }
    }

    /// Ends the store as a killed process does, apart from what the operating system still had to write.
    pub(crate) fn reopen(self) -> Self {
        self.reopen_after(|_| ())
    }

    pub(crate) fn reopen_after(self, between: impl FnOnce(&Path)) -> Self {
        let Self { folder, clock, limits, store } = self;
        drop(store);
        between(folder.path());
        let store = open(folder.path(), &clock, &limits);
        Self { folder, clock, limits, store }
    }

    pub(crate) fn append(&self, groups: Vec<Group>) -> Vec<Appended> {
        wait(self.store.append(groups)).unwrap()
    }

    /// Stores events without a key; what is stored.
    pub(crate) fn put(&self, events: Vec<Event>) -> Vec<Stored> {
        put(&self.store, events).unwrap()
    }
}

pub(crate) fn open(folder: &Path, clock: &Arc<ManualClock>, limits: &StoreLimits) -> Store {
    let clock: Arc<dyn Clock> = clock.clone();
    Store::open(StoreOptions { directory: folder.to_owned(), clock, limits: limits.clone() }).unwrap()
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn clean(event: Event) -> Clean {
    Guard::new().clean(event)
}

pub(crate) fn put(store: &Store, events: Vec<Event>) -> Result<Vec<Stored>, AppendError> {
    let groups: Vec<Group> =
        events.into_iter().map(|event| Group { key: None, claim: None, events: vec![clean(event)] }).collect();
    let kept: Vec<Event> = groups.iter().map(|g| g.events[0].event().clone()).collect();
    let appended = wait(store.append(groups))?;
    let stored = appended.into_iter().zip(kept).map(|(appended, event)| {
        let Appended::Stored(ids) = appended else { panic!("no key, no duplicate") };
        Stored { id: ids[0], event }
    });
    Ok(stored.collect())
}

pub(crate) fn org(id: &str) -> OrgId {
    OrgId::new(id).unwrap()
}

pub(crate) fn event(at: &str, occurred_at: Timestamp, message: &str) -> Event {
    Event {
        org: org(at),
        log: Log::System,
        kind: "webhook_failed".into(),
        category: Some(system_log_model::Category::Webhook),
        severity: Severity::Error,
        occurred_at,
        received_at: noon(),
        message: message.into(),
        actor: None,
        recipient: String::new(),
        subject: String::new(),
        source: "webhook".into(),
        pre_auth: false,
        change: None,
        webhook: None,
        ai: None,
        attributes: serde_json::Map::new(),
    }
}

pub(crate) fn key(at: &str, key: &str) -> DedupeKey {
    DedupeKey { org: org(at), collector: "webhook".into(), key: key.into() }
}

pub(crate) fn group(at: &str, with: Option<&str>, message: &str) -> Group {
    Group { key: with.map(|with| key(at, with)), claim: None, events: vec![clean(event(at, noon(), message))] }
}

/// Everything of one organisation's system log.
pub(crate) fn everything(at: &str) -> Query {
    Query {
        org: org(at),
        filter: Filter {
            log: Log::System,
            categories: Vec::new(),
            types: Vec::new(),
            severities: Vec::new(),
            search: None,
            contains: system_log_model::Contains::default(),
            actor_ids: Vec::new(),
            bot_only: false,
            exclude_pre_auth: false,
            models: Vec::new(),
            success: None,
        },
        range: Range { start: system_log_model::retention::cutoff(noon()), end: noon().plus_micros(600_000_000) },
        order: OrderBy::default(),
    }
}

pub(crate) fn first_page(store: &Store, query: &Query, limit: usize) -> Page {
    let request = PageRequest { snapshot: store.snapshot(), cursor: None, direction: crate::Direction::Next, limit };
    store.page(query, &request).unwrap()
}

/// What a question means, without any index.
pub(crate) fn brute(all: &[Stored], query: &Query, snapshot: Snapshot) -> Vec<Stored> {
    let mut rows: Vec<Stored> =
        all.iter().filter(|s| s.id.sequence.0 <= snapshot.0 && query.matches(&s.event)).cloned().collect();
    let column = query.order.column;
    rows.sort_by(|a, b| {
        let (ka, kb) = (column.key(&a.event), column.key(&b.event));
        query.order.compare((ka.by_ref(), a.id.sequence), (kb.by_ref(), b.id.sequence))
    });
    rows
}

pub(crate) fn messages(rows: &[Stored]) -> Vec<&str> {
    rows.iter().map(|row| row.event.message.as_str()).collect()
}
