//! The store: opens everything in the right order, and is the door to it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, TrySendError, bounded};
use parking_lot::Mutex;
use system_log_model::{Binding, Clean, DeadLetter, Event, EventId, Member, OrgId, Query, retention};
use tokio::sync::oneshot;

use crate::apply::Command;
use crate::day::DayError;
use crate::dedupe;
use crate::entry::{Appended, Change, Claim, Group, Snapshot, Stored};
use crate::error::{AppendError, MaintainError, OpenError, ReadError, Unavailable};
use crate::files::FolderLock;
use crate::late;
use crate::log::frame::MAX_RAW;
use crate::log::record::{self, Record};
use crate::log::writer::{EncodedChange, EncodedGroup, Request, Size};
use crate::options::StoreOptions;
use crate::page::{self, Cursor, Page, PageRequest};
use crate::scan::Scan;
use crate::seal;
use crate::shared::Shared;
use crate::status::Status;
use crate::sweep::{self, SweepReport};
use crate::tail::{self, Arrived};
use crate::verify::{self, VerifyReport};

mod open;

/// A store whose log is written through another sink.
#[cfg(test)]
pub(crate) fn open_failing(
    options: StoreOptions,
    mut sink: impl FnMut() -> Box<dyn crate::log::segment::Sink> + Send + 'static,
) -> Result<Store, OpenError> {
    let handle = open::open_with(options, |_| Box::new(move |_| Ok(sink())))?;
    Ok(Store(Arc::new(handle)))
}

/// Longest event name: it stands whole in the index. Names of the catalogue are far shorter.
const MAX_KIND_BYTES: usize = 255;

/// An open store. Cheap to clone; the folder is given back when the last clone is gone or [`Store::close`] returns.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    doors: Mutex<Doors>,
}

/// What ends when the store is closed.
struct Doors {
    requests: Option<Sender<Request>>,
    applier: Sender<Command>,
    writer_thread: Option<JoinHandle<()>>,
    applier_thread: Option<JoinHandle<()>>,
    sealer: Sender<seal::Command>,
    sealer_thread: Option<JoinHandle<()>>,
    lock: Option<FolderLock>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Without a flush: the log has everything, and whoever wanted a flush said so.
        self.shut(false);
    }
}

impl Handle {
    fn shut(&self, flush: bool) {
        let mut doors = self.doors.lock();
        self.shared.is_closed.store(true, Ordering::Release);
        doors.requests = None;
        if let Some(thread) = doors.writer_thread.take() {
            let _panicked = thread.join();
        }
        if let Some(thread) = doors.applier_thread.take() {
            let _ended = doors.applier.send(Command::Stop { flush });
            let _panicked = thread.join();
        }
        if let Some(thread) = doors.sealer_thread.take() {
            let _ended = doors.sealer.send(seal::Command::Stop);
            let _panicked = thread.join();
        }
        if flush && let Err(error) = self.shared.meta.copy(&self.shared.directory.join("meta")) {
            tracing::warn!(%error, "members, bindings and keys could not be copied");
        }
        if flush && let Err(error) = self.shared.checkpoint.store(self.shared.position(self.shared.memory.applied())) {
            tracing::warn!(%error, "the checkpoint could not be written; the next start reads more of the log");
        }
        self.shared.days.close();
        self.shared.meta.close();
        doors.lock = None;
    }
}

