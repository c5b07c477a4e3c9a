//! Our own record, `{id, occurred_at, kind, model, provider, prompt_tokens, completion_tokens, total_tokens, cost_usd,
//! latency_ms, success, error, actor{id}}`, with the counts in it or with the provider's answer as `response`; and a
//! provider's answer that comes without any record around it.

use serde_json::Value;
use system_log_plugin::{Json, Verdict};

use crate::body::{self, Body};
use crate::doc::Doc;
use crate::prices::Prices;
use crate::request::{Kind, Request, actor, first, key, org};
use crate::stream::{self, Part};
use crate::{litellm, otel};

/// What a sender may add, by the names it is known under.
const EXTRAS: [(&str, &[&str]); 12] = [
    ("request_id", &["request_id", "call_id"]),
    ("conversation_id", &["conversation_id", "thread_id"]),
    ("trace_id", &["trace_id"]),
    ("span_id", &["span_id"]),
    ("tool_name", &["tool_name", "tool.name", "tool", "request.params.name"]),
    ("mcp_server", &["mcp_server", "server_name"]),
    ("feature", &["feature"]),
    ("environment", &["environment"]),
    ("attempt", &["attempt"]),
    ("stream", &["stream"]),
    ("ip", &["ip"]),
    ("user_agent", &["user_agent"]),
];

/// Reads a record or an answer.
pub(crate) fn read(doc: &Doc, prices: &Prices) -> Verdict {
    try_read(doc, prices).unwrap_or_else(|reject| reject)
}

fn try_read(doc: &Doc, prices: &Prices) -> Result<Verdict, Verdict> {
    match stream::part(doc) {
        Some(Part::Unfinished) => return Ok(Verdict::not_logged("a part of a stream without the usage of the whole")),
        Some(Part::Response) => return answer(&doc.part("response"), prices),
        Some(Part::Delta) => return answer(doc, prices),
        None => {}
    }
    let json = doc.json();
    if json.at("response").is_null() && json.at("kind").is_null() && !is_record(json) {
        return answer(doc, prices);
    }
    let asked = json.text("request.method");
    if !asked.is_empty() && asked != "tools/call" && !json.text("request.jsonrpc").is_empty() {
        return Ok(Verdict::not_logged(format!("{asked} is not a tool's call")));
    }
    let response = response(doc);
    let body = match &response {
        None => body::read(doc)?,
        Some(inner) => foreign(inner).unwrap_or_else(|| body::read(inner))?,
    };
    own(doc, response.is_some(), body).map(|request| request.into_verdict(prices))
}

/// Whether an object without `kind` and `response` is a record all the same and no answer: it has counts of its own, or a
/// model and how it went.
fn is_record(json: &Json) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| !json.at(name).is_null());
    let outcome = ["success", "latency_ms", "cost_usd", "occurred_at"];
    (has(&["prompt_tokens", "completion_tokens", "total_tokens"]) && has(&outcome))
        || (has(&["model"]) && has(&outcome[..3]))
}

/// The provider's answer: an object, the parts of a stream, or text that holds either. Batches wrap it once more.
fn response<'a>(doc: &'a Doc<'_>) -> Option<Doc<'a>> {
    let inner = match doc.json().at("response") {
        Value::Null => return None,
        Value::String(text) => {
            let whole = doc.part("response");
            let events = if whole.json().value().is_null() { stream::events(text) } else { Vec::new() };
            if events.is_empty() { whole } else { stream::merged(&events).into_owned() }
        }
        Value::Array(items) => stream::merged(items),
        _ => doc.part("response"),
    };
    let inner = if stream::part(&inner) == Some(Part::Response) { inner.part("response").into_owned() } else { inner };
    let wrapped = inner.has("status_code") && inner.json().at("body").is_object();
    Some(if wrapped { inner.part("body").into_owned() } else { inner })
}

/// A gateway's or an instrument's report where the provider's answer should be.
fn foreign(inner: &Doc) -> Option<Result<Body, Verdict>> {
    let request =
        if litellm::is(inner.json()) { litellm::request(inner) } else { otel::told(inner, otel::attrs(inner.json())?) };
    Some(request.map(|request| Body {
        kind: Some(request.kind),
        model: first(request.models),
        provider: request.provider,
        occurred_at: request.occurred_at,
        counts: request.counts,
        told_cost: request.told_cost,
        latency_ms: request.latency_ms,
        failed: request.failed,
        error: request.error,
        attributes: request.attributes,
        ..Body::default()
    }))
}

