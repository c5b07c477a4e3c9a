//! `IngestService` over the road in.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use prost::Message;
use system_log_wire::google::rpc::Status as ProtoStatus;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::auth::layer::refusal_for;
use crate::auth::{Caller, caller};
use crate::ingest::ResultOutcome;
use crate::ingest::{IncomingRecord, IngestRequest, Judged, RecordResult, Road, nobody};
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// Requests of one stream that are worked on at once: enough to keep the log's group commits full.
const STREAM_IN_FLIGHT: usize = 8;
/// A stream that sends nothing for so long is closed.
const STREAM_IDLE: Duration = Duration::from_secs(300);

/// The service.
#[derive(Clone)]
pub struct Ingest {
    /// The road in.
    pub road: Arc<Road>,
    /// Ends streams at shutdown.
    pub stop: CancellationToken,
}

type Answers = Pin<Box<dyn Stream<Item = Result<pb::IngestStreamResponse, Status>> + Send>>;

#[tonic::async_trait]
impl pb::ingest_service_server::IngestService for Ingest {
    async fn ingest(&self, request: Request<pb::IngestRequest>) -> Result<Response<pb::IngestResponse>, Status> {
        let caller = caller(&request)?;
        let pb::IngestRequest { source, org_id, records, validate_only } = request.into_inner();
        let records = records.into_iter().map(record).collect();
        let request = IngestRequest { source, org_id, records, dry_run: validate_only };
        let results = self.road.ingest(&caller, request).await?;
        Ok(Response::new(pb::IngestResponse { results: results.iter().map(result).collect() }))
    }

    type IngestStreamStream = Answers;

    async fn ingest_stream(
        &self,
        request: Request<Streaming<pb::IngestStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let caller = caller(&request)?;
        let requests = tokio_stream::StreamExt::timeout(request.into_inner(), STREAM_IDLE);
        let this = self.clone();
        let keeping = self.clone();
        // Judged beside each other, kept in the order they were sent: the later of two records with one key is the duplicate.
        let answers = requests
            .map(move |next| {
                let (this, caller) = (this.clone(), caller.clone());
                async move {
                    match next {
                        Ok(Ok(request)) => Ok(this.judge(&caller, request).await),
                        Ok(Err(status)) => Err(Status::from(refusal_for(&status))),
                        Err(_) => {
                            let text = "the stream was idle for too long";
                            Err(Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text).into())
                        }
                    }
                }
            })
            .buffered(STREAM_IN_FLIGHT)
            .map(move |judged| {
                let this = keeping.clone();
                async move { Ok(this.keep(judged?).await) }
            })
            .buffered(STREAM_IN_FLIGHT);
        let stop = self.stop.clone();
        let goodbye = futures::stream::once(async { Err(Refusal::stopping().into()) });
        let until_stop = answers.take_until(stop.clone().cancelled_owned());
        // After a stop the client learns that what was not answered was not taken; a stream that simply ended, ends.
        let tail = goodbye.filter(move |_| std::future::ready(stop.is_cancelled()));
        Ok(Response::new(Box::pin(until_stop.chain(tail))))
    }
}

impl Ingest {
    async fn judge(&self, caller: &Caller, request: pb::IngestStreamRequest) -> (u64, Result<Judged, Refusal>) {
        let pb::IngestStreamRequest { sequence, source, org_id, records } = request;
        let records = records.into_iter().map(record).collect();
        let request = IngestRequest { source, org_id, records, dry_run: false };
        (sequence, self.road.judge(caller, request).await)
    }

    async fn keep(&self, (sequence, judged): (u64, Result<Judged, Refusal>)) -> pb::IngestStreamResponse {
        let kept = match judged {
            Ok(judged) => self.road.keep(judged).await,
            Err(refusal) => Err(refusal),
        };
        match kept {
            Ok(results) => {
                pb::IngestStreamResponse { sequence, results: results.iter().map(result).collect(), error: None }
            }
            Err(refusal) => {
                let status = Status::from(refusal);
                // The details of a rich status are its whole google.rpc.Status.
                let error = ProtoStatus::decode(status.details()).unwrap_or_else(|_| ProtoStatus {
                    code: status.code().into(),
                    message: status.message().to_owned(),
                    details: Vec::new(),
                });
                pb::IngestStreamResponse { sequence, results: Vec::new(), error: Some(error) }
            }
        }
    }
}

/// A record off the wire.
#[must_use]
pub fn record(record: pb::Record) -> IncomingRecord {
    IncomingRecord {
        payload: record.payload.into(),
        content_type: record.content_type,
        org_id: record.org_id,
        headers: record.headers.into_iter().collect(),
        idempotency_key: record.idempotency_key,
    }
}

/// A result onto the wire.
#[must_use]
pub fn result(result: &RecordResult) -> pb::RecordResult {
    let unassigned = nobody();
    let shown = |event: &system_log_model::Event| {
        let org = if event.org == unassigned { "" } else { event.org.as_str() };
        to_proto::event("", org, event)
    };
    pb::RecordResult {
        outcome: outcome(result.outcome).into(),
        event_ids: result.event_ids.iter().map(ToString::to_string).collect(),
        reason: result.reason.to_owned(),
        message: result.message.clone(),
        events: result.events.iter().map(shown).collect(),
        items: result.items.iter().map(self::result).collect(),
    }
}

const fn outcome(outcome: ResultOutcome) -> pb::Outcome {
    match outcome {
        ResultOutcome::Stored => pb::Outcome::Stored,
        ResultOutcome::Duplicate => pb::Outcome::Duplicate,
        ResultOutcome::Dropped => pb::Outcome::Dropped,
        ResultOutcome::Rejected => pb::Outcome::Rejected,
        ResultOutcome::DeadLettered => pb::Outcome::DeadLettered,
    }
}