impl Store {
    /// Opens a data folder, alone, and reads from the log what the days do not have yet.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when somebody else has it; otherwise what cannot be read.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        open::open(options).map(|handle| Self(Arc::new(handle)))
    }

    /// Stores groups. When it returns they are on disk, synced, and visible to every read. One answer for each group, in
    /// order.
    ///
    /// # Errors
    /// [`AppendError::Overloaded`]: nothing was stored. Otherwise see there.
    pub async fn append(&self, groups: Vec<Group>) -> Result<Vec<Appended>, AppendError> {
        self.append_with(groups, Vec::new()).await
    }

    /// The same together with changes: all of it is durable and visible when it returns, or none of it ever is.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn append_with(&self, groups: Vec<Group>, changes: Vec<Change>) -> Result<Vec<Appended>, AppendError> {
        if groups.is_empty() && changes.is_empty() {
            return Ok(Vec::new());
        }
        // Before the work of encoding them, which a sender that tries again and again would have done each time.
        let count = groups.iter().map(|group| group.events.len()).sum::<usize>() + changes.len();
        if !self.shared().load.has_room(count, &self.shared().limits) {
            return Err(AppendError::Overloaded);
        }
        let received = self.shared().clock.now();
        let groups: Vec<EncodedGroup> =
            groups.into_iter().map(|group| encode_group(group, received)).collect::<Result<_, _>>()?;
        let changes = encode_changes(changes)?;
        let events: usize = groups.iter().map(|group| group.events.len()).sum();
        let event_bytes: usize = groups.iter().map(|group| group.bytes.len()).sum();
        let change_bytes: usize = changes.iter().map(|(_, bytes)| bytes.len()).sum();
        let size = Size { records: events + changes.len(), bytes: event_bytes + change_bytes };
        let (reply, answer) = oneshot::channel();
        let request = Request::Append { groups, changes, size, reply };
        self.send(request, size)?;
        answer.await.unwrap_or(Err(self.gone()))
    }

    /// Changes directory and dead letters, in order, together; durable and visible when it returns.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn change(&self, changes: Vec<Change>) -> Result<(), AppendError> {
        self.change_and_see(changes).await.map(drop)
    }

    /// Removes members; how many there were.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn delete_members(&self, org: &OrgId, ids: Vec<String>) -> Result<usize, AppendError> {
        let org = org.clone();
        let delete = |id| Change::DeleteMember { org: org.clone(), id };
        let found = self.change_and_see(ids.into_iter().map(delete).collect()).await?;
        Ok(found.into_iter().filter(|found| *found).count())
    }

    /// Unties bindings; how many were there and theirs.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn delete_bindings(&self, bindings: Vec<Binding>) -> Result<usize, AppendError> {
        let changes = bindings.into_iter().map(Change::DeleteBinding).collect();
        let found = self.change_and_see(changes).await?;
        Ok(found.into_iter().filter(|found| *found).count())
    }

    async fn change_and_see(&self, changes: Vec<Change>) -> Result<Vec<bool>, AppendError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let changes = encode_changes(changes)?;
        let size = Size { records: changes.len(), bytes: changes.iter().map(|(_, bytes)| bytes.len()).sum() };
        let (reply, answer) = oneshot::channel();
        let request = Request::Change { changes, size, reply };
        self.send(request, size)?;
        answer.await.unwrap_or(Err(self.gone()))
    }

    fn send(&self, request: Request, size: Size) -> Result<(), AppendError> {
        if size.bytes > MAX_RAW / 2 {
            return Err(AppendError::Invalid("more than one frame holds".into()));
        }
        let shared = self.shared();
        if let Some(why) = shared.unavailable() {
            return Err(AppendError::Unavailable(why));
        }
        let Some(requests) = self.0.doors.lock().requests.clone() else {
            return Err(self.gone());
        };
        if !shared.load.take(size.records, size.bytes, &shared.limits) {
            return Err(AppendError::Overloaded);
        }
        requests.try_send(request).map_err(|error| {
            shared.load.give(size.records, size.bytes);
            match error {
                TrySendError::Full(_) => AppendError::Overloaded,
                TrySendError::Disconnected(_) => self.gone(),
            }
        })
    }

    fn gone(&self) -> AppendError {
        let why = self.shared().unavailable();
        AppendError::Unavailable(why.unwrap_or(Unavailable::Closed))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// One event of an organisation; `None` when it is unknown, another organisation's (S4) or beyond the retention (S5).
    ///
    /// # Errors
    /// When its day cannot be read.
    pub fn get(&self, org: &OrgId, id: EventId) -> Result<Option<Stored>, ReadError> {
        let shared = self.shared();
        shared.check_open()?;
        let captured = shared.memory.capture(org);
        let failed = |source| ReadError::Day { day: id.day, source };
        let event = if id.sequence.0 > captured.applied {
            let found = captured.find(id.sequence.0);
            found.map(|stored| stored.event.clone())
        } else {
            shared.watched(in_day(shared, org, id, captured.applied).map_err(failed))?
        };
        let cutoff = retention::cutoff(shared.clock.now());
        let is_that =
            |event: &system_log_model::Event| event.occurred_at.day() == id.day && event.occurred_at >= cutoff;
        Ok(event.filter(is_that).map(|event| Stored { id, event }))
    }

    /// This moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.shared().memory.visible())
    }

    /// A page. Blocks on the disk.
    ///
    /// # Errors
    /// When a day cannot be read, or the cursor is one of another order.
    pub fn page(&self, query: &Query, request: &PageRequest) -> Result<Page, ReadError> {
        self.shared().check_open()?;
        self.shared().watched(page::page(self.shared(), query, request))
    }

    /// The exact number of rows at a moment. Blocks on the disk.
    ///
    /// # Errors
    /// When a day cannot be read.
    pub fn count(&self, query: &Query, snapshot: Snapshot) -> Result<u64, ReadError> {
        self.shared().check_open()?;
        self.shared().watched(page::count(self.shared(), query, snapshot))
    }

    /// Every row at a moment, in order, in batches; memory stays bounded. Blocks on the disk.
    #[must_use]
    pub fn scan(&self, query: Query, snapshot: Snapshot, after: Option<Cursor>) -> Scan {
        Scan::new(self.shared().clone(), query, snapshot, after)
    }

    /// The first rows stored behind a position, in ingest order; the query's order is of no account. Blocks on the disk.
    ///
    /// # Errors
    /// When a day cannot be read.
    pub fn behind(&self, query: &Query, after: Snapshot, limit: usize) -> Result<Arrived, ReadError> {
        self.shared().check_open()?;
        self.shared().watched(tail::behind(self.shared(), query, after, limit))
    }

    /// The last rows at a moment, in ingest order. Looks at every row of the question. Blocks on the disk.
    ///
    /// # Errors
    /// When a day cannot be read.
    pub fn newest(&self, query: &Query, snapshot: Snapshot, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.shared().check_open()?;
        self.shared().watched(tail::newest(self.shared(), query, snapshot, limit))
    }

    /// The events that a record with that claim became within the retention, in whichever organisations. Everything that
    /// was acknowledged before is known.
    #[must_use]
    pub fn claimed(&self, claim: &Claim) -> Option<Vec<EventId>> {
        let shared = self.shared();
        let known = shared.remembered(&dedupe::hash_claim(claim))?;
        (!known.is_expired(shared.clock.now())).then(|| known.ids())
    }

    /// A member of an organisation.
    #[must_use]
    pub fn member(&self, org: &OrgId, id: &str) -> Option<Member> {
        self.shared().names.read().member(org, id)
    }

    /// Members of an organisation behind an id, by id.
    #[must_use]
    pub fn members(&self, org: &OrgId, after: Option<&str>, limit: usize) -> Vec<Member> {
        self.shared().names.read().members(org, after, limit)
    }

    /// Every membership with that address, in any spelling of upper and lower case.
    #[must_use]
    pub fn members_by_email(&self, email: &str) -> Vec<(OrgId, Member)> {
        self.shared().names.read().members_by_email(email)
    }

    /// The organisation a provider's name is tied to.
    #[must_use]
    pub fn binding(&self, source: &str, kind: &str, value: &str) -> Option<OrgId> {
        self.shared().names.read().binding(source, kind, value)
    }

    /// Bindings of an organisation behind one of them, by source, kind and value.
    #[must_use]
    pub fn bindings(&self, org: &OrgId, after: Option<&Binding>, limit: usize) -> Vec<Binding> {
        self.shared().names.read().bindings(org, after, limit)
    }

    /// A record that was kept aside.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, ReadError> {
        let shared = self.shared();
        shared.check_open()?;
        match shared.letters.get(id) {
            Some(known) => Ok(known.as_deref().cloned()),
            None => shared.meta.letter(id).map_err(ReadError::Meta),
        }
    }

    /// Records that were kept aside, behind an id, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, ReadError> {
        let shared = self.shared();
        shared.check_open()?;
        // Memory first: what the applier moves meanwhile is then in one or in both, never in none.
        let mut pending = shared.letters.after(after).into_iter().peekable();
        let mut letters: Vec<DeadLetter> = Vec::new();
        let merged = shared.meta.letters(after, |stored| {
            while let Some((_, letter)) = pending.next_if(|(id, _)| *id < stored.id) {
                letters.extend(letter.map(Arc::unwrap_or_clone));
            }
            match pending.next_if(|(id, _)| *id == stored.id) {
                Some((_, newer)) => letters.extend(newer.map(Arc::unwrap_or_clone)),
                None => letters.push(stored),
            }
            if letters.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        merged.map_err(ReadError::Meta)?;
        letters.extend(pending.filter_map(|(_, letter)| letter.map(Arc::unwrap_or_clone)));
        letters.truncate(limit);
        Ok(letters)
    }

    /// Gives back the bytes of what is beyond the retention. Blocks on the disk.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn sweep(&self) -> Result<SweepReport, MaintainError> {
        let closed = |_| MaintainError::Closed;
        self.shared().check_open().map_err(closed)?;
        // A full queue means a busy log, which begins new files by itself; the next sweep asks again.
        let _full = self.0.doors.lock().requests.as_ref().map(|requests| requests.try_send(Request::Rotate));
        sweep::sweep(self.shared())
    }

    /// The state of the store. Walks the folder for its sizes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared().status()
    }

    /// Brings everything acknowledged into the days and writes the checkpoint. Blocks on the disk.
    ///
    /// # Errors
    /// When something cannot be written; the log still has it.
    pub fn flush(&self) -> Result<(), MaintainError> {
        let (reply, answer) = bounded(1);
        let applier = self.0.doors.lock().applier.clone();
        let closed = |_| MaintainError::Closed;
        applier.send(Command::Flush(reply)).map_err(closed)?;
        answer.recv().map_err(|_| MaintainError::Closed)?
    }

    /// Closes every day that is no longer written and folds every late row in; the sealer does the same by itself, as far as
    /// it is worth it. Blocks on the disk, for minutes when there is much.
    ///
    /// # Errors
    /// When something cannot be read or written; the day then stays as it was.
    pub fn settle(&self) -> Result<(), MaintainError> {
        let (reply, answer) = bounded(1);
        let sealer = self.0.doors.lock().sealer.clone();
        sealer.send(seal::Command::Settle(reply)).map_err(|_| MaintainError::Closed)?;
        answer.recv().map_err(|_| MaintainError::Closed)?
    }

    /// Gives every day with late rows another part.
    #[cfg(test)]
    pub(crate) fn fold(&self) {
        let (reply, answer) = bounded(1);
        let sealer = self.0.doors.lock().sealer.clone();
        sealer.send(seal::Command::Fold(reply)).unwrap();
        answer.recv().unwrap().unwrap();
    }

    /// Waits until days in which something could not be read are written anew.
    #[cfg(test)]
    pub(crate) fn settle_suspects(&self) {
        let (reply, answer) = bounded(1);
        let sealer = self.0.doors.lock().sealer.clone();
        sealer.send(seal::Command::Repair(reply)).unwrap();
        answer.recv().unwrap();
    }

    /// Stores what is queued, brings everything into the days, and gives the folder back. Later calls answer that the store
    /// is closed. Blocks on the disk.
    pub fn close(&self) {
        self.0.shut(true);
    }

    /// Walks a folder that no server holds and says what is not sound. Changes nothing of ours.
    ///
    /// # Errors
    /// When it cannot be walked at all; [`OpenError::Locked`] when a server holds it.
    pub fn verify(directory: &Path) -> Result<VerifyReport, OpenError> {
        verify::verify(directory)
    }
}