/// A record of ours.
fn own(doc: &Doc, responds: bool, body: Body) -> Result<Request, Verdict> {
    let json = doc.json();
    let kind = doc.text("kind")?;
    let told_success = flag(json.at("success"))?;
    let has_error = responds && !json.at("error").is_null();
    let error = if has_error { body::error_of(&only_error(json)).unwrap_or_default().0 } else { String::new() };
    let error = first([error, body.error]);
    let failed = match told_success {
        Some(success) => !success,
        None => body.failed || !error.is_empty() || status(json).is_some_and(|status| status >= 400),
    };
    let mut request = Request {
        kind: if kind.is_empty() { inferred(json, responds, body.kind) } else { Kind::named(&kind) }
            .unwrap_or_default(),
        occurred_at: json.first_time(&["occurred_at", "timestamp", "created_at"]).or(body.occurred_at),
        operation: first([json.text("operation"), kind]),
        models: vec![doc.text("model")?, body.model.clone()],
        // Without an answer there is nothing to tell the provider by but what the record says.
        provider: first([doc.text("provider")?, if responds { body.provider } else { String::new() }]),
        counts: body.counts,
        told_cost: doc.cost(&["cost_usd"])?.or(body.told_cost),
        latency_ms: doc.millis(&["latency_ms", "duration_ms"], 0).or(body.latency_ms),
        failed,
        error,
        actor: actor(json),
        org_hints: org(json, &["org_id", "organization_id", "organisation_id"]),
        attributes: body.attributes,
        ..Request::default()
    };
    if responds {
        counts_of_record(doc, &mut request)?;
        request.attributes.set("response_id", body.id.as_str());
        if !request.models[0].is_empty() && request.models[0] != body.model {
            request.attributes.set("response_model", body.model);
        }
    }
    request.attributes.keep(json, &EXTRAS);
    request.attributes.keep(json, &[("http_status", &["http_status", "status_code", "response.status_code"])]);
    let id = doc.text("id")?;
    request.key = if id.is_empty() { key(&request.provider, &body.id) } else { id };
    Ok(request)
}

/// What an answer was asked for is seen in the answer; the counts of our own record say nothing of it.
fn inferred(json: &Json, responds: bool, kind: Option<Kind>) -> Option<Kind> {
    let counted = ["prompt_tokens", "completion_tokens", "total_tokens"].iter().any(|name| !json.at(name).is_null());
    let answers = ["object", "usage", "choices", "jsonrpc"].iter().any(|name| !json.at(name).is_null());
    kind.filter(|kind| responds || answers || !counted || *kind == Kind::ToolCall)
}

/// Counts that stand beside a `response` are the record's own and win.
fn counts_of_record(doc: &Doc, request: &mut Request) -> Result<(), Verdict> {
    let counts = &mut request.counts;
    let prompt = doc.count(&["prompt_tokens"])?;
    let completion = doc.count(&["completion_tokens"])?;
    let total = doc.count(&["total_tokens"])?;
    if prompt.is_some() || completion.is_some() || total.is_some() {
        counts.prompt = prompt.or(counts.prompt);
        counts.completion = completion.or(counts.completion);
        counts.total = total;
    }
    counts.cached = doc.count(&["cached_tokens"])?.unwrap_or(counts.cached);
    counts.cache_write = doc.count(&["cache_write_tokens"])?.unwrap_or(counts.cache_write);
    counts.reasoning = doc.count(&["reasoning_tokens"])?.unwrap_or(counts.reasoning);
    Ok(())
}

/// A provider's answer and nothing around it.
fn answer(doc: &Doc, prices: &Prices) -> Result<Verdict, Verdict> {
    let json = doc.json();
    let body = body::read(doc)?;
    let Some(kind) = body.kind else {
        let name = json.first_text(&["type", "object", "event", "event_type"]);
        return Ok(if name.is_empty() { Verdict::missing("kind") } else { Verdict::Unknown(name) });
    };
    if let Some(why) = body.unfinished {
        return Ok(Verdict::not_logged(why));
    }
    let mut attributes = body.attributes;
    attributes.set("response_id", body.id.as_str());
    let request = Request {
        kind,
        // A JSON-RPC id is unique within a session only: two sessions' calls are not one. Its body has no id.
        key: key(&body.provider, &body.id),
        occurred_at: body.occurred_at,
        operation: body.operation,
        models: vec![body.model],
        provider: body.provider,
        counts: body.counts,
        told_cost: body.told_cost,
        latency_ms: body.latency_ms,
        failed: body.failed,
        error: body.error,
        actor: actor(json),
        org_hints: org(json, &["org_id", "metadata.org_id"]),
        attributes,
        ..Request::default()
    };
    Ok(request.into_verdict(prices))
}

/// An object that has the record's error and nothing else.
fn only_error(json: &Json) -> Json<'static> {
    Json::of(serde_json::json!({"error": json.at("error")}))
}

fn status(json: &Json) -> Option<i64> {
    json.first_integer(&["http_status", "status_code", "response.status_code"])
}

/// True or false, however it is written; absent and null say nothing.
fn flag(value: &Value) -> Result<Option<bool>, Verdict> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Value::Number(number) if number.as_i64() == Some(1) => Ok(Some(true)),
        Value::Number(number) if number.as_i64() == Some(0) => Ok(Some(false)),
        _ => Err(Verdict::malformed("success: true or false")),
    }
}
