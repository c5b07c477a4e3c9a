//! The tail: history first, then what is stored from then on, in ingest order. The store is asked again and again from where
//! the last answer ended, so a slow reader waits in nobody's memory: it is behind, and the rows wait in the store. Nothing is
//! ever skipped; a reader that takes nothing for too long is let go and resumes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use system_log_index::{Snapshot, Stored};
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::query::Range;
use system_log_model::{Query, Sequence, Timestamp, limits};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{Question, Reader, parts};
use crate::audit::Action;
use crate::auth::Caller;
use crate::seal::Binding;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// How soon a new event is noticed; asking costs one look at a number when nothing came.
const POLL: Duration = Duration::from_millis(100);
/// Below the 15 seconds of the contract, so that a late timer still keeps it.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Events of one part at most, and read at once.
const BATCH: usize = 200;
/// Parts on their way to a reader.
const IN_FLIGHT: usize = 2;
/// A reader that takes nothing for so long is let go.
const IDLE: Duration = Duration::from_secs(60);
/// A tail ends after so long and is resumed, so that no stream outlives its token by much.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// What a resume token holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ResumeToken {
    /// Everything up to here was sent.
    after: Snapshot,
    /// Where the range begins: it does not move with the clock.
    start: Timestamp,
    /// The view's own record, which is not in its own result.
    own: Option<Sequence>,
}

/// A stream of a tail's parts.
pub type Parts = mpsc::Receiver<Result<pb::TailEventsResponse, Status>>;

impl Reader {
    /// Starts a tail, or goes on with one, until `stop`.
    ///
    /// # Errors
    /// Field violations, `INVALID_RESUME_TOKEN`, `AUDIT_UNAVAILABLE`.
    pub async fn tail(
        self: &Arc<Self>,
        caller: &Caller,
        request: &pb::TailEventsRequest,
        stop: CancellationToken,
    ) -> Result<Parts, Refusal> {
        let question =
            Question { filter: request.filter.as_ref(), order_by: "", view_id: &request.view_id, action: Action::Tail };
        if request.filter.as_ref().is_some_and(|filter| filter.end_time.is_some()) {
            return Err(Refusal::invalid("INVALID_FILTER", "filter.end_time", "not allowed: a tail has no end"));
        }
        let history = usize::try_from(request.history).ok().filter(|history| *history <= limits::MAX_TAIL_HISTORY);
        let rule = || Refusal::invalid("INVALID_FILTER", "history", format!("0 to {}", limits::MAX_TAIL_HISTORY));
        let history = history.ok_or_else(rule)?;
        let binding = Binding::new("tail", caller, request.filter.as_ref(), &[]);
        let mut rows = Vec::new();
        let (query, at) = match request.resume_token.as_str() {
            "" => {
                let opened = self.open(caller, &question).await?;
                let at = ResumeToken { after: opened.snapshot, start: opened.query.range.start, own: opened.own };
                let query = opened.query.clone();
                if history > 0 {
                    rows = self.blocking(move |store| store.newest(&query, opened.snapshot, history)).await?;
                }
                (opened.query, at)
            }
            token => {
                let at: ResumeToken = self.open_token(&binding, token, "resume_token")?;
                let now = self.clock.now();
                let range = Range { start: at.start, end: now };
                (self.query(caller, &question, Some(range), now)?, at)
            }
        };
        // One place more than parts use is kept for the last word, which a reader that is behind must hear too.
        let (sender, receiver) = mpsc::channel(IN_FLIGHT + 1);
        let last = sender.clone().try_reserve_owned().map_err(|error| Refusal::internal(&error))?;
        let follower = Follower { reader: self.clone(), query, at, binding, sender };
        tokio::spawn(async move {
            if let Err(End::Refused(refusal)) = follower.run(rows, stop).await {
                last.send(Err(refusal.into()));
            }
        });
        Ok(receiver)
    }
}

/// Why a tail ends.
enum End {
    /// Nobody listens any more.
    ReaderLeft,
    Refused(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// One tail on its way.
struct Follower {
    reader: Arc<Reader>,
    query: Query,
    at: ResumeToken,
    binding: Binding,
    sender: mpsc::Sender<Result<pb::TailEventsResponse, Status>>,
}

impl Follower {
    async fn run(mut self, history: Vec<Stored>, stop: CancellationToken) -> Result<(), End> {
        use pb::tail_events_response::Part;
        let begun = Instant::now();
        let whole = self.at.after;
        self.send_rows(&history, whole).await?;
        drop(history);
        let mut spoke = Instant::now();
        loop {
            let caught_up = self.reader.clock.now();
            let arrived = self.arrived().await?;
            if !arrived.is_empty() {
                let until = self.at.after;
                self.send_rows(&arrived, until).await?;
                spoke = Instant::now();
            } else if spoke.elapsed() >= HEARTBEAT {
                let watermark = Some(to_proto::time(caught_up));
                let resume_token = self.token()?;
                self.send(Part::Heartbeat(pb::TailHeartbeat { watermark, resume_token })).await?;
                spoke = Instant::now();
            }
            if begun.elapsed() >= LONGEST {
                let text = "a tail ends after some hours; go on with its resume token";
                return Err(Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text).retry().into());
            }
            if arrived.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return Err(Refusal::stopping().into()),
                    () = self.sender.closed() => return Err(End::ReaderLeft),
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
    }

    /// What was stored since; `at` moves with it. Empty when nothing of it is for this tail.
    async fn arrived(&mut self) -> Result<Vec<Stored>, Refusal> {
        while self.at.after < self.reader.store.snapshot() {
            let now = self.reader.clock.now();
            // Events may be a little ahead of the clock; how far is decided when they come in.
            let range = Range { start: self.at.start, end: now.plus_micros(MICROS_PER_DAY) };
            let query = Query { range: range.kept(now), ..self.query.clone() };
            let after = self.at.after;
            let arrived = self.reader.blocking(move |store| store.behind(&query, after, BATCH)).await?;
            self.at.after = arrived.until;
            let mut rows = arrived.rows;
            rows.retain(|row| Some(row.id.sequence) != self.at.own);
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// Sends rows in ingest order, in parts. Each part's token goes on right behind it, the last one's behind `until`.
    async fn send_rows(&mut self, rows: &[Stored], until: Snapshot) -> Result<(), End> {
        let mut parts = parts(rows, BATCH).peekable();
        while let Some(rows) = parts.next() {
            let is_last = parts.peek().is_none();
            let last_row = rows.last().map(|row| Snapshot(row.id.sequence.0));
            self.at.after = last_row.filter(|_| !is_last).unwrap_or(until);
            let events = rows.iter().map(to_proto::stored).collect();
            let batch = pb::TailBatch { events, resume_token: self.token()? };
            self.send(pb::tail_events_response::Part::Batch(batch)).await?;
        }
        Ok(())
    }

    fn token(&self) -> Result<String, Refusal> {
        self.reader.seal(&self.binding, &self.at)
    }

    async fn send(&self, part: pb::tail_events_response::Part) -> Result<(), End> {
        use mpsc::error::SendTimeoutError;
        let part = pb::TailEventsResponse { part: Some(part) };
        self.sender.send_timeout(Ok(part), IDLE).await.map_err(|error| match error {
            SendTimeoutError::Closed(_) => End::ReaderLeft,
            SendTimeoutError::Timeout(_) => {
                let text = "the tail was not read for too long; it can be resumed";
                Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text).into()
            }
        })
    }
}
