//! `CollectorService`: what runs in the sandbox, a dry run, and the dead letters.

use std::sync::Arc;

use system_log_collectors::{CollectorInfo, CollectorState};
use system_log_model::DeadLetter;
use tonic::{Request, Response, Status};

use crate::auth::caller;
use crate::grpc::ingest;
use crate::ingest::{IngestRequest, ReplayRequest, Road};
use crate::seal::{Binding, Sealer};
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// Dead letters of one answer: each may hold a quarter of a MiB, and a message holds four.
const MAX_LETTERS: usize = 100;
/// Payload bytes of one answer.
const MAX_LETTER_BYTES: usize = 2 * 1024 * 1024;

/// The service.
#[derive(Clone)]
pub struct Collectors {
    /// Sandbox and store.
    pub road: Arc<Road>,
    /// Page tokens.
    pub sealer: Arc<Sealer>,
}

#[tonic::async_trait]
impl pb::collector_service_server::CollectorService for Collectors {
    async fn list_collectors(
        &self,
        request: Request<pb::ListCollectorsRequest>,
    ) -> Result<Response<pb::ListCollectorsResponse>, Status> {
        caller(&request)?;
        let collectors = self.road.host.collectors().iter().map(collector).collect();
        Ok(Response::new(pb::ListCollectorsResponse { collectors }))
    }

    async fn test_collector(
        &self,
        request: Request<pb::TestCollectorRequest>,
    ) -> Result<Response<pb::TestCollectorResponse>, Status> {
        let caller = caller(&request)?;
        let pb::TestCollectorRequest { source, org_id, records } = request.into_inner();
        let records = records.into_iter().map(ingest::record).collect();
        let request = IngestRequest { source, org_id, records, dry_run: true };
        let results = self.road.ingest(&caller, request).await?;
        Ok(Response::new(pb::TestCollectorResponse { results: results.iter().map(ingest::result).collect() }))
    }

    async fn reload_collectors(
        &self,
        request: Request<pb::ReloadCollectorsRequest>,
    ) -> Result<Response<pb::ReloadCollectorsResponse>, Status> {
        caller(&request)?;
        let host = self.road.host.clone();
        // It compiles.
        let reloaded = tokio::task::spawn_blocking(move || host.reload()).await.map_err(|e| Refusal::internal(&e))?;
        let collectors = reloaded.map_err(|error| {
            tracing::error!(%error, "the plugin directory cannot be read");
            let message = "the plugin directory cannot be read; what serves goes on serving";
            Refusal::new(tonic::Code::Unavailable, "DIRECTORY_UNREADABLE", message)
        })?;
        Ok(Response::new(pb::ReloadCollectorsResponse { collectors: collectors.iter().map(collector).collect() }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let size = match usize::try_from(request.page_size) {
            Ok(0) => MAX_LETTERS,
            Ok(size) => size.min(MAX_LETTERS),
            Err(_) => {
                return Err(Refusal::invalid("INVALID_PAGE_SIZE", "page_size", "not negative").into());
            }
        };
        let wanted = |letter: &DeadLetter| {
            let org = letter.org.as_ref();
            (request.source.is_empty() || letter.source == request.source)
                && (request.org_id.is_empty() || org.is_some_and(|org| org.as_str() == request.org_id))
                && (request.reason.is_empty() || letter.reason == request.reason)
                && org.is_none_or(|org| caller.scope.allows(org))
        };
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut bytes = 0;
        let parts = [request.source.as_str(), request.org_id.as_str(), request.reason.as_str()];
        let binding = Binding::new("dead-letters", &caller, None::<&pb::EventFilter>, &parts);
        // What a token holds is the id of the last letter: they sort by arrival.
        let mut after: Option<String> = match request.page_token.as_str() {
            "" => None,
            token => Some(self.sealer.open(&binding, token).ok_or_else(|| {
                let rule = "not a token of this service for this user and these filters";
                Refusal::invalid("INVALID_PAGE_TOKEN", "page_token", rule)
            })?),
        };
        let mut next = None;
        'pages: loop {
            let batch = self.road.store.dead_letters(after.as_deref(), MAX_LETTERS).map_err(Refusal::from)?;
            let Some(last) = batch.last() else { break };
            let last = last.id.clone();
            for letter in batch.into_iter().filter(wanted) {
                if letters.len() == size || (bytes + letter.payload.len() > MAX_LETTER_BYTES && !letters.is_empty()) {
                    next = letters.last().map(|letter| letter.id.clone());
                    break 'pages;
                }
                bytes += letter.payload.len();
                letters.push(letter);
            }
            after = Some(last);
        }
        let sealed = next.map(|id| self.sealer.seal(&binding, &id));
        let next_page_token = match sealed {
            None => String::new(),
            Some(token) => token.ok_or_else(|| Refusal::internal(&"a token cannot be sealed"))?,
        };
        let dead_letters = letters.into_iter().map(to_proto::dead_letter).collect();
        Ok(Response::new(pb::ListDeadLettersResponse { dead_letters, next_page_token }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<pb::ReplayDeadLettersRequest>,
    ) -> Result<Response<pb::ReplayDeadLettersResponse>, Status> {
        let caller = caller(&request)?;
        let pb::ReplayDeadLettersRequest { ids, source, dry_run } = request.into_inner();
        let replayed = self.road.replay(&caller, ReplayRequest { ids, source, dry_run }).await?;
        let result = |(id, result)| pb::ReplayResult { id, result: Some(ingest::result(&result)) };
        Ok(Response::new(pb::ReplayDeadLettersResponse { results: replayed.into_iter().map(result).collect() }))
    }
}

fn collector(info: &CollectorInfo) -> pb::Collector {
    let state = match info.state {
        CollectorState::Active => pb::CollectorState::Active,
        CollectorState::Quarantined => pb::CollectorState::Quarantined,
        CollectorState::Failed => pb::CollectorState::Failed,
    };
    pb::Collector {
        name: info.name.clone(),
        version: info.version.clone(),
        state: state.into(),
        sources: info.sources.clone(),
        kinds: info.kinds.iter().map(|(log, name)| format!("{log}/{name}")).collect(),
        digest: info.digest.clone(),
        origin: info.origin.clone(),
        error: info.error.clone().unwrap_or_default(),
    }
}
