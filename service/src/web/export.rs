//! `/export.csv`: the file that `ExportCsv` streams, as a download. `GET` for tools, with the token in the header; `POST` for a
//! browser's form, with the token in the body, so that none stands in a URL.
//!
//! The view is recorded before the answer begins. A file that cannot be finished is broken off, so that no client takes it
//! for the whole: the connection is closed before the end of the body.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt, Limited};
use tokio_util::sync::CancellationToken;

use super::answer::refused;
use super::params;
use crate::auth::layer::{Gate, bearer};
use crate::auth::{Caller, Role};
use crate::read::Reader;
use crate::read::export::Parts;
use crate::status::Refusal;
use crate::wire::pb::{self, export_csv_response::Part};

/// A form with the longest filter there may be is far smaller.
const MAX_FORM_BYTES: usize = 256 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// What the route needs.
struct Download {
    reader: Arc<Reader>,
    gate: Arc<Gate>,
    stop: CancellationToken,
}

/// The route.
pub fn router(reader: Arc<Reader>, gate: Arc<Gate>, stop: CancellationToken) -> Router {
    let download = Arc::new(Download { reader, gate, stop });
    Router::new().route("/export.csv", get(by_url).post(by_form)).with_state(download)
}

async fn by_url(State(download): State<Arc<Download>>, request: Request<Body>) -> Response {
    let question = params::read(request.uri().query().unwrap_or_default().as_bytes());
    let is_in_url = matches!(question, Ok((_, Some(_))));
    match download.admit(bearer(request.headers())) {
        Err(refusal) => refused(refusal),
        Ok(_) if is_in_url => {
            let rule =
                "not in the URL, which is written down in many places: in the authorization header, or in a form";
            refused(Refusal::invalid("INVALID_FILTER", "token", rule))
        }
        Ok(caller) => download.answer(&caller, question.map(|(question, _)| question)).await,
    }
}

async fn by_form(State(download): State<Arc<Download>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with(FORM));
    let body = match Limited::new(body, MAX_FORM_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let rule = format!("a form of at most {MAX_FORM_BYTES} bytes");
            return refused(Refusal::invalid("MALFORMED_REQUEST", "body", rule));
        }
    };
    let question =
        if is_form { params::read(&body) } else { Err(Refusal::invalid("MALFORMED_REQUEST", "content-type", FORM)) };
    let given = question.as_ref().ok().and_then(|(_, token)| token.as_deref());
    match download.admit(given.or_else(|| bearer(&parts.headers))) {
        Err(_) if question.is_err() && bearer(&parts.headers).is_none() => refused(Refusal::unauthenticated()),
        Err(refusal) => refused(refusal),
        Ok(caller) => download.answer(&caller, question.map(|(question, _)| question)).await,
    }
}

impl Download {
    fn admit(&self, token: Option<&str>) -> Result<Caller, Refusal> {
        self.gate.require(token, Role::Admin)
    }

    async fn answer(&self, caller: &Caller, question: Result<pb::ExportCsvRequest, Refusal>) -> Response {
        let question = match question {
            Ok(question) => question,
            Err(refusal) => return refused(refusal),
        };
        match self.reader.export(caller, &question).await {
            Err(refusal) => refused(refusal),
            Ok(parts) => {
                let log = question.filter.as_ref().map_or("", |filter| log_name(filter.log()));
                let body = Body::from_stream(file(parts, self.stop.clone()));
                (headers(log, &self.reader.clock.now().to_string()), body).into_response()
            }
        }
    }
}

const fn log_name(log: pb::Log) -> &'static str {
    match log {
        pb::Log::Email => "email-log",
        pb::Log::AiUsage => "ai-usage-log",
        pb::Log::System | pb::Log::Unspecified => "system-log",
    }
}

fn headers(log: &str, now: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let time: String = now.chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect();
    let name = format!("attachment; filename=\"{log}-{time}Z.csv\"");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    // The name is made of letters, digits and dashes.
    headers.extend(HeaderValue::try_from(name).ok().map(|name| (header::CONTENT_DISPOSITION, name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
}

/// The file's bytes; an error where it does not reach its trailer.
fn file(parts: Parts, stop: CancellationToken) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::unfold(Some((parts, stop)), |state| async {
        let (mut parts, stop) = state?;
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => None,
                next = parts.recv() => next,
            };
            let broken = match next.map(|part| part.map(|part| part.part)) {
                Some(Ok(Some(Part::Chunk(chunk)))) => return Some((Ok(chunk.data), Some((parts, stop)))),
                Some(Ok(Some(Part::Trailer(_)))) => return None,
                Some(Ok(Some(Part::Header(_)) | None)) => continue,
                Some(Err(status)) => status.message().to_owned(),
                None => "the export ended before its trailer".to_owned(),
            };
            tracing::warn!(why = broken, "a download is broken off");
            return Some((Err(io::Error::other(broken)), None));
        }
    })
}
