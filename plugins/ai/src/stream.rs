//! Streams: many parts of one answer, as a list, as server-sent events, or one of the parts alone.
//!
//! Usage stands in the last part that has any and is cumulative: it is taken, never added up.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::doc::Doc;

/// What one part of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It holds the answer's usage, under `response`.
    Response,
    /// Anthropic's `message_delta`, Bedrock's last event: it holds the usage itself.
    Delta,
    /// Nothing to count yet.
    Unfinished,
}

/// Whether an object is a part of a stream that says so itself.
pub(crate) fn part(doc: &Doc) -> Option<Part> {
    if doc.has("amazon-bedrock-invocationMetrics") {
        // Bedrock adds the counts to whatever event is the last.
        return Some(Part::Delta);
    }
    let kind = doc.json().text("type");
    match kind.as_str() {
        "response.completed" | "response.failed" | "response.incomplete" | "response.cancelled" | "response.done" => {
            Some(Part::Response)
        }
        "message_delta" => Some(Part::Delta),
        "message_start"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "ping" => Some(Part::Unfinished),
        kind if kind.starts_with("response.") => Some(Part::Unfinished),
        _ => None,
    }
}

/// Whether the items of a list are parts of one answer and not answers of their own.
pub(crate) fn is_one(items: &[Value]) -> bool {
    let Some(first) = items.first() else { return false };
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let same = |name: &str| {
        let id = text(first, name);
        id.is_some() && items.iter().all(|item| text(item, name) == id || item.get(name).is_none())
    };
    let chunk = text(first, "object").as_deref() == Some("chat.completion.chunk");
    let event = text(first, "type").is_some_and(|kind| kind == "message_start" || kind.starts_with("response."));
    let gemini = items.len() > 1 && first.get("candidates").is_some() && same("responseId");
    (chunk && same("id")) || event || gemini
}

/// The parts of server-sent events; none when the text is something else.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

/// One answer made of its parts.
pub(crate) fn merged(items: &[Value]) -> Doc<'_> {
    match merge(items) {
        Cow::Borrowed(part) => Doc::over(part),
        Cow::Owned(made) => Doc::of(made),
    }
}

/// Mostly one of the parts has all there is.
fn merge(items: &[Value]) -> Cow<'_, Value> {
    let of_type = |kind: &str| items.iter().find(|item| item.get("type").and_then(Value::as_str) == Some(kind));
    if let Some(error) = of_type("error") {
        return Cow::Borrowed(error);
    }
    if let Some(start) = of_type("message_start") {
        return Cow::Owned(anthropic(start, items));
    }
    let last = |name: &str| items.iter().rev().find(|item| item.get(name).is_some_and(|value| !value.is_null()));
    let whole = last("response").and_then(|item| item.get("response"));
    let counted =
        last("usage").or_else(|| last("usageMetadata")).or_else(|| last("x_groq")).or_else(|| last("metadata"));
    whole.or(counted).or(items.first()).map(Cow::Borrowed).unwrap_or_default()
}

/// The message that was begun, with the last usage told of it: a delta repeats some of the counts and adds none.
fn anthropic(start: &Value, items: &[Value]) -> Value {
    let mut message = start.get("message").cloned().unwrap_or_default();
    let mut usage: Map<String, Value> = message.get("usage").and_then(Value::as_object).cloned().unwrap_or_default();
    for delta in items.iter().filter_map(|item| item.get("usage")?.as_object()) {
        usage.extend(delta.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())));
    }
    if let Some(fields) = message.as_object_mut() {
        fields.insert("usage".into(), Value::Object(usage));
    }
    message
}