/// An event of a day, late or not.
fn in_day(shared: &Shared, org: &OrgId, id: EventId, applied: u64) -> Result<Option<Event>, DayError> {
    let Some(view) = shared.days.view(id.day, applied)? else {
        return Ok(None);
    };
    if let Some(late) = late::get(id.day, &view.late, org, id.sequence.0)? {
        return Ok(Some(late.event));
    }
    view.parts.map_or(Ok(None), |parts| parts.get(org, id.sequence.0))
}

fn invalid(error: impl std::fmt::Display) -> AppendError {
    AppendError::Invalid(error.to_string())
}

fn encode_changes(changes: Vec<Change>) -> Result<Vec<EncodedChange>, AppendError> {
    let encode = |change: Change| {
        let record = Record::Change(change);
        let bytes = record::encode(&record).map_err(invalid)?;
        match record {
            Record::Change(change) => Ok((change, bytes)),
            Record::Events { .. } => Err(invalid("not a change")),
        }
    };
    changes.into_iter().map(encode).collect()
}

fn encode_group(group: Group, received: system_log_model::Timestamp) -> Result<EncodedGroup, AppendError> {
    let org = group.events.first().map(|event| &event.event().org);
    let Some(org) = org else {
        return Err(invalid("a group without events"));
    };
    if group.events.iter().any(|event| event.event().org != *org) {
        return Err(invalid("a group of several organisations"));
    }
    if group.key.as_ref().is_some_and(|key| key.org != *org) {
        return Err(invalid("a key of another organisation"));
    }
    let is_long = |event: &Clean| event.event().kind.len() > MAX_KIND_BYTES;
    if group.events.iter().any(is_long) {
        return Err(invalid("the name of a kind is too long"));
    }
    let key = group.key.as_ref().map(dedupe::hash);
    let claim = group.claim.as_ref().map(dedupe::hash_claim);
    let events = group.events.into_iter().map(Clean::into_event).collect();
    let record = Record::Events { key, received, events, claim };
    let bytes = record::encode(&record).map_err(invalid)?;
    let events = match record {
        Record::Events { events, .. } => events,
        Record::Change(_) => Vec::new(),
    };
    Ok(EncodedGroup { key, claim, received, events, bytes })
}
