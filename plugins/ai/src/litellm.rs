//! LiteLLM's logging payloads (`StandardLoggingPayload`) and rows of its spend log. They hold messages and responses: none
//! of that is read, save the usage object within.

use serde_json::Value;
use system_log_plugin::{Actor, Json, OrgHint, Verdict};

use crate::counts::{self, Counts};
use crate::doc::Doc;
use crate::prices::Prices;
use crate::request::{Kind, Request, first, key};

/// Whether a payload is LiteLLM's.
pub(crate) fn is(json: &Json) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| !json.at(name).is_null());
    json.at("call_type").is_string()
        && has(&[
            "response_cost",
            "spend",
            "custom_llm_provider",
            "hidden_params",
            "startTime",
            "model_group",
            "call_id",
        ])
}

/// Reads a payload.
pub(crate) fn read(doc: &Doc, prices: &Prices) -> Verdict {
    request(doc).map_or_else(|reject| reject, |request| request.into_verdict(prices))
}

/// The request a payload tells of.
pub(crate) fn request(doc: &Doc) -> Result<Request, Verdict> {
    let json = doc.json();
    let metadata = doc.part("metadata");
    let call = doc.text("call_type")?;
    let provider = doc.text("custom_llm_provider")?;
    let failed = match json.text("status").to_ascii_lowercase().as_str() {
        "success" => false,
        "failure" | "failed" | "error" => true,
        _ => !error(json, &metadata).is_empty(),
    };
    let id = json.first_text(&["id", "request_id", "litellm_call_id"]);
    let mut request = Request {
        kind: kind(&call),
        key: key(&provider, &id),
        occurred_at: json.first_time(&["startTime", "start_time", "endTime", "end_time"]),
        operation: call,
        models: vec![doc.text("model")?, json.text("hidden_params.litellm_model_name")],
        provider,
        counts: usage(doc, &metadata)?,
        told_cost: told_cost(doc)?,
        latency_ms: latency(doc),
        failed,
        error: if failed { error(json, &metadata) } else { String::new() },
        actor: actor(json, metadata.json()),
        org_hints: org_hints(json, metadata.json()),
        ..Request::default()
    };
    keep(&mut request, json, metadata.json());
    Ok(request)
}

fn kind(call: &str) -> Kind {
    let call = call.strip_prefix("_").unwrap_or(call);
    // The asynchronous twins have an `a` in front.
    match call {
        "call_mcp_tool" | "acall_mcp_tool" | "mcp_tool_call" => Kind::ToolCall,
        call if call.contains("embedding") => Kind::Embedding,
        call if call.contains("completion")
            || call.contains("generate_content")
            || call.ends_with("anthropic_messages")
            || matches!(call, "responses" | "aresponses") =>
        {
            Kind::Chat
        }
        _ => Kind::Other,
    }
}

/// The totals of the payload; their classes only from the usage object, which may stand in several places.
fn usage(doc: &Doc, metadata: &Doc) -> Result<Counts, Verdict> {
    let mut counts = Counts::default();
    for inner in [metadata.part("usage_object"), doc.part("response")] {
        if let Some((_, classes)) = counts::read(&inner)? {
            counts = classes;
            break;
        }
    }
    counts.prompt = doc.count(&["prompt_tokens"])?.or(counts.prompt);
    counts.completion = doc.count(&["completion_tokens"])?.or(counts.completion);
    counts.total = doc.count(&["total_tokens"])?.or(counts.total);
    Ok(counts)
}

/// LiteLLM writes 0 when it could not compute a cost, and says so elsewhere.
fn told_cost(doc: &Doc) -> Result<Option<i64>, Verdict> {
    let told = doc.cost(&["response_cost", "spend"])?;
    let failed = !doc.json().at("response_cost_failure_debug_info").is_null();
    Ok(told.filter(|cost| *cost != 0 || !failed))
}

fn latency(doc: &Doc) -> Option<i64> {
    let told = doc.millis(&["response_time"], 3);
    told.or_else(|| {
        let time = |name: &str| doc.json().first_time(&[name]).and_then(|time| time.micros);
        let micros = time("endTime")?.checked_sub(time("startTime")?).filter(|micros| *micros >= 0)?;
        i64::try_from(crate::decimal::divide(i128::from(micros), 1_000)).ok()
    })
}

/// Never the traceback.
fn error(json: &Json, metadata: &Doc) -> String {
    let inner = ["error_information.error_message", "error_information.error_class", "error_information.error_code"];
    first([json.text("error_str"), json.first_text(&inner), metadata.json().first_text(&inner)])
}

fn actor(json: &Json, metadata: &Json) -> Option<Actor> {
    let end_user = first([json.text("end_user"), metadata.text("user_api_key_end_user_id")]);
    let owner = first([metadata.text("user_api_key_user_id"), json.text("user")]);
    let of_owner = end_user.is_empty();
    let actor = Actor {
        id: if of_owner { owner } else { end_user },
        email: if of_owner { metadata.text("user_api_key_user_email") } else { String::new() },
        ..Actor::default()
    };
    (actor != Actor::default()).then_some(actor)
}

/// What the caller put into its metadata, then LiteLLM's own names for a customer, which the directory binds.
fn org_hints(json: &Json, metadata: &Json) -> Vec<OrgHint> {
    let told = metadata.first_text(&["requester_metadata.org_id", "spend_logs_metadata.org_id", "org_id"]);
    let organization = first([metadata.text("user_api_key_org_id"), json.text("organization_id")]);
    let team = first([metadata.text("user_api_key_team_id"), json.text("team_id")]);
    let mut hints = Vec::new();
    if !told.is_empty() {
        hints.push(OrgHint::Org(told));
    }
    for (kind, value) in [("litellm_organization", organization), ("litellm_team", team)] {
        if !value.is_empty() {
            hints.push(OrgHint::Binding(kind.into(), value));
        }
    }
    hints
}

fn keep(request: &mut Request, json: &Json, metadata: &Json) {
    let attributes = &mut request.attributes;
    attributes.keep(
        json,
        &[
            ("response_id", &["id", "request_id"]),
            ("trace_id", &["trace_id"]),
            ("model_group", &["model_group"]),
            ("stream", &["stream"]),
            ("ip", &["requester_ip_address"]),
            ("tool_name", &["mcp_namespaced_tool_name"]),
            ("error_code", &["error_information.error_code"]),
            ("error_type", &["error_information.error_class"]),
        ],
    );
    attributes.keep(
        metadata,
        &[
            ("tool_name", &["mcp_tool_call_metadata.name"]),
            ("mcp_server", &["mcp_tool_call_metadata.mcp_server_name"]),
            ("ip", &["requester_ip_address"]),
            ("team", &["user_api_key_team_alias"]),
        ],
    );
    // "None" is how the spend log writes that it does not know.
    if json.at("cache_hit") == &Value::Bool(true) || json.text("cache_hit") == "True" {
        attributes.set("cache_hit", true);
    }
}
