//! Streams: many parts of one answer, as a list, as server-sent events, or one of the parts alone.
//!
//! Usage stands in the last part that has any and is cumulative: it is taken, never added up.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::doc::Doc;

/// What one part of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It holds the answer's usage, under `response`.
    Response,
    /// Anthropic's `message_delta`, Cohere's `message-end`, Bedrock's last event: it holds the usage itself.
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
    let kind = doc.json().first_str(&["type"]);
    match kind.as_ref() {
        "response.completed" | "response.failed" | "response.incomplete" | "response.cancelled" | "response.done" => {
            Some(Part::Response)
        }
        "message_delta" | "message-end" => Some(Part::Delta),
        "message_start"
        | "message_stop"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "ping"
        | "message-start"
        | "content-start"
        | "content-delta"
        | "content-end"
        | "tool-plan-delta"
        | "tool-call-start"
        | "tool-call-delta"
        | "tool-call-end"
        | "citation-start"
        | "citation-end" => Some(Part::Unfinished),
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
    let begins = |kind: &str| matches!(kind, "message_start" | "message-start") || kind.starts_with("response.");
    let event = begins(type_of(first));
    let is_gemini = |item: &Value| item.get("candidates").is_some() || item.get("usageMetadata").is_some();
    let breaks = || items.last().is_some_and(|last| !is_gemini(last) && last.get("error").is_some());
    let gemini = items.len() > 1 && is_gemini(first) && (same("responseId") || breaks());
    (chunk && same("id")) || event || gemini
}

/// The parts of server-sent events, or of JSON lines; none when the text is something else.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let data =
        text.lines().filter_map(|line| line.strip_prefix("data:").or(Some(line).filter(|line| line.starts_with('{'))));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

/// One answer made of its parts.
pub(crate) fn merged(items: &[Value]) -> Doc<'_> {
    match merge(items) {
        Cow::Borrowed(part) => Doc::over(part),
        Cow::Owned(made) => Doc::of(made),
    }
}

/// Mostly one of the parts has all there is. A stream that broke has its error beside what was told before.
fn merge(items: &[Value]) -> Cow<'_, Value> {
    let mut whole = whole(items);
    if let Some(error) = error(items)
        && let Some(fields) = whole.to_mut().as_object_mut()
        && fields.get("error").is_none_or(Value::is_null)
    {
        fields.insert("error".into(), error);
    }
    whole
}

fn type_of(item: &Value) -> &str {
    item.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// What one of the parts says went wrong: as an `error`, as an event of that type, or as Bedrock's exceptions.
fn error(items: &[Value]) -> Option<Value> {
    let says_something = |error: &&Value| match error {
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    items.iter().find_map(|item| {
        if let Some(error) = item.get("error").filter(says_something) {
            return Some(error.clone());
        }
        if type_of(item) == "error" {
            return Some(item.clone());
        }
        let (name, exception) =
            item.as_object()?.iter().find(|(name, value)| name.ends_with("Exception") && value.is_object())?;
        Some(json!({ "type": name, "message": exception.get("message") }))
    })
}

fn whole(items: &[Value]) -> Cow<'_, Value> {
    let of_type = |kind: &str| items.iter().find(|item| type_of(item) == kind);
    if let Some(start) = of_type("message_start") {
        return Cow::Owned(anthropic(start, items));
    }
    if let Some(end) = of_type("message-end") {
        return Cow::Owned(cohere(of_type("message-start"), end));
    }
    let last = |name: &str| items.iter().rev().find(|item| item.get(name).is_some_and(|value| !value.is_null()));
    let whole = last("response").and_then(|item| item.get("response")).filter(|whole| whole.is_object());
    let counted =
        last("usage").or_else(|| last("usageMetadata")).or_else(|| last("x_groq")).or_else(|| last("metadata"));
    whole.or(counted).or(items.first()).map(Cow::Borrowed).unwrap_or_default()
}

/// What the end says, under the id that the start gave it.
fn cohere(start: Option<&Value>, end: &Value) -> Value {
    let mut answer = end.clone();
    if let (Some(fields), Some(id)) = (answer.as_object_mut(), start.and_then(|start| start.get("id"))) {
        fields.insert("id".into(), id.clone());
    }
    answer
}

/// The message that was begun, with the last usage told of it: a delta repeats some of the counts and adds none.
fn anthropic(start: &Value, items: &[Value]) -> Value {
    let mut message = start.get("message").cloned().unwrap_or_default();
    if let Some(fields) = message.as_object_mut() {
        let usage = fields.entry("usage").or_insert_with(|| Value::Object(Map::new()));
        if !usage.is_object() {
            *usage = Value::Object(Map::new());
        }
        for delta in items.iter().filter_map(|item| item.get("usage")?.as_object()) {
            for (name, value) in delta.iter().filter(|(_, value)| !value.is_null()) {
                usage[name.as_str()] = value.clone();
            }
        }
    }
    message
}
