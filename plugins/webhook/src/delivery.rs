//! Our own delivery record, and records of other dispatchers that say the same under other names.

use serde_json::Value;
use system_log_plugin::{Actor, Event, Json, OrgHint, SourceTime, Verdict, Webhook, integer, text, time};

/// Longer error texts are somebody's response body.
const MAX_ERROR_BYTES: usize = 2_048;

/// What is known of one attempt, whoever reports it.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) method: String,
    /// 0 when there was no answer.
    pub(crate) status: i32,
    pub(crate) error: String,
    pub(crate) event: String,
    pub(crate) attempt: i32,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) occurred_at: Option<SourceTime>,
}

/// States of a delivery that has not been attempted, or not finished.
const UNFINISHED: [&str; 5] = ["pending", "sending", "canceled", "cancelled", "scheduled"];

/// Reads a delivery record.
pub(crate) fn read(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("payload: a JSON object");
    }
    let state = json.first_text(&["status_text", "statusText", "state"]).to_ascii_lowercase();
    if UNFINISHED.contains(&state.as_str()) {
        return Verdict::not_logged(format!("a delivery that is {state} has no result yet"));
    }
    let url = json.first_text(&["url", "endpoint.url", "endpoint_url", "http_url"]);
    if url.is_empty() {
        return Verdict::missing("url");
    }
    let status = match status(json) {
        Ok(status) => status,
        Err(reject) => return reject,
    };
    let attempt = Attempt {
        id: json.first_text(&["id", "attempt_id", "attemptId", "delivery_id", "guid", "uid"]),
        url,
        method: json.first_text(&["method", "http_method", "request.method"]),
        status,
        error: json.first_text(&["error", "error_message", "response_error_name"]),
        event: json.first_text(&["event", "webhook_event_type", "event_type", "eventType", "type"]),
        attempt: json
            .first_integer(&["attempt", "attempt_no", "attempt_number", "attemptCount", "num_trials"])
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or_default(),
        latency_ms: latency(json),
        occurred_at: json.first_time(&["occurred_at", "started_at", "delivered_at", "timestamp", "created_at"]),
    };
    let mut event = attempt.event();
    event.actor = actor(json);
    let org = json.first_text(&["org_id", "organization_id", "organisation_id"]);
    if !org.is_empty() {
        event.org_hints.push(OrgHint::Org(org));
    }
    for (name, paths) in [
        ("message_id", ["message_id", "msg_id", "webhook_id"].as_slice()),
        ("endpoint_id", &["endpoint_id", "endpoint.id"]),
        ("max_attempts", &["max_attempts", "retry_limit"]),
        ("next_attempt_at", &["next_attempt_at", "next_send_time"]),
        ("final", &["final"]),
        ("redelivery", &["redelivery"]),
    ] {
        let value = json.first(paths);
        if !value.is_array() && !value.is_object() {
            event.attribute(name, value.clone());
        }
    }
    Verdict::Emit(vec![event])
}

/// The HTTP status under one of its names, as a number or as `503 Service Unavailable`; absent is no answer.
fn status(json: &Json) -> Result<i32, Verdict> {
    let paths = ["http_status", "status_code", "response_status_code", "responseStatusCode", "http_response_status"];
    let value = json.first(&paths);
    let value = if value.is_null() { json.at("status") } else { value };
    match value {
        Value::Null => return Ok(0),
        Value::String(text) if text.is_empty() => return Ok(0),
        _ => {}
    }
    match integer(value).and_then(|n| i32::try_from(n).ok()).filter(|n| (0..1_000).contains(n)) {
        Some(status) => Ok(status),
        None => Err(Verdict::malformed("http_status: a number from 0 (no answer) to 999")),
    }
}

/// Milliseconds; what is called duration without a unit and has a fraction is seconds (GitHub).
fn latency(json: &Json) -> Option<i64> {
    let millis = json.first_integer(&["duration_ms", "latency_ms", "elapsed_time_ms", "responseDurationMs"]);
    let seconds = json.first(&["duration", "latency_seconds"]).as_f64();
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the filter below")]
    let from_seconds = seconds.filter(|s| s.abs() < 1e9).map(|s| (s * 1_000.0).round() as i64);
    millis.or(from_seconds).filter(|ms| *ms >= 0)
}

fn actor(json: &Json) -> Option<Actor> {
    let id = json.first_text(&["actor.id", "actor_id", "user_id"]);
    let display_name = json.first_text(&["actor.name", "actor.display_name"]);
    let email = json.text("actor.email");
    let kind = json.text("actor.kind").to_ascii_lowercase();
    let known = ["user", "bot", "service", "anonymous"].contains(&kind.as_str());
    let kind = if known { kind } else { String::new() };
    (!id.is_empty() || !display_name.is_empty() || !email.is_empty()).then_some(Actor { id, display_name, email, kind })
}

impl Attempt {
    /// The row: 2xx is sent, everything else failed.
    pub(crate) fn event(self) -> Event {
        let sent = (200..300).contains(&self.status);
        let kind = if sent { "webhook_sent" } else { "webhook_failed" };
        let method = if self.method.is_empty() { "POST".to_owned() } else { self.method.to_ascii_uppercase() };
        let error = text::cut(self.error.trim(), MAX_ERROR_BYTES);
        let result = if self.status == 0 { "no answer".to_owned() } else { self.status.to_string() };
        let colon = if error.is_empty() { "" } else { ": " };
        let mut event = Event::new("system", kind);
        event.message = format!("{method} {} -> {result}{colon}{error}", without_secrets(&self.url));
        event.recipient = host(&self.url).to_owned();
        event.subject = self.event;
        event.occurred_at = self.occurred_at;
        if !self.id.is_empty() {
            event.dedupe_key = self.id;
        }
        event.webhook = Some(Webhook {
            url: self.url,
            method,
            http_status: self.status,
            attempt: self.attempt.max(0),
            latency_ms: self.latency_ms,
        });
        event
    }
}

/// The URL for the message: no query, no fragment, no userinfo.
fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let path = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{authority}{path}")
}

/// The URL's host, without port and userinfo.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(end) = host.strip_prefix('[').and_then(|_| host.find(']')) {
        return &host[..=end];
    }
    host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host)
}

/// Milliseconds between two RFC 3339 texts.
pub(crate) fn between(start: &str, end: &str) -> Option<i64> {
    let (start, end) = (time::parse(start)?, time::parse(end)?);
    (end >= start).then_some((end - start) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_shows_no_query_and_no_userinfo() {
        assert_eq!(without_secrets("https://u:p@h.example:8443/a/b?token=x#f"), "https://h.example:8443/a/b");
        assert_eq!(without_secrets("https://h.example?x=1"), "https://h.example");
        assert_eq!(without_secrets("not a url"), "not a url");
    }

    #[test]
    fn hosts() {
        assert_eq!(host("https://u:p@h.example:8443/a"), "h.example");
        assert_eq!(host("http://[2001:db8::1]:80/"), "[2001:db8::1]");
        assert_eq!(host("https://bücher.example"), "bücher.example");
    }
}
