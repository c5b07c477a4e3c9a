//! The one thread that writes the log: it drains the queue, looks for duplicates, gives out sequences, writes one frame, syncs
//! once, makes it visible, and only then answers. After a failed write or sync it never touches the file again: what the
//! kernel then holds is unknown, and a second sync would lie.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::{Event, Timestamp};
use tokio::sync::oneshot;

use super::frame;
use super::record::{self, Record};
use super::segment::{self, Sink};
use crate::apply::Command;
use crate::dedupe::{KeyHash, Remembered};
use crate::entry::{Appended, Change};
use crate::error::{AppendError, Unavailable, chain};
use crate::failpoint::{self, Failpoint};
use crate::memory::Batch;
use crate::shared::{Shared, batch_of};
use crate::stages::Stage;

/// A frame is closed when it holds so much: large enough for any throughput, small enough to answer soon.
const FRAME_BYTES: usize = 4 << 20;

/// A group, encoded by its caller so that the one writer need not.
pub(crate) struct EncodedGroup {
    pub(crate) key: Option<KeyHash>,
    pub(crate) claim: Option<KeyHash>,
    pub(crate) received: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) bytes: Vec<u8>,
}

/// What waits in the queue.
pub(crate) enum Request {
    /// Groups, and changes that must not be without them nor they without the changes.
    Append {
        groups: Vec<EncodedGroup>,
        changes: Vec<EncodedChange>,
        size: Size,
        reply: Reply<Vec<Appended>>,
    },
    Change {
        changes: Vec<EncodedChange>,
        size: Size,
        reply: Reply<Vec<bool>>,
    },
    /// Begins a new file when the present one holds something and was begun long ago, so that expired bytes can go.
    Rotate,
}

/// A change and its bytes.
pub(crate) type EncodedChange = (Change, Vec<u8>);

/// Where a request waits for its answer.
type Reply<T> = oneshot::Sender<Result<T, AppendError>>;

/// A file of the log holds the events of about so long at most: the days have them, and they must be gone from disk a day
/// after they expire.
const FILE_AGE_MICROS: i64 = MICROS_PER_DAY / 4;

/// After so long without a request the log is idle.
const IDLE: Duration = Duration::from_secs(1);
/// A smaller file is not worth a new one.
const WORTH_LEAVING: u64 = 1 << 20;

/// What a request counts against the bounds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// Opens the file that begins with a sequence.
pub(crate) type OpenSink = Box<dyn FnMut(u64) -> io::Result<Box<dyn Sink>> + Send>;

/// The writer and where it stands.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: Receiver<Request>,
    pub(crate) applier: Sender<Command>,
    pub(crate) open: OpenSink,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) next: u64,
    pub(crate) written: u64,
    /// When the present file was begun.
    pub(crate) begun: Timestamp,
}

/// A frame in the making.
#[derive(Default)]
struct Draft {
    raw: Vec<u8>,
    records: Vec<Record>,
    /// Keys used in this very frame.
    keys: HashMap<KeyHash, Remembered>,
    span: u64,
    /// What its requests count, and what of it goes into the frame: duplicates do not.
    size: Size,
    kept: Size,
    is_to_rotate: bool,
    appends: Vec<(Reply<Vec<Appended>>, Vec<Appended>)>,
    /// Each with how many of the frame's changes are its own.
    changes: Vec<(Option<Reply<Vec<bool>>>, usize)>,
}

