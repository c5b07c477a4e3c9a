//! Our own delivery record, and records of other dispatchers that say the same under other names.

use serde_json::{Map, Value};
use system_log_plugin::{Actor, Event, Json, OrgHint, Verdict, scalar, text};

use crate::attempt::Attempt;
use crate::status::{self, Told};

/// Longer than any id or word of a dispatcher.
const MAX_ATTRIBUTE_BYTES: usize = 1_024;

const URLS: [&str; 5] = ["url", "endpoint.url", "endpoint_url", "endpointUrl", "http_url"];
const EVENTS: [&str; 7] =
    ["event", "webhook_event_type", "event_type", "eventType", "event.event_type_name", "type", "topic"];
const TIMES: [&str; 7] =
    ["occurred_at", "started_at", "delivered_at", "timestamp", "created_at", "attempted_at", "webhook-timestamp"];
const IDS: [&str; 6] = ["id", "attempt_id", "attemptId", "request_attempt_id", "delivery_id", "uid"];
/// The message's id, which stays the same from attempt to attempt.
const MESSAGE_IDS: [&str; 5] = ["message_id", "msg_id", "webhook_id", "webhook-id", "event_id"];

/// Reads a delivery record, bare or as the `data` of a Standard Webhooks message.
pub(crate) fn read(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("payload: a JSON object");
    }
    if !json.first_text(&URLS).is_empty() {
        return record(json);
    }
    let (name, data) = (json.text("type"), json.at("data"));
    let inner = Json::over(data);
    match inner.fields() {
        Some(fields) if !inner.first_text(&URLS).is_empty() => record(&open(json, &inner, fields)),
        // Well formed, but no delivery.
        Some(_) if !name.is_empty() => Verdict::Unknown(name),
        _ => record(json),
    }
}

/// `{type, timestamp, data: {…the record…}}`: what the record does not say itself, the envelope does.
fn open(envelope: &Json, inner: &Json, fields: &Map<String, Value>) -> Json<'static> {
    let mut data = fields.clone();
    for (name, paths) in [("event", EVENTS.as_slice()), ("occurred_at", &TIMES), ("id", &IDS), ("org_id", &["org_id"])]
    {
        if inner.first(paths).is_null() {
            data.insert(name.to_owned(), envelope.first(paths).clone());
        }
    }
    Json::of(Value::Object(data))
}

fn record(json: &Json) -> Verdict {
    let state = status::state(json);
    if let Some(word) = status::unfinished(&state) {
        return Verdict::not_logged(format!("a delivery that is {word} has no result yet"));
    }
    let told = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    let url = match URLS.iter().map(|path| json.at(path)).find(told) {
        // An entry of GitHub's list of deliveries does not name the endpoint: whoever asked for it knows.
        None if is_github(json) => String::new(),
        None => return Verdict::missing("url"),
        Some(Value::String(url)) => url.clone(),
        Some(_) => return Verdict::malformed("url: must be text"),
    };
    let told = match status::read(json, &state) {
        Ok(told) => told,
        Err(reject) => return reject,
    };
    let error = error(json, told, &state);
    if told == Told::Success && !error.is_empty() {
        // It worked and there is an error: the sender must say which.
        return Verdict::missing("http_status");
    }
    let attempt = Attempt {
        id: String::new(),
        url,
        endpoint: String::new(),
        method: json.first_text(&["method", "http_method", "request.method"]),
        told,
        error,
        event: json.first_text(&EVENTS),
        attempt: number(json),
        latency_ms: latency(json),
        occurred_at: json.first_time(&TIMES),
    };
    let id = key(json, attempt.attempt);
    let mut event = Attempt { id, ..attempt }.event();
    event.actor = actor(json);
    let org = json.first_text(&["org_id", "organization_id", "organisation_id"]);
    if !org.is_empty() {
        event.org_hints.push(OrgHint::Org(org));
    }
    keep(&mut event, json);
    Verdict::Emit(vec![event])
}

fn is_github(json: &Json) -> bool {
    ["guid", "delivered_at", "status"].iter().all(|name| json.at(name).is_string())
}

