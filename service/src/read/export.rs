//! The export: one snapshot, any order, bounded memory, resumable byte for byte, with a digest of the whole file.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use system_log_index::{Cursor, ReadError, Snapshot, Store, Stored};
use system_log_model::query::Range;
use system_log_model::{OrderBy, Query, Timestamp, limits};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tonic::{Code, Status};

use super::csv::{Format, columns};
use super::{PART_BYTES, Question, Reader, parts};
use crate::audit::Action;
use crate::auth::Caller;
use crate::seal::{Binding, Sealer};
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// Chunks on their way to a reader: a slow one holds back the walk, not the memory.
const CHUNKS_IN_FLIGHT: usize = 2;
/// Batches that were read and not written yet, about a megabyte each.
const BATCHES_AHEAD: usize = 2;
/// A reader that takes nothing for so long is let go: the walk holds a thread. It may resume.
const IDLE: Duration = Duration::from_secs(60);
/// An export takes no longer than its snapshot is honoured.
const LONGEST: Duration = limits::EXPORT_RESUME;

/// What a resume token holds.
#[derive(Debug, Serialize, Deserialize)]
struct ResumeToken {
    range: Range,
    snapshot: Snapshot,
    /// When the export began: the retention's cut-off is frozen with it.
    began: Timestamp,
    /// The last row sent; none when only the heading was.
    cursor: Option<Cursor>,
    rows: u64,
    /// The digest's state, so that the whole file's digest needs no second walk.
    digest: Vec<u8>,
}

/// A stream of an export's parts.
pub type Parts = mpsc::Receiver<Result<pb::ExportCsvResponse, Status>>;

impl Reader {
    /// Starts an export, or goes on with one.
    ///
    /// # Errors
    /// Field violations, `INVALID_RESUME_TOKEN`, `EXPORT_SNAPSHOT_EXPIRED`, `AUDIT_UNAVAILABLE`.
    pub async fn export(&self, caller: &Caller, request: &pb::ExportCsvRequest) -> Result<Parts, Refusal> {
        let question = Question {
            filter: request.filter.as_ref(),
            order_by: &request.order_by,
            view_id: &request.view_id,
            action: Action::Export,
        };
        let format_name = request.format.to_string();
        let mut parts =
            vec![request.order_by.as_str(), format_name.as_str(), if request.raw_values { "raw" } else { "" }];
        parts.extend(request.columns.iter().map(String::as_str));
        let binding = Binding::new("export", caller, request.filter.as_ref(), &parts);

        // The format is judged before anything is recorded: a refused request is no view.
        let now = self.clock.now();
        let log = self.query(caller, &question, None, now).map(|query| query.filter.log);
        let (query, mut progress) = match request.resume_token.as_str() {
            "" => {
                let format = format(request, log?)?;
                let opened = self.open(caller, &question).await?;
                (opened.query, Progress::start(opened.snapshot, opened.now, format))
            }
            token => {
                let token: ResumeToken = self.open_token(&binding, token, "resume_token")?;
                let query = self.query(caller, &question, Some(token.range), token.began)?;
                let format = format(request, query.filter.log)?;
                (query, Progress::resume(token, format, now)?)
            }
        };
        let header = header(request, &query, &progress);
        // One place more than chunks use is kept for a failure: a file that ends early must not look whole.
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT + 1);
        let last = sender.clone().try_reserve_owned().map_err(|error| Refusal::internal(&error))?;
        let (store, sealer) = (self.store.clone(), self.sealer.clone());
        tokio::task::spawn_blocking(move || {
            let outlet = Outlet { sender, sealer, binding, until: Instant::now() + LONGEST };
            if let Err(Stop::Failed(refusal)) = progress.run(&store, query, header, &outlet) {
                last.send(Err(refusal.into()));
            }
        });
        Ok(receiver)
    }
}

fn format(request: &pb::ExportCsvRequest, log: system_log_model::Log) -> Result<Format, Refusal> {
    match pb::ExportFormat::try_from(request.format) {
        Ok(pb::ExportFormat::Unspecified | pb::ExportFormat::Csv) => {
            Ok(Format::Csv { columns: columns(log, &request.columns)?, raw: request.raw_values })
        }
        Ok(pb::ExportFormat::JsonLines) if request.columns.is_empty() => Ok(Format::JsonLines),
        Ok(pb::ExportFormat::JsonLines) => {
            Err(Refusal::invalid("INVALID_FILTER", "columns", "JSON lines hold whole events: no columns to choose"))
        }
        Err(_) => Err(Refusal::invalid("INVALID_FILTER", "format", "an unknown value")),
    }
}

fn header(request: &pb::ExportCsvRequest, query: &Query, progress: &Progress) -> pb::ExportHeader {
    let mut filter = request.filter.clone().unwrap_or_default();
    filter.start_time = Some(to_proto::time(query.range.start));
    filter.end_time = Some(to_proto::time(query.range.end));
    let columns = match &progress.format {
        Format::Csv { columns, .. } => columns.iter().map(|column| column.name().to_owned()).collect(),
        Format::JsonLines => Vec::new(),
    };
    pb::ExportHeader { columns, snapshot: progress.snapshot.to_string(), filter: Some(filter) }
}