impl Writer {
    /// Runs until every sender of requests is gone.
    pub(crate) fn run(mut self) {
        loop {
            let request = match self.requests.recv_timeout(IDLE) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => {
                    self.begin_anew_when_done();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut draft = Draft::default();
            self.take(&mut draft, request);
            while draft.raw.len() < FRAME_BYTES {
                match self.requests.try_recv() {
                    Ok(request) => self.take(&mut draft, request),
                    Err(_) => break,
                }
            }
            self.commit(draft);
        }
    }

    fn take(&self, draft: &mut Draft, request: Request) {
        match request {
            Request::Append { groups, changes, size, reply } => {
                let known = self.duplicates(draft, &groups);
                draft.count(size);
                let appended =
                    groups.into_iter().zip(known).map(|(group, known)| self.group(draft, group, known)).collect();
                draft.appends.push((reply, appended));
                draft.change(None, changes);
            }
            Request::Change { changes, size, reply } => {
                draft.count(size);
                draft.change(Some(reply), changes);
            }
            Request::Rotate => draft.is_to_rotate = true,
        }
    }

    /// What each group's key was used for, within the retention.
    fn duplicates(&self, draft: &Draft, groups: &[EncodedGroup]) -> Vec<Option<Remembered>> {
        let now = self.shared.clock.now();
        let known = |group: &EncodedGroup| {
            let key = group.key?;
            let known = draft.keys.get(&key).cloned().or_else(|| self.shared.remembered(&key));
            known.filter(|known| !known.is_expired(now))
        };
        groups.iter().map(known).collect()
    }

    fn group(&self, draft: &mut Draft, group: EncodedGroup, known: Option<Remembered>) -> Appended {
        // A twin may stand earlier in this very request.
        let twin = group.key.and_then(|key| draft.keys.get(&key));
        if let Some(known) = known.as_ref().or(twin) {
            return Appended::Duplicate(known.ids());
        }
        let remembered = Remembered {
            received: group.received,
            first: self.next + draft.span,
            days: group.events.iter().map(|e| e.occurred_at.day()).collect(),
        };
        let ids = remembered.ids();
        if let Some(key) = group.key {
            draft.keys.insert(key, remembered);
        }
        draft.keep(Size { records: group.events.len(), bytes: group.bytes.len() });
        let EncodedGroup { key, claim, received, events, bytes } = group;
        let record = Record::Events { key, received, events, claim };
        draft.push(record, &bytes);
        Appended::Stored(ids)
    }

    fn commit(&mut self, mut draft: Draft) {
        if let Some(why) = self.shared.unavailable_to_write() {
            return self.refuse(draft, why);
        }
        let records = std::mem::take(&mut draft.records);
        let mut found = Vec::new();
        if !records.is_empty() {
            let begun = Instant::now();
            let written = self.write(&draft);
            self.shared.stages.add(Stage::Log, draft.span, begun.elapsed());
            if let Err(error) = written {
                tracing::error!(%error, "the log is poisoned: a write failed");
                let why: Arc<str> = error.to_string().into();
                let _already = self.shared.poison.set(why.clone());
                return self.refuse(draft, Unavailable::Poisoned(why));
            }
            let batch: Batch = batch_of(self.next, records, draft.kept.bytes);
            self.next = batch.last + 1;
            found = self.shared.publish(batch);
            // When its queue is full the applier is awake anyway.
            let _full = self.applier.try_send(Command::Wake);
        }
        self.shared.load.give(draft.size.records - draft.kept.records, draft.size.bytes - draft.kept.bytes);
        for (reply, appended) in draft.appends {
            let _gone = reply.send(Ok(appended));
        }
        let mut found = found.into_iter();
        for (reply, count) in draft.changes {
            let found = found.by_ref().take(count).collect();
            let _gone = reply.map(|reply| reply.send(Ok(found)));
        }
        if draft.is_to_rotate {
            self.rotate();
        }
    }

    /// Begins a new file when the days have everything of a large one: otherwise its bytes would stay until the next burst.
    fn begin_anew_when_done(&mut self) {
        let is_done = self.shared.memory.applied() + 1 == self.next;
        if !is_done || self.written < WORTH_LEAVING || self.shared.unavailable_to_write().is_some() {
            return;
        }
        self.begin_anew();
        if let Err(error) = self.shared.drop_log() {
            tracing::warn!(error = chain(&error), "a file of the log that holds nothing new could not be removed");
        }
    }

    /// Begins a new file when the present one is old; the applier removes old ones once the days have everything.
    fn rotate(&mut self) {
        let now = self.shared.clock.now();
        let is_old = now.micros().saturating_sub(self.begun.micros()) >= FILE_AGE_MICROS;
        if !is_old || self.written <= segment::HEADER.len() as u64 {
            return;
        }
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        // What is written stands in the old file, synced. Without a new one the old one simply goes on.
        match (self.open)(self.next) {
            Ok(sink) => {
                self.sink = sink;
                self.written = segment::HEADER.len() as u64;
                self.begun = self.shared.clock.now();
            }
            Err(error) => tracing::warn!(%error, "a new file of the log cannot be begun"),
        }
    }

    fn write(&mut self, draft: &Draft) -> io::Result<()> {
        if self.written >= self.shared.limits.segment_bytes {
            self.sink = (self.open)(self.next)?;
            self.written = segment::HEADER.len() as u64;
            self.begun = self.shared.clock.now();
        }
        let bytes = frame::encode(self.next, draft.span, &draft.raw)?;
        failpoint::hit(Failpoint::LogAppend);
        #[cfg(test)]
        if failpoint::is_due(Failpoint::LogTorn) {
            self.sink.write(&bytes[..bytes.len() / 2])?;
            std::process::abort();
        }
        self.sink.write(&bytes)?;
        failpoint::hit(Failpoint::LogSync);
        self.sink.sync()?;
        failpoint::hit(Failpoint::LogAnswer);
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn refuse(&self, draft: Draft, why: Unavailable) {
        self.shared.load.give(draft.size.records, draft.size.bytes);
        for (reply, _) in draft.appends {
            let _gone = reply.send(Err(AppendError::Unavailable(why.clone())));
        }
        for reply in draft.changes.into_iter().filter_map(|(reply, _)| reply) {
            let _gone = reply.send(Err(AppendError::Unavailable(why.clone())));
        }
    }
}

impl Draft {
    const fn count(&mut self, size: Size) {
        self.size.records += size.records;
        self.size.bytes += size.bytes;
    }

    const fn keep(&mut self, size: Size) {
        self.kept.records += size.records;
        self.kept.bytes += size.bytes;
    }

    fn change(&mut self, reply: Option<Reply<Vec<bool>>>, changes: Vec<EncodedChange>) {
        let bytes = changes.iter().map(|(_, bytes)| bytes.len()).sum();
        self.keep(Size { records: changes.len(), bytes });
        self.changes.push((reply, changes.len()));
        for (change, bytes) in changes {
            self.push(Record::Change(change), &bytes);
        }
    }

    fn push(&mut self, record: Record, bytes: &[u8]) {
        self.span += record.span();
        record::push(&mut self.raw, bytes);
        self.records.push(record);
    }
}
