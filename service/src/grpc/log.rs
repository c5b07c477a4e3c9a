//! `LogService` over the road out.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use system_log_collectors::CollectorInfo;
use system_log_model::column::TableColumn;
use system_log_model::{Category, Kind, Log, limits, retention};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::audit::OWN_SOURCE;
use crate::auth::caller;
use crate::grpc::directory::page_of_members;
use crate::read::Reader;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// The service.
#[derive(Clone)]
pub struct Logs {
    /// The road out.
    pub reader: Arc<Reader>,
    /// Ends streams at shutdown.
    pub stop: CancellationToken,
}

type ExportStream = Pin<Box<dyn Stream<Item = Result<pb::ExportCsvResponse, Status>> + Send>>;
type TailStream = Pin<Box<dyn Stream<Item = Result<pb::TailEventsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl pb::log_service_server::LogService for Logs {
    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.reader.list(&caller, request.get_ref()).await?))
    }

    async fn get_event(&self, request: Request<pb::GetEventRequest>) -> Result<Response<pb::GetEventResponse>, Status> {
        let caller = caller(&request)?;
        let stored = self.reader.get(&caller, &request.get_ref().id).await?;
        Ok(Response::new(pb::GetEventResponse { event: Some(to_proto::stored(&stored)) }))
    }

    async fn summarize_events(
        &self,
        request: Request<pb::SummarizeEventsRequest>,
    ) -> Result<Response<pb::SummarizeEventsResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.reader.summarize(&caller, request.get_ref()).await?))
    }

    async fn summarize_ai_usage(
        &self,
        request: Request<pb::SummarizeAiUsageRequest>,
    ) -> Result<Response<pb::SummarizeAiUsageResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.reader.usage(&caller, request.get_ref()).await?))
    }

    async fn list_actors(
        &self,
        request: Request<pb::ListActorsRequest>,
    ) -> Result<Response<pb::ListActorsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let org = caller.org()?.clone();
        let found = page_of_members(
            &self.reader,
            &caller,
            &org,
            "actors",
            &request.query,
            request.page_size,
            &request.page_token,
        )?;
        Ok(Response::new(pb::ListActorsResponse { actors: found.members, next_page_token: found.next_page_token }))
    }

    async fn describe_logs(
        &self,
        request: Request<pb::DescribeLogsRequest>,
    ) -> Result<Response<pb::DescribeLogsResponse>, Status> {
        caller(&request)?.org()?;
        let days = i32::try_from(retention::RETENTION_DAYS).unwrap_or(i32::MAX);
        let kept = pbjson_types::Duration { seconds: i64::from(days) * 86_400, nanos: 0 };
        Ok(Response::new(pb::DescribeLogsResponse {
            logs: Log::ALL.iter().map(|log| self.describe(*log)).collect(),
            retention: Some(kept),
            max_range: Some(kept),
            page_sizes: limits::PAGE_SIZES.iter().filter_map(|size| i32::try_from(*size).ok()).collect(),
        }))
    }

    type ExportCsvStream = ExportStream;

    async fn export_csv(&self, request: Request<pb::ExportCsvRequest>) -> Result<Response<ExportStream>, Status> {
        let caller = caller(&request)?;
        let parts = self.reader.export(&caller, request.get_ref()).await?;
        let stop = self.stop.clone();
        let goodbye = futures::stream::once(async { Err(Refusal::stopping().into()) });
        let tail = goodbye.filter({
            let stop = stop.clone();
            move |_| std::future::ready(stop.is_cancelled())
        });
        let stream = ReceiverStream::new(parts).take_until(stop.cancelled_owned()).chain(tail);
        Ok(Response::new(Box::pin(stream)))
    }

    type TailEventsStream = TailStream;

    async fn tail_events(&self, request: Request<pb::TailEventsRequest>) -> Result<Response<TailStream>, Status> {
        let caller = caller(&request)?;
        let parts = self.reader.tail(&caller, request.get_ref(), self.stop.clone()).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(parts))))
    }
}

impl Logs {
    fn describe(&self, log: Log) -> pb::LogDescription {
        let catalogue = self.reader.host.catalogue();
        let collectors = self.reader.host.collectors();
        let categories: &[Category] = if log == Log::System { Category::ALL } else { &[] };
        let column = |column: &TableColumn| pb::ColumnDescription {
            name: column.name().to_owned(),
            title: column.title().to_owned(),
            sortable: true,
            contains: column.contains(),
        };
        pb::LogDescription {
            log: to_proto::log(log).into(),
            title: title(log).to_owned(),
            categories: categories.iter().map(|c| to_proto::category(*c).into()).collect(),
            kinds: catalogue.of(log).map(|kind| describe_kind(kind, &collectors)).collect(),
            columns: TableColumn::of(log).iter().map(column).collect(),
        }
    }
}

const fn title(log: Log) -> &'static str {
    match log {
        Log::System => "System",
        Log::Email => "Email",
        Log::AiUsage => "AI usage",
    }
}

/// A kind, with the sources that may emit it.
fn describe_kind(kind: &Kind, collectors: &[CollectorInfo]) -> pb::KindDescription {
    let emits =
        |collector: &&CollectorInfo| collector.kinds.iter().any(|(log, name)| *log == kind.log && **name == *kind.name);
    let mut sources: Vec<String> = collectors.iter().filter(emits).flat_map(|c| c.sources.clone()).collect();
    if *kind.name == *system_log_model::kind::SYSTEM_LOG_VIEWED {
        sources = vec![OWN_SOURCE.to_owned()];
    }
    pb::KindDescription {
        r#type: kind.name.to_string(),
        category: kind.category.map_or(pb::Category::Unspecified, to_proto::category).into(),
        severity: to_proto::severity(kind.severity).into(),
        description: kind.description.to_string(),
        sources,
    }
}
