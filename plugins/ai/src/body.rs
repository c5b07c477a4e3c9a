//! A provider's answer: whose it is, what was asked for, what was counted, and whether it is an error.

use serde_json::Value;
use system_log_plugin::{Json, SourceTime, Verdict};

use crate::counts::{Counts, Spelling, read as counts};
use crate::doc::Doc;
use crate::mcp::{self, Message};
use crate::openai;
use crate::request::{Attributes, Kind, first};

/// What an answer says.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// `None` when it is no answer that anybody knows.
    pub(crate) kind: Option<Kind>,
    pub(crate) id: String,
    /// As the answer calls itself.
    pub(crate) operation: String,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) occurred_at: Option<SourceTime>,
    pub(crate) counts: Counts,
    pub(crate) told_cost: Option<i64>,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) failed: bool,
    pub(crate) error: String,
    pub(crate) attributes: Attributes,
    /// Why there is nothing to log yet.
    pub(crate) unfinished: Option<String>,
}

/// Reads an answer.
pub(crate) fn read(doc: &Doc) -> Result<Body, Verdict> {
    let json = doc.json();
    let mut body = Body::default();
    if json.fields().is_none() {
        return Ok(body);
    }
    if let Some(message) = mcp::read(json) {
        tool(&mut body, json, message);
        return Ok(body);
    }
    let usage = counts(doc)?;
    body.counts = usage.map(|(_, counts)| counts).unwrap_or_default();
    body.kind = kind(json, usage.as_ref());
    body.model = json.first_text(&["model", "modelVersion", "model_version", "message.model", "modelId"]);
    body.id = json.first_text(&[
        "id",
        "responseId",
        "response_id",
        "generation_id",
        "message.id",
        "request_id",
        "ResponseMetadata.RequestId",
    ]);
    body.provider = provider(json, usage.map(|(spelling, _)| spelling));
    body.occurred_at = json.first_time(&["created", "created_at", "createTime", "create_time"]);
    body.told_cost = told_cost(doc)?;
    body.operation = json.text("object");
    body.latency_ms = doc.millis(
        &["metrics.latencyMs", "metadata.metrics.latencyMs", "amazon-bedrock-invocationMetrics.invocationLatency"],
        0,
    );
    errors(&mut body, json);
    keep(&mut body, json);
    body.unfinished = unfinished(json, &body);
    Ok(body)
}

fn tool(body: &mut Body, json: &Json, message: Message) {
    body.kind = Some(Kind::ToolCall);
    body.operation = "tools/call".into();
    body.attributes.keep(json, &[("jsonrpc_id", &["id"])]);
    match message {
        Message::Done => {}
        Message::Nothing(why) => body.unfinished = Some(why),
        Message::Failed { error, kind, code } => {
            body.failed = true;
            body.error = error;
            body.attributes.set("error_type", kind);
            body.attributes.set("error_code", code);
        }
    }
}

/// By what the answer calls itself, then by what is in it, then by what was counted.
fn kind(json: &Json, usage: Option<&(Spelling, Counts)>) -> Option<Kind> {
    match json.text("object").as_str() {
        "chat.completion"
        | "chat.completion.chunk"
        | "text_completion"
        | "response"
        | "realtime.response"
        | "thread.run"
        | "thread.run.step" => return Some(Kind::Chat),
        "embedding" => return Some(Kind::Embedding),
        _ => {}
    }
    let has = |names: &[&str]| names.iter().any(|name| !json.at(name).is_null());
    if is_embedding(json) {
        return Some(Kind::Embedding);
    }
    if has(&["candidates", "choices", "generations", "output.message", "stop_reason", "finish_reason"])
        || matches!(json.text("type").as_str(), "message" | "message_delta" | "message-end" | "completion")
    {
        return Some(Kind::Chat);
    }
    if let Some((spelling, counts)) = usage {
        // Pictures, transcripts, rankings.
        if has(&["data", "results", "images"]) || json.at("text").is_string() {
            return Some(Kind::Other);
        }
        let model = json.first_text(&["model", "modelVersion"]).to_ascii_lowercase();
        // Gemini counts no candidates where it gave none: a blocked prompt was a chat all the same.
        let embeds = model.contains("embed") || (*spelling != Spelling::Gemini && counts.completion.is_none());
        return Some(if embeds { Kind::Embedding } else { Kind::Chat });
    }
    let error = error_of(json).is_some();
    error.then_some(Kind::Other)
}

fn is_embedding(json: &Json) -> bool {
    let first = json.at("data").get(0);
    let listed = first.is_some_and(|item| item.get("embedding").is_some());
    listed || ["embedding", "embeddings"].iter().any(|name| !json.at(name).is_null())
}