fn keep(event: &mut Event, json: &Json) {
    for (name, paths) in [
        ("message_id", MESSAGE_IDS.as_slice()),
        ("endpoint_id", &["endpoint_id", "endpointId", "endpoint.id"]),
        ("delivery_id", &["guid"]),
        ("action", &["action"]),
        ("max_attempts", &["max_attempts", "retry_limit"]),
        ("next_attempt_at", &["next_attempt_at", "next_send_time", "delay_until"]),
        ("final", &["final"]),
        ("redelivery", &["redelivery"]),
    ] {
        match json.first(paths) {
            Value::String(written) => event.attribute(name, text::cut(written, MAX_ATTRIBUTE_BYTES)),
            Value::Array(_) | Value::Object(_) => {}
            plain => event.attribute(name, plain.clone()),
        }
    }
}

/// Why it failed. Without an answer the dispatcher's own word may be all there is: GitHub's "failed to connect".
fn error(json: &Json, told: Told, state: &str) -> String {
    // `false` is how some write that there is none.
    let own = if json.at("error").is_boolean() { "error.message" } else { "error" };
    let error = json.first_text(&[
        own,
        "error.message",
        "error_message",
        "response_error_name",
        "response.response_error_name",
        "error.code",
        "lastAttempt.error",
        "last_attempt.error",
        "response.error",
    ]);
    let unanswered = matches!(told, Told::Nothing | Told::Status(0));
    if error.is_empty() && unanswered && !status::says_no_more(state) { state.to_owned() } else { error }
}

/// Which attempt it was; a count of retries is one less.
fn number(json: &Json) -> i32 {
    let attempt = json.first_integer(&["attempt", "attempt_no", "attempt_number", "attemptCount", "num_trials"]);
    let attempt = attempt.or_else(|| json.first_integer(&["retry_count"]).map(|retries| retries.saturating_add(1)));
    attempt.and_then(|n| i32::try_from(n).ok()).unwrap_or_default()
}

/// The attempt's own id. A message's id is the same for every attempt, so it needs the attempt's number beside it; GitHub's
/// guid is the same for every redelivery, so it needs the time.
fn key(json: &Json, attempt: i32) -> String {
    let id = json.first_text(&IDS);
    let message = if id.is_empty() { json.first_text(&MESSAGE_IDS) } else { id.clone() };
    let guid = json.text("guid");
    match attempt {
        1.. if id.starts_with("msg_") || (id.is_empty() && !message.is_empty()) => format!("{message}:{attempt}"),
        _ if id.is_empty() && !guid.is_empty() => format!("{guid}:{}", scalar(json.first(&TIMES))),
        _ => id,
    }
}

/// Milliseconds. What is called duration without a unit is seconds at GitHub, and wherever it has a fraction.
fn latency(json: &Json) -> Option<i64> {
    let number = |paths: &[&str]| match json.first(paths) {
        Value::Number(number) => number.as_f64(),
        Value::String(written) => text::leading_number(written)?.parse::<f64>().ok(),
        _ => None,
    };
    let github = !json.first(&["delivered_at", "guid"]).is_null();
    let whole = !github && json.at("duration").is_i64();
    let millis =
        number(&["duration_ms", "latency_ms", "elapsed_time_ms", "responseDurationMs", "response.elapsed_time_ms"])
            .or_else(|| number(&["duration"]).filter(|_| whole))
            .or_else(|| Some(number(&["duration", "latency_seconds"])? * 1_000.0))?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded: 2^53")]
    (0.0..9e15).contains(&millis).then_some(millis.round() as i64)
}

fn actor(json: &Json) -> Option<Actor> {
    let kind = json.text("actor.kind").to_ascii_lowercase();
    let known = ["user", "bot", "service", "anonymous"].contains(&kind.as_str());
    let actor = Actor {
        id: json.first_text(&["actor.id", "actor_id", "user_id", "actor"]),
        display_name: json.first_text(&["actor.name", "actor.display_name"]),
        email: json.text("actor.email"),
        kind: if known { kind } else { String::new() },
    };
    (actor != Actor::default()).then_some(actor)
}
