//! `POST /hooks/{source}/{token}`: verify, take once, walk the road, and answer as the provider expects.
//!
//! A mark is written together with what the delivery became, in one frame of the log: it is never remembered without its
//! event nor the event without it. Our own trouble leaves no mark, so that the provider may try again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use subtle::{Choice, ConstantTimeEq};
use system_log_index::{Change, Mark, MarkState};
use system_log_model::limits;

use super::mac::same;
use super::{Delivery, Genuine, Hook, Scheme};
use crate::auth::rate::Rates;
use crate::auth::{Caller, Role, Scope};
use crate::ingest::{IncomingRecord, IngestRequest, RecordResult, ResultOutcome, Road};
use crate::status::Refusal;

/// Recurly gives up after five seconds. What is under way goes on, and a later attempt finds it done.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);
/// A body must be there within this time: a slow sender holds memory.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// A body that is too large is read so far, so that its sender reads our answer instead of a broken connection.
const READ_AT_MOST: usize = 16 * limits::MAX_PAYLOAD_BYTES;
/// What HTTP and its proxies need and no collector does.
const TRANSPORT_HEADERS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// All receivers of a server.
pub struct Receiver {
    hooks: Vec<Hook>,
    road: Arc<Road>,
    rates: Option<Rates>,
    /// Deliveries that are on the road.
    under_way: Arc<Mutex<HashSet<Mark>>>,
}

/// The route. Each receiver takes so many deliveries as `rates` gives one caller.
pub fn router(hooks: Vec<Hook>, road: Arc<Road>, rates: Option<Rates>) -> Router {
    for hook in hooks.iter().filter(|hook| road.host.collector_of(&hook.source).is_none()) {
        tracing::warn!(source = hook.source, "a receiver for a source that no collector accepts yet");
    }
    let receiver = Receiver { hooks, road, rates, under_way: Arc::default() };
    Router::new().route("/hooks/{source}/{token}", post(receive)).with_state(Arc::new(receiver))
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    Path((source, token)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let Some((place, hook)) = receiver.find(&source, &token) else {
        return answer(StatusCode::NOT_FOUND, "NOT_FOUND", "no such receiver");
    };
    let hook = hook.clone();
    // Before the body is read: what is put off costs next to nothing, signed or not.
    if let Err(refusal) = receiver.take_turn(place) {
        return later(&refusal);
    }
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_WITHIN, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(response)) => return response,
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT, "DEADLINE_EXCEEDED", "the body took too long"),
    };
    // On a task of its own: neither a sender that leaves nor the deadline stops it halfway.
    let taking = tokio::spawn(async move { receiver.take(&hook, &parts.headers, body).await });
    match tokio::time::timeout(ANSWER_WITHIN, taking).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => later(&Refusal::internal(&error)),
        Err(_) => later(&Refusal::overloaded()),
    }
}

