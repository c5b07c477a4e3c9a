//! The layer every route passes: authenticate, check the role, keep the deadline, and make each error a proper one.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Request, header};
use system_log_index::Store;
use system_log_model::Clock;
use system_log_wire::codec::{MAX_ELEMENTS, TOO_MANY_ELEMENTS};
use tonic::{Code, Status};

use super::policy::{Demand, demand};
use super::rate::Rates;
use super::token::Verifier;
use super::{Caller, Role, api_key};
use crate::metrics::Metrics;
use crate::status::Refusal;

/// What the layer needs to know.
pub struct Gate {
    /// One for each accepted issuer.
    pub verifiers: Vec<Verifier>,
    /// Development: reflection without a token.
    pub dev: bool,
    /// For expiry.
    pub clock: Arc<dyn Clock>,
    /// Counts answers.
    pub metrics: Arc<Metrics>,
    /// Where API keys are; without it none holds.
    pub keys: Option<Store>,
    /// How often each caller may call; without it as often as he likes.
    pub rates: Option<Rates>,
}

/// Authenticates, then calls the route under the client's deadline.
pub async fn gate(State(gate): State<Arc<Gate>>, mut request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = match gate.admit(&path, request.headers()) {
        Err(refusal) => Status::from(refusal).into_http(),
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            let deadline = grpc_timeout(request.headers());
            let answer = next.run(request);
            match deadline {
                None => answer.await,
                Some(limit) => tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
                    let text = "the deadline of the call has passed";
                    Status::from(Refusal::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", text)).into_http()
                }),
            }
        }
    };
    let response = explain(response);
    gate.metrics.answered(&path, response.status(), response.headers());
    response
}

impl Gate {
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        match demand(path) {
            Some(Demand::Nothing | Demand::Own) => Ok(None),
            Some(Demand::AnyToken) if self.dev => Ok(None),
            Some(Demand::AnyToken) => self.member_refused(headers),
            Some(Demand::Role(role)) => self.require(bearer(headers), role).map(Some),
            None => self.member_refused(headers),
        }
    }

    /// Any role but the one that is always refused.
    fn member_refused(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let caller = self.authenticate(bearer(headers), None)?;
        if caller.role == Role::Member { Err(Refusal::role_required("admin")) } else { Ok(Some(caller)) }
    }

    /// The caller of a token, who must have that role.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `RATE_LIMITED`, `ROLE_REQUIRED`.
    pub fn require(&self, token: Option<&str>, role: Role) -> Result<Caller, Refusal> {
        let caller = self.authenticate(token, Some(role))?;
        if caller.role == role { Ok(caller) } else { Err(Refusal::role_required(role.name())) }
    }

    fn authenticate(&self, token: Option<&str>, wanted: Option<Role>) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        let caller = token.and_then(|token| {
            if token.starts_with(api_key::PREFIX) {
                let key = self.keys.as_ref()?.api_key_of(&api_key::digest(token))?;
                return key.holds(now).then(|| api_key::caller(key, wanted));
            }
            self.verifiers.iter().find_map(|verifier| verifier.verify(token, now))
        });
        let caller = caller.ok_or_else(Refusal::unauthenticated)?;
        self.rates.as_ref().map_or(Ok(()), |rates| rates.take(&caller, now))?;
        Ok(caller)
    }
}

/// The token of an `authorization` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The client's `grpc-timeout`: up to eight digits and a unit.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Errors that tonic makes by itself carry no details, and an oversized message is OUT_OF_RANGE there. Both are mended
/// here, where every answer passes.
fn explain(response: Response) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    Status::from(refusal_for(&status)).into_http()
}

/// What a bare status of tonic's means in our terms.
#[must_use]
pub fn refusal_for(status: &Status) -> Refusal {
    let text = status.message();
    match status.code() {
        // The second is what a compressed message is told that grows too large.
        Code::OutOfRange | Code::ResourceExhausted
            if text.contains("message length too large") || text.contains("decompressing: size limit") =>
        {
            let rule = format!("at most {} bytes after decompression", system_log_model::limits::MAX_MESSAGE_BYTES);
            Refusal::invalid("MESSAGE_TOO_LARGE", "request", rule)
        }
        Code::InvalidArgument if text.starts_with(TOO_MANY_ELEMENTS) => {
            let list = text.trim_start_matches(TOO_MANY_ELEMENTS);
            let reason = if list.starts_with("filter.") { "INVALID_FILTER" } else { "BATCH_TOO_LARGE" };
            Refusal::invalid(reason, list, format!("at most {MAX_ELEMENTS} elements of all lists in one message"))
        }
        Code::Unimplemented => Refusal::new(Code::Unimplemented, "UNIMPLEMENTED", "no such method"),
        Code::InvalidArgument => Refusal::invalid("MALFORMED_REQUEST", "request", text),
        Code::Internal if text.contains("protobuf") || text.contains("decode") => {
            Refusal::invalid("MALFORMED_REQUEST", "request", "not a message of this method")
        }
        Code::Internal => Refusal::internal(&text),
        code => Refusal::new(code, reason_of(code), text),
    }
}

const fn reason_of(code: Code) -> &'static str {
    match code {
        Code::Cancelled => "CANCELLED",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::Unavailable => "UNAVAILABLE",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unauthenticated => "UNAUTHENTICATED",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!((read("m"), read("123456789S"), read("5"), read("5x")), (None, None, None, None));
    }

    #[test]
    fn bare_errors_get_a_reason() {
        let bare =
            Status::out_of_range("Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes");
        let status = Status::from(refusal_for(&bare));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    }

    #[tokio::test]
    async fn a_deadline_that_passes_is_said_to_have_passed() {
        let clock = Arc::new(system_log_model::ManualClock::at(
            system_log_model::Timestamp::parse("2026-11-22T10:00:00Z").unwrap(),
        ));
        let state = Gate { verifiers: Vec::new(), dev: true, clock, metrics: Arc::default(), keys: None, rates: None };
        let never = axum::routing::get(std::future::pending::<()>);
        let router =
            axum::Router::new().route("/", never).layer(axum::middleware::from_fn_with_state(Arc::new(state), gate));
        let request = Request::get("/").header("grpc-timeout", "1m").body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "DEADLINE_EXCEEDED");
    }
}
