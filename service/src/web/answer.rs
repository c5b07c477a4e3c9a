//! A refusal as an HTTP answer: the status that goes with its code, and the same details in JSON, as Google's APIs write them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::status::Refusal;

/// See the file's first line.
pub(super) fn refused(refusal: Refusal) -> Response {
    let status = Status::from(refusal);
    let (http, name) = http_of(status.code());
    let found = status.get_error_details();
    let mut details: Vec<Value> = Vec::new();
    let reason = found.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    if let Some(info) = found.error_info() {
        details.push(detail("ErrorInfo", json!({"reason": info.reason, "domain": info.domain})));
    }
    if let Some(bad) = found.bad_request() {
        let violation = |v: &tonic_types::FieldViolation| json!({"field": v.field, "description": v.description});
        let violations: Vec<Value> = bad.field_violations.iter().map(violation).collect();
        details.push(detail("BadRequest", json!({"fieldViolations": violations})));
    }
    let retry = found.retry_info().and_then(|retry| retry.retry_delay);
    if let Some(delay) = retry {
        details.push(detail("RetryInfo", json!({"retryDelay": format!("{}s", delay.as_secs_f64())})));
    }
    let error = json!({"code": http.as_u16(), "status": name, "reason": reason, "message": status.message(), "details": details});
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (http, headers, json!({"error": error}).to_string()).into_response();
    if let Some(delay) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    if http == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn detail(name: &str, mut fields: Value) -> Value {
    fields["@type"] = Value::from(format!("type.googleapis.com/google.rpc.{name}"));
    fields
}

const fn http_of(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    }
}