/// The body, or why it is not taken.
async fn read(mut body: Body) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| answer(StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= limits::MAX_PAYLOAD_BYTES {
            bytes.extend_from_slice(&data);
        } else if length > READ_AT_MOST {
            break;
        }
    }
    if length > limits::MAX_PAYLOAD_BYTES {
        let rule = format!("body: at most {} bytes", limits::MAX_PAYLOAD_BYTES);
        return Err(answer(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", &rule));
    }
    Ok(bytes)
}

impl Receiver {
    /// The receiver of a URL. All are compared, whatever is found: the token is a secret.
    fn find(&self, source: &str, token: &str) -> Option<(usize, &Hook)> {
        let mut found = None;
        for (place, hook) in self.hooks.iter().enumerate() {
            let is_it: Choice =
                hook.source.as_bytes().ct_eq(source.as_bytes()) & same(&hook.token.bytes, token.as_bytes());
            if is_it.into() {
                found = Some((place, hook));
            }
        }
        found
    }

    /// Counts a delivery to the receiver at that place.
    fn take_turn(&self, place: usize) -> Result<(), Refusal> {
        let rates = self.rates.as_ref();
        rates.map_or(Ok(()), |rates| rates.take_as(format!("hooks {place}"), self.road.clock.now()))
    }

    async fn take(&self, hook: &Hook, headers: &HeaderMap, body: Vec<u8>) -> Response {
        let delivery = Delivery { headers, body: &body };
        let genuine = match hook.verify(delivery, self.road.clock.now()) {
            Ok(genuine) => genuine,
            Err(why) => {
                tracing::warn!(source = hook.source, %why, "a delivery is refused");
                return refused(hook.scheme);
            }
        };
        let Ok(_held) = self.hold(&genuine) else {
            return later(&Refusal::overloaded());
        };
        // Only now: whoever held it before has written its mark, or has left none.
        match genuine.once.map(|(mark, _)| self.road.store.mark_state(&mark)) {
            None | Some(MarkState::Fresh) => {}
            Some(MarkState::Taken) => {
                tracing::warn!(source = hook.source, "a delivery came again and is refused");
                return refused(hook.scheme);
            }
            Some(MarkState::Full) => {
                tracing::error!("no more signatures can be remembered; deliveries are put off");
                return later(&Refusal::overloaded());
            }
        }
        match self.walk(hook, headers, body, genuine).await {
            Ok(result) => settled(hook.scheme, &result),
            Err(refusal) => later(&refusal),
        }
    }

    /// The same road as over gRPC, with the mark beside the events.
    async fn walk(
        &self,
        hook: &Hook,
        headers: &HeaderMap,
        body: Vec<u8>,
        genuine: Genuine,
    ) -> Result<RecordResult, Refusal> {
        let record = IncomingRecord {
            payload: body,
            content_type: text(headers.get(header::CONTENT_TYPE)),
            org_id: String::new(),
            headers: provider_headers(headers),
            idempotency_key: genuine.idempotency_key,
        };
        let caller = Caller {
            subject: format!("hooks/{}", hook.source),
            name: String::new(),
            email: String::new(),
            role: Role::Ingest,
            scope: hook.org.clone().map_or(Scope::All, Scope::One),
        };
        let request = IngestRequest {
            source: hook.source.clone(),
            org_id: hook.org.as_ref().map(ToString::to_string).unwrap_or_default(),
            records: vec![record],
            dry_run: false,
        };
        let mut judged = self.road.judge(&caller, request).await?;
        if let Some((mark, until)) = genuine.once {
            judged.also(Change::TakeDelivery { mark, until });
        }
        Ok(self.road.keep(judged).await?.pop().unwrap_or_else(RecordResult::lost))
    }

    /// Keeps a delivery from walking twice at the same time.
    fn hold(&self, genuine: &Genuine) -> Result<Held, ()> {
        let mark = genuine.once.map(|(mark, _)| mark);
        if mark.is_some_and(|mark| !self.under_way.lock().insert(mark)) {
            return Err(());
        }
        Ok(Held { mark, under_way: self.under_way.clone() })
    }
}

/// Lets go of a delivery when it is done, however it ended.
struct Held {
    mark: Option<Mark>,
    under_way: Arc<Mutex<HashSet<Mark>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mark) = self.mark {
            self.under_way.lock().remove(&mark);
        }
    }
}

fn text(value: Option<&HeaderValue>) -> String {
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn provider_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = headers.iter().filter(|(name, _)| !TRANSPORT_HEADERS.contains(&name.as_str()));
    wanted.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

/// A forged delivery, or one that was taken: the same answer. Mailgun stops trying at 406 alone.
fn refused(scheme: Scheme) -> Response {
    let message = "the signature does not hold, or was used before";
    match scheme {
        Scheme::Mailgun => answer(StatusCode::NOT_ACCEPTABLE, "UNAUTHENTICATED", message),
        Scheme::Basic => {
            let mut response = answer(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
            let challenge = HeaderValue::from_static("Basic realm=\"hooks\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        _ => answer(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message),
    }
}

/// What the delivery became. A rejected one would be rejected again, so its provider is told not to try.
fn settled(scheme: Scheme, result: &RecordResult) -> Response {
    let status = match result.outcome {
        ResultOutcome::Rejected if result.reason == "PAYLOAD_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        ResultOutcome::Rejected if scheme == Scheme::Mailgun => StatusCode::NOT_ACCEPTABLE,
        ResultOutcome::Rejected => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let outcome = match result.outcome {
        ResultOutcome::Stored => "STORED",
        ResultOutcome::Duplicate => "DUPLICATE",
        ResultOutcome::Dropped => "DROPPED",
        ResultOutcome::DeadLettered => "DEAD_LETTERED",
        ResultOutcome::Rejected => "REJECTED",
    };
    let body = serde_json::json!({"outcome": outcome, "reason": result.reason, "message": result.message});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Our own trouble, whatever it is: come back.
fn later(refusal: &Refusal) -> Response {
    tracing::warn!(reason = refusal.reason(), "a delivery is put off");
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, refusal.reason(), "try again shortly");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(limits::RETRY_AFTER.as_secs().max(1)));
    response
}

fn answer(status: StatusCode, reason: &str, message: &str) -> Response {
    let body = serde_json::json!({"reason": reason, "message": message});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
