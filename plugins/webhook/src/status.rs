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
const SUCCEEDED: [&str; 9] =
    ["success", "successful", "succeeded", "delivered", "ok", "completed", "complete", "sent", "done"];
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
const ANSWERS: [&str; 7] = ["response", "httpresponse", "status", "result", "attempt", "lastattempt", "lastresponse"];
/// One may stand in another: `lastAttempt.response.status`.
const DEEPEST: usize = 2;
/// Under these anything may stand, so it must look like a status.
const CODES: [&str; 2] = ["code", "response"];
/// Longer than any of those names.
const MAX_NAME_BYTES: usize = 32;
/// Names of a word for how it went, and of a yes or no.
const WORDS: [&str; 7] = [
    "result",
    "outcome",
    "delivery_status",
    "deliveryStatus",
    "response.status",
    "lastAttempt.status",
    "last_attempt.status",
];
const FLAGS: [&str; 12] = [
    "success",
    "succeeded",
    "successful",
    "is_success",
    "isSuccess",
    "delivered",
    "ok",
    "status",
    "response.success",
    "response.ok",
    "lastAttempt.success",
    "last_attempt.success",
];

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

/// Whether the word says no more than that it worked, or did not.
pub(crate) fn says_no_more(state: &str) -> bool {
    is_one(&FAILED, state).or_else(|| is_one(&SUCCEEDED, state)).is_some()
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
        Value::String(word) if text::leading_number(word).is_none() && code(value).is_none() => Some(word.clone()),
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
        return FLAGS.iter().find_map(|path| flag(json.at(path))) == Some(true);
    }
    is_one(&SUCCEEDED, state).is_some()
}

/// A yes or no, also as text or as 1 and 0.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(written) => written.trim().to_ascii_lowercase().parse().ok(),
        Value::Number(number) => [false, true].into_iter().find(|flag| number.as_i64() == Some(i64::from(*flag))),
        _ => None,
    }
}

/// The HTTP status.
fn status(json: &Json) -> Result<Option<i32>, Verdict> {
    let value = match json.first(&STATUSES) {
        Value::Null => json.fields().and_then(|fields| other_name(fields, DEEPEST)).unwrap_or(&Value::Null),
        value => value,
    };
    match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        _ => {}
    }
    match code(value) {
        Some(status) => Ok(Some(status)),
        None => Err(Verdict::malformed("http_status: 0 (no answer) or a number from 100 to 999")),
    }
}

/// A status as a number or as text: `503`, `503 Service Unavailable`, `HTTP/1.1 503 Service Unavailable`.
fn code(value: &Value) -> Option<i32> {
    let code = match value {
        Value::String(written) => {
            let line = written.trim();
            let is_protocol = |word: &str| word.len() <= 8 && word.to_ascii_uppercase().starts_with("HTTP");
            let line = line.split_once(' ').filter(|(word, _)| is_protocol(word)).map_or(line, |(_, rest)| rest);
            let number = line.split_whitespace().next()?.trim_end_matches([':', ',', ';', '.']);
            number.parse().ok()?
        }
        _ => i32::try_from(integer(value)?).ok()?,
    };
    (code == 0 || (100..1_000).contains(&code)).then_some(code)
}

/// A number, or a text that begins with one, under any other spelling; then within what holds the answer.
fn other_name(fields: &Map<String, Value>, deeper: usize) -> Option<&Value> {
    let number = |value: &Value| match value {
        Value::Number(_) => true,
        Value::String(written) => text::leading_number(written).is_some() || code(value).is_some(),
        _ => false,
    };
    // "200 OK", but not "200 rows".
    let is_phrase = |written: &str| written.bytes().all(|b| !b.is_ascii_lowercase()) || is_capital_behind(written);
    let plain = |value: &Value| {
        code(value).is_some_and(|code| (100..600).contains(&code)) && value.as_str().is_none_or(is_phrase)
    };
    let named = fields.iter().filter(|(name, _)| name.len() <= MAX_NAME_BYTES);
    named
        .clone()
        .find(|(name, value)| number(value) && NAMES.contains(&folded(name).as_str()))
        .or_else(|| named.clone().find(|(name, value)| plain(value) && CODES.contains(&folded(name).as_str())))
        .map(|(_, value)| value)
        .or_else(|| {
            let answers = |(name, value): (&String, &'_ Value)| {
                deeper > 0 && value.is_object() && ANSWERS.contains(&folded(name).as_str())
            };
            let mut answers = named.filter(|pair| answers(*pair));
            answers.find_map(|(_, answer)| other_name(answer.as_object()?, deeper - 1))
        })
}

/// Whether the word behind the number begins with a capital letter.
fn is_capital_behind(written: &str) -> bool {
    written.split_whitespace().nth(1).is_some_and(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn folded(name: &str) -> String {
    name.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| char::from(b.to_ascii_lowercase())).collect()
}