/// Why a walk stops early.
enum Stop {
    /// The reader went away: nothing to tell anybody.
    ReaderLeft,
    Failed(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

/// Where the parts go.
struct Outlet {
    sender: mpsc::Sender<Result<pb::ExportCsvResponse, Status>>,
    sealer: std::sync::Arc<Sealer>,
    binding: Binding,
    until: Instant,
}

impl Outlet {
    /// Waits for the reader, but not for ever. Called on a blocking thread.
    fn send(&self, part: pb::export_csv_response::Part) -> Result<(), Stop> {
        let part = pb::ExportCsvResponse { part: Some(part) };
        let wait = IDLE.min(self.until.saturating_duration_since(Instant::now()));
        let sent = tokio::runtime::Handle::current().block_on(self.sender.send_timeout(Ok(part), wait));
        sent.map_err(|error| match error {
            SendTimeoutError::Closed(_) => Stop::ReaderLeft,
            SendTimeoutError::Timeout(_) => {
                let text = "the export was not read for too long; it can be resumed";
                Stop::Failed(Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text))
            }
        })
    }
}

/// How far an export has come.
struct Progress {
    format: Format,
    snapshot: Snapshot,
    began: Timestamp,
    cursor: Option<Cursor>,
    rows: u64,
    digest: Sha256,
    heading_sent: bool,
}

impl Progress {
    fn start(snapshot: Snapshot, began: Timestamp, format: Format) -> Self {
        Self { format, snapshot, began, cursor: None, rows: 0, digest: Sha256::new(), heading_sent: false }
    }

    fn resume(token: ResumeToken, format: Format, now: Timestamp) -> Result<Self, Refusal> {
        let age = now.micros().saturating_sub(token.began.micros());
        if u128::try_from(age).is_ok_and(|age| age > limits::EXPORT_RESUME.as_micros()) {
            let message = "the export's snapshot is gone after an hour; begin again";
            return Err(Refusal::new(Code::FailedPrecondition, "EXPORT_SNAPSHOT_EXPIRED", message));
        }
        let invalid = || Refusal::invalid("INVALID_RESUME_TOKEN", "resume_token", "of another version");
        let state = token.digest.as_slice().try_into().map_err(|_| invalid())?;
        let digest = Sha256::deserialize(state).map_err(|_| invalid())?;
        let ResumeToken { snapshot, began, cursor, rows, .. } = token;
        Ok(Self { format, snapshot, began, cursor, rows, digest, heading_sent: true })
    }

    fn run(&mut self, store: &Store, query: Query, header: pb::ExportHeader, out: &Outlet) -> Result<(), Stop> {
        use pb::export_csv_response::Part;
        out.send(Part::Header(header))?;
        let (range, order) = (query.range, query.order);
        let scan = store.scan(query, self.snapshot, self.cursor.clone());
        // Rows are read on one thread and written on another, or one core would do all the work of an export.
        thread::scope(|scope| {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            let mut scan = scan;
            // It ends early when the writer has stopped.
            scope.spawn(move || scan.try_for_each(|batch| sender.send(batch)));
            self.write(batches, range, order, out)
        })?;
        let sha256 = self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let total_rows = i64::try_from(self.rows).unwrap_or(i64::MAX);
        out.send(Part::Trailer(pb::ExportTrailer { total_rows, sha256 }))
    }

    /// Sends rows as they come. What is sent at once is bounded; the heading goes with the first rows, or alone when there are
    /// none.
    fn write(
        &mut self,
        batches: impl IntoIterator<Item = Result<Vec<Stored>, ReadError>>,
        range: Range,
        order: OrderBy,
        out: &Outlet,
    ) -> Result<(), Stop> {
        use pb::export_csv_response::Part;
        let mut data = if self.heading_sent { Vec::new() } else { self.format.heading()? };
        let mut pending_rows = 0;
        for batch in batches {
            let batch = batch.map_err(Refusal::from)?;
            for rows in parts(&batch, 256) {
                data.extend(self.format.rows(rows)?);
                pending_rows += rows.len() as u64;
                if let Some(last) = rows.last() {
                    let key = order.column.key(&last.event);
                    self.cursor = Some(Cursor { key, sequence: last.id.sequence });
                }
                if data.len() >= PART_BYTES {
                    let chunk = self.chunk(std::mem::take(&mut data), std::mem::take(&mut pending_rows), range, out)?;
                    out.send(Part::Chunk(chunk))?;
                }
            }
        }
        if !data.is_empty() {
            let chunk = self.chunk(data, pending_rows, range, out)?;
            out.send(Part::Chunk(chunk))?;
        }
        Ok(())
    }

    /// Accounts for some bytes and seals where they end.
    fn chunk(&mut self, data: Vec<u8>, rows: u64, range: Range, out: &Outlet) -> Result<pb::ExportChunk, Refusal> {
        self.digest.update(&data);
        self.rows += rows;
        let token = ResumeToken {
            range,
            snapshot: self.snapshot,
            began: self.began,
            cursor: self.cursor.clone(),
            rows: self.rows,
            digest: self.digest.serialize().to_vec(),
        };
        let sealed = out.sealer.seal(&out.binding, &token);
        let resume_token = sealed.ok_or_else(|| Refusal::internal(&"a token cannot be sealed"))?;
        Ok(pb::ExportChunk { data: data.into(), rows: i64::try_from(rows).unwrap_or(i64::MAX), resume_token })
    }
}