fn provider(json: &Json, spelling: Option<Spelling>) -> String {
    match spelling {
        // Llama's own names, which are nearly Gemini's.
        Some(_) if !json.at("generation_token_count").is_null() => "bedrock".into(),
        Some(Spelling::Anthropic) => "anthropic".into(),
        Some(Spelling::Gemini) => "google".into(),
        Some(Spelling::Bedrock) => "bedrock".into(),
        Some(Spelling::Cohere) => "cohere".into(),
        _ if json.text("model").starts_with("claude-") => "anthropic".into(),
        _ if json.text("type") == "error" && json.at("error.type").is_string() => "anthropic".into(),
        _ if json.at("__type").is_string() => "bedrock".into(),
        _ => openai::provider(json),
    }
}

/// Perplexity tells the parts of a cost and their sum. OpenRouter tells what it charges; for a key of the customer's own that is its fee, and the provider charges the rest.
fn told_cost(doc: &Doc) -> Result<Option<i64>, Verdict> {
    let path = if doc.json().at("usage.cost").is_object() { "usage.cost.total_cost" } else { "usage.cost" };
    let told = doc.cost(&[path])?;
    let upstream = match doc.json().at("usage.is_byok") {
        Value::Bool(true) => doc.cost(&["usage.cost_details.upstream_inference_cost"])?,
        _ => None,
    };
    Ok(told.map(|told| told.saturating_add(upstream.unwrap_or(0))))
}

/// The error an answer is, as (text, type, code).
pub(crate) fn error_of(json: &Json) -> Option<(String, String, String)> {
    let error = json.at("error");
    let texts = |paths: [&[&str]; 3]| {
        let [text, kind, code] = paths.map(|paths| json.first_text(paths));
        Some((first([text, kind.clone(), code.clone()]), kind, code))
    };
    if error.as_object().is_some_and(|fields| !fields.is_empty()) {
        return texts([
            &["error.message", "error.error.message", "error.error"],
            &["error.type", "error.status"],
            &["error.code"],
        ]);
    }
    if error.is_string() && !json.text("error").is_empty() {
        return texts([&["error", "message"], &["error_type"], &["error_code", "code"]]);
    }
    let named = json.text("object") == "error" || json.at("__type").is_string() || json.text("type") == "error";
    // Some say nothing but a message.
    let alone = json
        .fields()
        .is_some_and(|fields| fields.keys().all(|name| ["message", "id", "detail"].contains(&name.as_str())));
    let text = ["message", "Message", "detail"].iter().any(|name| json.at(name).is_string());
    if named || (alone && text) {
        return texts([&["message", "Message", "detail"], &["__type", "type"], &["code"]]);
    }
    None
}

fn errors(body: &mut Body, json: &Json) {
    if let Some((error, kind, code)) = error_of(json) {
        body.failed = true;
        body.error = error;
        body.attributes.set("error_type", kind);
        body.attributes.set("error_code", code);
    } else if matches!(json.text("status").as_str(), "failed" | "cancelled" | "canceled" | "expired")
        && !json.text("object").is_empty()
    {
        body.failed = true;
        body.error = first([json.text("last_error.message"), json.text("status")]);
    }
}

fn keep(body: &mut Body, json: &Json) {
    let names: [(&str, &[&str]); 4] = [
        ("service_tier", &["service_tier", "usage.service_tier", "usageMetadata.serviceTier"]),
        (
            "finish_reason",
            &[
                "finish_reason",
                "stop_reason",
                "stopReason",
                "delta.stop_reason",
                "delta.finish_reason",
                "incomplete_details.reason",
            ],
        ),
        ("block_reason", &["promptFeedback.blockReason"]),
        ("system_fingerprint", &["system_fingerprint"]),
    ];
    body.attributes.keep(json, &names);
    for (list, name) in [("choices", "finish_reason"), ("candidates", "finishReason")] {
        if let Some(reason) = json.at(list).get(0).and_then(|first| first.get(name)) {
            body.attributes.set("finish_reason", reason.clone());
        }
    }
    let iterations = json.at("usage.iterations").as_array();
    if iterations.is_some_and(|parts| parts.iter().any(|part| part.get("model").is_some_and(Value::is_string))) {
        body.attributes.set("multi_model", true);
    }
    let unbilled = ["usage.tokens.input_tokens", "meta.tokens.input_tokens"];
    body.attributes.keep(json, &[("model_input_tokens", &unbilled)]);
}

fn unfinished(json: &Json, body: &Body) -> Option<String> {
    if body.counts.told() || body.failed {
        return None;
    }
    match (json.text("object").as_str(), json.text("status").as_str()) {
        ("chat.completion.chunk", _) => Some("a part of a stream without usage".into()),
        (object, status @ ("queued" | "in_progress" | "requires_action")) if !object.is_empty() => {
            Some(format!("a {object} that is {status} has no result yet"))
        }
        _ => None,
    }
}
