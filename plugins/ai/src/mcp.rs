//! MCP: results of `tools/call`. A call fails in two ways: with a JSON-RPC error, or with a result that says `isError`.
//! What a tool answered is never kept; what it says of its failure is the error.

use serde_json::Value;
use system_log_plugin::{Json, scalar};

/// The codes JSON-RPC and MCP have for errors.
const CODES: std::ops::RangeInclusive<i64> = -32_768..=-32_000;

/// What a message says about a tool's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// It worked.
    Done,
    /// It failed: text, type, and the JSON-RPC code if it has one.
    Failed { error: String, kind: &'static str, code: Option<i64> },
    /// It tells nothing about a finished call; why.
    Nothing(String),
}

/// Reads a JSON-RPC message, a bare result or a bare error; `None` when it is none of these.
pub(crate) fn read(json: &Json) -> Option<Message> {
    if json.at("jsonrpc").is_null() {
        return bare(json.value());
    }
    let method = json.text("method");
    if json.at("error").is_object() {
        return Some(failed(json.at("error")));
    }
    if json.at("result").is_null() {
        return Some(Message::Nothing(match method.as_str() {
            "" => "a JSON-RPC message without result or error".into(),
            "tools/call" => "a tools/call request has no result yet".into(),
            other => format!("{other} is not a tool's call"),
        }));
    }
    if !method.is_empty() && method != "tools/call" {
        return Some(Message::Nothing(format!("{method} is not a tool's call")));
    }
    Some(
        result(json.at("result"))
            .unwrap_or_else(|| Message::Nothing("the result of something else than tools/call".into())),
    )
}

/// A result or an error without its envelope.
fn bare(value: &Value) -> Option<Message> {
    let code = value.get("code").and_then(Value::as_i64);
    if code.is_some_and(|code| CODES.contains(&code)) && value.get("message").is_some_and(Value::is_string) {
        return Some(failed(value));
    }
    let says_so = ["isError", "structuredContent", "resultType"].iter().any(|name| value.get(name).is_some());
    let model = ["role", "usage", "model"].iter().any(|name| value.get(name).is_some());
    let blocks = value.get("content").and_then(Value::as_array);
    let typed = blocks.is_some_and(|blocks| blocks.iter().all(|block| block.get("type").is_some()));
    if !model && (says_so || typed) { result(value) } else { None }
}

fn result(result: &Value) -> Option<Message> {
    let kind = result.get("resultType").and_then(Value::as_str).unwrap_or("complete");
    if kind != "complete" {
        return Some(Message::Nothing(format!("a result of type {kind} is not the last one")));
    }
    if !["content", "structuredContent", "isError"].iter().any(|name| result.get(name).is_some()) {
        return None;
    }
    let failed = match result.get("isError") {
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        told => told == Some(&Value::Bool(true)),
    };
    if !failed {
        return Some(Message::Done);
    }
    let texts = result.get("content").and_then(Value::as_array).into_iter().flatten();
    let mut texts = texts.filter_map(|block| block.get("text")?.as_str()).filter(|text| !text.trim().is_empty());
    let error = texts.next().unwrap_or("tool_error").to_owned();
    Some(Message::Failed { error, kind: "tool_error", code: None })
}

fn failed(error: &Value) -> Message {
    let code = error.get("code").and_then(Value::as_i64);
    let text = error.get("message").map(scalar).unwrap_or_default();
    let text = if text.is_empty() { format!("JSON-RPC error {}", code.unwrap_or(0)) } else { text };
    Message::Failed { error: text, kind: "jsonrpc_error", code }
}
