//! Clients as a customer would write them: generated stubs and a bearer token.

use system_log_wire::systemlog::v1 as pb;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;

use pb::collector_service_client::CollectorServiceClient;
use pb::directory_service_client::DirectoryServiceClient;
use pb::ingest_service_client::IngestServiceClient;
use pb::key_service_client::KeyServiceClient;
use pb::log_service_client::LogServiceClient;

/// Adds the token to every call.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<tonic::metadata::Ascii>>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

type Authed = InterceptedService<Channel, Bearer>;

/// One channel with one token, and a stub for each service.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    bearer: Bearer,
}

impl Client {
    /// A client with a token; without one when it is empty.
    pub fn new(channel: Channel, token: &str) -> Self {
        let value = (!token.is_empty()).then(|| format!("Bearer {token}").parse().expect("a token is ASCII"));
        Self { channel, bearer: Bearer(value) }
    }

    fn authed(&self) -> Authed {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    /// `IngestService`
    pub fn ingest(&self) -> IngestServiceClient<Authed> {
        IngestServiceClient::new(self.authed()).max_encoding_message_size(64 << 20)
    }

    /// `LogService`
    pub fn log(&self) -> LogServiceClient<Authed> {
        LogServiceClient::new(self.authed())
    }

    /// `DirectoryService`
    pub fn directory(&self) -> DirectoryServiceClient<Authed> {
        DirectoryServiceClient::new(self.authed())
    }

    /// `CollectorService`
    pub fn collectors(&self) -> CollectorServiceClient<Authed> {
        CollectorServiceClient::new(self.authed())
    }

    /// `KeyService`
    pub fn keys(&self) -> KeyServiceClient<Authed> {
        KeyServiceClient::new(self.authed())
    }

    /// The channel with its token, for calls by path.
    pub fn raw(&self) -> Authed {
        self.authed()
    }

    /// Sends records that are expected to be answered one by one.
    ///
    /// # Errors
    /// The status of a refused request.
    pub async fn send(
        &self,
        source: &str,
        org: &str,
        records: Vec<pb::Record>,
    ) -> Result<Vec<pb::RecordResult>, Status> {
        let request = pb::IngestRequest { source: source.into(), org_id: org.into(), records, validate_only: false };
        Ok(self.ingest().ingest(request).await?.into_inner().results)
    }

    /// A page.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn list(&self, request: pb::ListEventsRequest) -> Result<pb::ListEventsResponse, Status> {
        Ok(self.log().list_events(request).await?.into_inner())
    }

    /// All rows of a question, page by page.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn list_all(
        &self,
        filter: &pb::EventFilter,
        order_by: &str,
        size: i32,
    ) -> Result<Vec<pb::Event>, Status> {
        let mut rows = Vec::new();
        let mut request = pb::ListEventsRequest {
            filter: Some(filter.clone()),
            order_by: order_by.into(),
            page_size: size,
            skip_total: true,
            ..Default::default()
        };
        loop {
            let page = self.list(request.clone()).await?;
            rows.extend(page.events);
            if page.next_page_token.is_empty() {
                return Ok(rows);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// A whole export: header, the file, trailer.
    ///
    /// # Errors
    /// As the server refuses or fails.
    pub async fn export(&self, request: pb::ExportCsvRequest) -> Result<Export, Status> {
        use pb::export_csv_response::Part;
        let mut stream = self.log().export_csv(request).await?.into_inner();
        let mut export = Export::default();
        while let Some(message) = stream.message().await? {
            match message.part {
                Some(Part::Header(header)) => export.header = Some(header),
                Some(Part::Chunk(chunk)) => {
                    export.data.extend_from_slice(&chunk.data);
                    export.chunks.push(chunk);
                }
                Some(Part::Trailer(trailer)) => export.trailer = Some(trailer),
                None => {}
            }
        }
        Ok(export)
    }
}

/// What an export sent.
#[derive(Debug, Default)]
pub struct Export {
    /// The first message.
    pub header: Option<pb::ExportHeader>,
    /// In order.
    pub chunks: Vec<pb::ExportChunk>,
    /// The concatenated data.
    pub data: Vec<u8>,
    /// The last message.
    pub trailer: Option<pb::ExportTrailer>,
}

/// The stable reason of a refusal.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// The fields a refusal names.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}
