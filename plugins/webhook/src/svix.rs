//! Svix: batches of delivery attempts, single attempts, and operational events about endpoints.

use serde_json::Value;
use system_log_plugin::{Event, Json, Outcome, Verdict};

use crate::attempt::{Attempt, between};
use crate::status::Told;

/// An attempt's state when it was called off, is waiting or is under way.
const UNFINISHED: [(i64, &str); 3] = [(1, "pending"), (3, "sending"), (4, "canceled")];
/// An attempt's state when it failed.
const FAILED: i64 = 2;

/// Reads one of Svix' shapes; `None` when it is none.
pub(crate) fn read(json: &Json) -> Option<Outcome> {
    let kind = json.text("type");
    let kind = kind.strip_prefix("ingest.").unwrap_or(&kind);
    match kind {
        "message.attempt.log" => {
            let Some(items) = json.at("data").as_array() else {
                return Some(Outcome::One(Verdict::malformed("data: a list of attempts")));
            };
            Some(crate::page(items, attempt))
        }
        "message.attempt.failing" | "message.attempt.exhausted" | "message.attempt.recovered" => {
            Some(Outcome::One(attempt_event(kind, json)))
        }
        "endpoint.disabled" => Some(Outcome::One(endpoint_disabled(json))),
        "endpoint.created"
        | "endpoint.updated"
        | "endpoint.deleted"
        | "endpoint.enabled"
        | "background_task.finished" => Some(Outcome::One(Verdict::not_logged(format!("{kind} is no delivery")))),
        _ => None,
    }
}

/// Whether this is a single attempt: it has Svix' own spelling of ids and status.
pub(crate) fn is_attempt(json: &Json) -> bool {
    !json.first(&["responseStatusCode", "statusText", "attemptId"]).is_null()
        && !json.first(&["msgId", "endpointId"]).is_null()
}

/// One attempt of the log, or a `MessageAttemptOut`.
pub(crate) fn attempt(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("an attempt: a JSON object");
    }
    let state = json.first_integer(&["status"]);
    let word = json.text("statusText");
    if let Some((_, state)) = UNFINISHED.iter().find(|(code, name)| Some(*code) == state || *name == word) {
        return Verdict::not_logged(format!("an attempt that is {state} has no result yet"));
    }
    let told = json.first_integer(&["responseStatusCode"]);
    let status = match (told, state) {
        (Some(status), _) => status,
        (None, Some(FAILED)) => 0,
        (None, _) => return Verdict::missing("responseStatusCode"),
    };
    let Some(status) = i32::try_from(status).ok().filter(|status| (0..1_000).contains(status)) else {
        return Verdict::malformed("responseStatusCode: a number from 0 (no answer) to 999");
    };
    // The log of attempts names the endpoint by id only.
    let (url, endpoint) = (json.first_text(&["url", "endpointUrl"]), json.text("endpointId"));
    if url.is_empty() && endpoint.is_empty() {
        return Verdict::missing("url");
    }
    let latency_ms = json
        .first_integer(&["responseDurationMs"])
        .or_else(|| between(&json.text("attemptStart"), &json.text("attemptEnd")))
        .filter(|ms| *ms >= 0);
    let attempt = Attempt {
        id: json.first_text(&["attemptId", "id"]),
        url,
        endpoint,
        method: String::new(),
        told: Told::Status(status),
        // With status 0 this is the error's text; otherwise it is the customer's answer, which is never kept.
        error: if told == Some(0) { json.text("response") } else { String::new() },
        event: json.first_text(&["eventType", "msg.eventType"]),
        attempt: json.first_integer(&["attemptCount"]).and_then(|n| i32::try_from(n).ok()).unwrap_or_default(),
        latency_ms,
        occurred_at: json.first_time(&["timestamp", "attemptStart", "attemptEnd"]),
    };
    let mut event = attempt.event();
    keep(&mut event, json);
    Verdict::Emit(vec![event])
}

/// An operational event about a message that keeps failing, failed for good, or got through after all.
fn attempt_event(kind: &str, json: &Json) -> Verdict {
    let data = Json::over(json.at("data"));
    let Some(status) = data.first_integer(&["lastAttempt.responseStatusCode"]) else {
        return Verdict::missing("data.lastAttempt.responseStatusCode");
    };
    let Some(status) = i32::try_from(status).ok().filter(|status| (0..1_000).contains(status)) else {
        return Verdict::malformed("data.lastAttempt.responseStatusCode: a number from 0 (no answer) to 999");
    };
    let attempt = Attempt {
        id: data.text("lastAttempt.id"),
        url: data.first_text(&["lastAttempt.url", "endpointUrl"]),
        endpoint: data.first_text(&["endpointId", "sourceId"]),
        told: Told::Status(status),
        event: data.first_text(&["eventType", "msgEventType"]),
        occurred_at: data.first_time(&["lastAttempt.timestamp"]),
        ..Attempt::default()
    };
    let mut event = attempt.event();
    // The attempt itself may be reported too: the two are different events.
    event.dedupe_key = format!("{kind}:{}", event.dedupe_key);
    event.attribute("provider_event", kind);
    keep(&mut event, &data);
    Verdict::Emit(vec![event])
}

fn endpoint_disabled(json: &Json) -> Verdict {
    let data = Json::over(json.at("data"));
    let endpoint = data.text("endpointId");
    if endpoint.is_empty() {
        return Verdict::missing("data.endpointId");
    }
    let since = data.text("failSince");
    let reason = if since.is_empty() { String::new() } else { format!(" after failures since {since}") };
    let mut event = Event::new("system", "webhook_failed");
    event.message = format!("endpoint disabled{reason}");
    event.subject = "endpoint.disabled".into();
    event.occurred_at = data.first_time(&["timestamp"]);
    event.attribute("provider_event", "endpoint.disabled");
    event.attribute("trigger", data.text("trigger"));
    keep(&mut event, &data);
    Verdict::Emit(vec![event])
}

/// Svix' own ids, by our attribute names.
fn keep(event: &mut Event, json: &Json) {
    for (name, path) in [
        ("endpoint_id", "endpointId"),
        ("message_id", "msgId"),
        ("message_event_id", "msgEventId"),
        ("app_id", "appId"),
        ("app_uid", "appUid"),
    ] {
        let value = json.at(path);
        if let Value::String(text) = value {
            event.attribute(name, text.as_str());
        }
    }
}
