//! How a delivery went: its HTTP status, under whichever name a dispatcher has for it, or else the dispatcher's word.

use serde_json::{Map, Value};
use system_log_plugin::{Json, Verdict, integer, text};

/// States of a delivery that has not been attempted, or not finished.
const UNFINISHED: [&str; 10] = [
    "pending",
    "sending",
    "canceled",
    "cancelled",
    "scheduled",
    "queued",
    "waiting",
    "processing",
    "in_progress",
    "discarded",
];
/// States that say no more than that it worked.
const SUCCEEDED: [&str; 5] = ["success", "successful", "succeeded", "delivered", "ok"];
/// States that say no more than that it did not.
const FAILED: [&str; 5] = ["fail", "failed", "failure", "error", "retry"];

/// Where a status is looked for first.
const STATUSES: [&str; 10] = [
    "http_status",
    "status_code",
    "statusCode",
    "response.http_status",
    "response.status_code",
    "response_status_code",
    "responseStatusCode",
    "http_response_status",
    "http_code",
    "response.http_code",
];
/// Every other spelling of a name for it, without case, `_` and `-`.
const NAMES: [&str; 10] = [
    "status",
    "httpstatus",
    "statuscode",
    "httpstatuscode",
    "httpcode",
    "responsestatus",
    "responsestatuscode",
    "responsecode",
    "httpresponsestatus",
    "httpresponsecode",
];
/// What may hold the answer, spelled in the same way.
const ANSWERS: [&str; 6] = ["response", "httpresponse", "result", "attempt", "lastattempt", "lastresponse"];
/// Under these a number may be anything, so it must look like a status.
const CODES: [&str; 2] = ["code", "response"];
/// Longer than any of those names.
const MAX_NAME_BYTES: usize = 32;
/// Names of a word for how it went, and of a yes or no.
const WORDS: [&str; 5] = ["result", "outcome", "delivery_status", "deliveryStatus", "response.status"];
const FLAGS: [&str; 8] = ["success", "succeeded", "successful", "is_success", "isSuccess", "delivered", "ok", "status"];

/// How it went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// By an HTTP status; 0 is no answer.
    Status(i32),
    /// By a word or a flag alone: it worked.
    Success,
    /// By nothing at all, or by the word that it failed: no answer.
    #[default]
    Nothing,
}

/// The dispatcher's word for a delivery that has no result yet.
pub(crate) fn unfinished(state: &str) -> Option<&'static str> {
    is_one(&UNFINISHED, state)
}

/// Whether the word says no more than that it failed.
pub(crate) fn says_failed(state: &str) -> bool {
    is_one(&FAILED, state).is_some()
}

fn is_one(words: &[&'static str], state: &str) -> Option<&'static str> {
    words.iter().find(|word| state.eq_ignore_ascii_case(word)).copied()
}

/// How it went, by the dispatcher's word `state` where no status is told.
pub(crate) fn read(json: &Json, state: &str) -> Result<Told, Verdict> {
    Ok(match status(json)? {
        Some(status) => Told::Status(status),
        None if succeeded(json, state) => Told::Success,
        None => Told::Nothing,
    })
}

/// The dispatcher's word, where it has one. A number is a status, `true` and `false` say nothing new.
pub(crate) fn state(json: &Json) -> String {
    let named = json.first_text(&["status_text", "statusText", "state", "status.type"]);
    let word = |value: &Value| match value {
        Value::String(word) if text::leading_number(word).is_none() => Some(word.clone()),
        _ => None,
    };
    if !named.is_empty() {
        return named;
    }
    if let Some(word) = word(json.at("status")) {
        return word;
    }
    // These names may hold anything: only a word that is known counts.
    let known = |word: &String| [&UNFINISHED[..], &SUCCEEDED, &FAILED].iter().any(|all| is_one(all, word).is_some());
    WORDS.iter().filter_map(|path| word(json.at(path))).find(known).unwrap_or_default()
}

/// Without a status, the dispatcher's own word or flag is believed.
fn succeeded(json: &Json, state: &str) -> bool {
    if state.is_empty() {
        return FLAGS.iter().find_map(|path| json.at(path).as_bool()) == Some(true);
    }
    is_one(&SUCCEEDED, state).is_some()
}

/// The HTTP status, as a number or as `503 Service Unavailable`.
fn status(json: &Json) -> Result<Option<i32>, Verdict> {
    let value = match json.first(&STATUSES) {
        Value::Null => json.fields().and_then(|fields| other_name(fields, true)).unwrap_or(&Value::Null),
        value => value,
    };
    match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        _ => {}
    }
    match integer(value).and_then(|n| i32::try_from(n).ok()).filter(|n| (0..1_000).contains(n)) {
        Some(status) => Ok(Some(status)),
        None => Err(Verdict::malformed("http_status: a number from 0 (no answer) to 999")),
    }
}

/// A number, or a text that begins with one, under any other spelling; then within what holds the answer.
fn other_name(fields: &Map<String, Value>, outer: bool) -> Option<&Value> {
    let number = |value: &Value| match value {
        Value::Number(_) => true,
        Value::String(written) => text::leading_number(written).is_some(),
        _ => false,
    };
    let plain = |value: &Value| value.as_i64().is_some_and(|code| (100..600).contains(&code));
    let mut named = fields.iter().filter(|(name, _)| name.len() <= MAX_NAME_BYTES);
    named
        .clone()
        .find(|(name, value)| number(value) && NAMES.contains(&folded(name).as_str()))
        .or_else(|| named.clone().find(|(name, value)| plain(value) && CODES.contains(&folded(name).as_str())))
        .map(|(_, value)| value)
        .or_else(|| {
            let answers = |(name, value): (&String, &'_ Value)| {
                outer && value.is_object() && ANSWERS.contains(&folded(name).as_str())
            };
            named.find(|pair| answers(*pair)).and_then(|(_, answer)| other_name(answer.as_object()?, false))
        })
}

fn folded(name: &str) -> String {
    name.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| char::from(b.to_ascii_lowercase())).collect()
}
