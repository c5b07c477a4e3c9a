//! OpenTelemetry's GenAI attributes, of spans and of log events: the names of today (`gen_ai.provider.name`,
//! `gen_ai.usage.input_tokens`), those of before (`gen_ai.system`, `gen_ai.usage.prompt_tokens`, `llm.usage.*`),
//! `OpenInference`'s, and MCP's.

use serde_json::{Value, json};
use system_log_plugin::{Actor, Json, OrgHint, SourceTime, Verdict};

use crate::attrs::Attrs;
use crate::counts::Counts;
use crate::doc::Doc;
use crate::langfuse;
use crate::prices::Prices;
use crate::request::{Kind, Request, actor, first, key, org};

/// Log events that hold prompts and answers, or judge them.
const CONTENT: [&str; 4] = ["message", "choice", "prompt", "evaluation"];

/// One span or log record, wherever its parts stood.
pub(crate) struct Signal<'a> {
    /// Its own fields.
    pub(crate) json: &'a Json<'a>,
    pub(crate) attrs: Attrs,
    pub(crate) resource: Attrs,
}

/// Whether an object outside an OTLP page has attributes of GenAI: its own, or under `attributes`.
pub(crate) fn attrs(json: &Json) -> Option<Attrs> {
    let inner = json.at("attributes");
    let attrs = if !inner.is_null() {
        Attrs::read(inner)
    } else if json.fields().is_some_and(|fields| fields.keys().any(|name| name.starts_with("gen_ai.")))
        || (json.at("kind").is_null() && json.at("response").is_null())
    {
        Attrs::read(json.value())
    } else {
        return None;
    };
    relevant(&attrs).then_some(attrs)
}

fn relevant(attrs: &Attrs) -> bool {
    ["gen_ai.", "mcp.", "llm.", "langfuse.observation.", "embedding.model_name"]
        .iter()
        .any(|prefix| attrs.has_prefix(prefix))
}

/// Reads a record whose attributes are given.
pub(crate) fn read(doc: &Doc, attrs: Attrs, prices: &Prices) -> Verdict {
    signal(&alone(doc, attrs), prices)
}

/// A record outside a page.
fn alone<'a>(doc: &'a Doc<'_>, attrs: Attrs) -> Signal<'a> {
    Signal { json: doc.json(), attrs, resource: Attrs::read(doc.json().at("resource.attributes")) }
}

/// The request such a record tells of.
pub(crate) fn told(doc: &Doc, attrs: Attrs) -> Result<Request, Verdict> {
    let signal = alone(doc, attrs);
    if langfuse::is(&signal.attrs) { langfuse::request(&signal) } else { request(&signal) }
}

/// Reads a span or log record.
pub(crate) fn signal(signal: &Signal<'_>, prices: &Prices) -> Verdict {
    if !relevant(&signal.attrs) {
        return Verdict::not_logged("attributes: no use of an AI model or tool");
    }
    if langfuse::is(&signal.attrs) {
        return langfuse::read(signal, prices);
    }
    match request(signal) {
        Ok(request) => request.into_verdict(prices),
        Err(verdict) => verdict,
    }
}

fn request(signal: &Signal<'_>) -> Result<Request, Verdict> {
    let Signal { attrs, .. } = signal;
    let counts = counts(attrs)?;
    let operation = attrs.text(&["gen_ai.operation.name", "llm.request.type", "openinference.span.kind"]);
    let kind = kind(signal, &operation, &counts)?;
    let provider = attrs.text(&["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"]);
    let mut request = envelope(signal);
    let (failed, error) = failure(signal);
    let id = attrs.text(&["gen_ai.response.id"]);
    if !id.is_empty() {
        // A span and its log event tell of the same answer.
        request.key = key(&provider, &id);
    }
    request.kind = kind;
    let ours = if Kind::named(&signal.json.text("kind")).is_some() { signal.json.text("kind") } else { String::new() };
    request.operation = first([operation, attrs.text(&["mcp.method.name"]), ours]);
    request.models = vec![
        attrs.text(&["gen_ai.response.model", "llm.response.model"]),
        attrs.text(&["gen_ai.request.model", "llm.request.model", "llm.model_name", "embedding.model_name"]),
    ];
    request.provider = provider;
    request.counts = counts;
    let told = attrs.text(&[
        "gen_ai.usage.cost",
        "gen_ai.usage.total_cost",
        "gen_ai.cost.total_cost",
        "operation.cost",
        "llm.cost.total",
    ]);
    let told = json!({ "cost_usd": signal.json.at("cost_usd"), "gen_ai_usage_cost": told });
    request.told_cost = Doc::of(told).cost(&["cost_usd", "gen_ai_usage_cost"])?;
    request.sums_others = matches!(request.operation.as_str(), "invoke_agent" | "create_agent" | "invoke_workflow");
    request.failed = failed;
    request.error = error;
    keep(&mut request, signal);
    Ok(request)
}

/// What a signal says besides its attributes: when, how long, who, whose.
pub(crate) fn envelope(signal: &Signal<'_>) -> Request {
    let Signal { json, attrs, resource } = signal;
    let (start, end) = (nanos(json.at("startTimeUnixNano")), nanos(json.at("endTimeUnixNano")));
    let id = json.text("id");
    let span = (json.text("traceId"), json.text("spanId"));
    let mut request = Request {
        key: match &span {
            _ if !id.is_empty() => id,
            (trace, own) if !trace.is_empty() && !own.is_empty() => format!("otel:{trace}:{own}"),
            _ => String::new(),
        },
        occurred_at: json.first_time(&["occurred_at", "start_time", "timestamp"]).or_else(|| otlp_time(json)),
        latency_ms: Doc::of(json!({ "latency_ms": json.at("latency_ms") }))
            .millis(&["latency_ms"], 0)
            .or_else(|| between(start?, end?)),
        actor: actor(&Json::of(json!({"actor": json.at("actor"), "actor_id": json.at("actor_id")}))),
        org_hints: org(json, &["org_id"]),
        ..Request::default()
    };
    let seconds = attrs.text(&["gen_ai.client.operation.duration"]);
    if request.latency_ms.is_none() && !seconds.is_empty() {
        request.latency_ms = Doc::of(json!({ "seconds": seconds })).millis(&["seconds"], 3);
    }
    if request.actor.is_none() {
        let id = attrs.text(&["enduser.id", "user.id", "langfuse.user.id"]);
        let email = attrs.text(&["user.email"]);
        if !id.is_empty() || !email.is_empty() {
            request.actor = Some(Actor { id, email, display_name: attrs.text(&["user.name"]), ..Actor::default() });
        }
    }
    let named = first([attrs.text(&["org.id"]), resource.text(&["org.id"])]);
    if !named.is_empty() && request.org_hints.is_empty() {
        request.org_hints.push(OrgHint::Org(named));
    }
    request
}

fn between(start: i64, end: i64) -> Option<i64> {
    let nanos = end.checked_sub(start).filter(|nanos| *nanos >= 0)?;
    i64::try_from(crate::decimal::divide(i128::from(nanos), 1_000_000)).ok()
}

/// Nanoseconds since 1970; 0 is not known.
fn nanos(value: &Value) -> Option<i64> {
    let text = system_log_plugin::scalar(value);
    text.parse().ok().filter(|nanos| *nanos > 0)
}

fn otlp_time(json: &Json) -> Option<SourceTime> {
    let names = ["startTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"];
    let told = names.into_iter().find(|name| !["", "0"].contains(&json.text(name).as_str()))?;
    let text = json.text(told);
    let micros = nanos(json.at(told)).map(|nanos| nanos / 1_000);
    Some(SourceTime { micros, text: system_log_plugin::text::cut(&text, 128).to_owned() })
}

/// The caches are part of the input by the conventions; some instruments pass on what Anthropic counts.
fn counts(attrs: &Attrs) -> Result<Counts, Verdict> {
    let or_zero = |names: &[&str]| attrs.count(names).map(|count| count.unwrap_or(0));
    Ok(Counts {
        prompt: attrs.count(&[
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.usage.prompt_tokens",
            "llm.token_count.prompt",
        ])?,
        completion: attrs.count(&[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.usage.completion_tokens",
            "llm.token_count.completion",
        ])?,
        total: attrs.count(&["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"])?,
        cached: or_zero(&[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.input_tokens.cached",
            "llm.token_count.prompt_details.cache_read",
        ])?,
        cache_write: or_zero(&[
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "llm.token_count.prompt_details.cache_write",
        ])?,
        reasoning: or_zero(&[
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.output_tokens.reasoning",
            "gen_ai.usage.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
        ])?,
        ..Counts::default()
    }
    .with_caches_beside())
}

/// By the operation's name; the oldest names had none.
fn kind(signal: &Signal<'_>, operation: &str, counts: &Counts) -> Result<Kind, Verdict> {
    let Signal { json, attrs, .. } = signal;
    let event = first([json.text("eventName"), json.text("event_name"), attrs.text(&["event.name"])]);
    let content = event.starts_with("gen_ai.") && CONTENT.iter().any(|word| event.contains(word));
    if content && !counts.told() {
        return Err(Verdict::not_logged(format!("{event} holds content, which is never kept")));
    }
    let method = attrs.text(&["mcp.method.name"]);
    if !method.is_empty() {
        return if method == "tools/call" {
            Ok(Kind::ToolCall)
        } else {
            Err(Verdict::not_logged(format!("{method} is not a tool's call")))
        };
    }
    // A record of ours with such attributes says what it is.
    if let Some(kind) = Kind::named(&json.text("kind")) {
        return Ok(kind);
    }
    Ok(match operation.to_ascii_lowercase().as_str() {
        "chat" | "text_completion" | "completion" | "generate_content" | "llm" => Kind::Chat,
        "embeddings" | "embedding" => Kind::Embedding,
        "execute_tool" | "tool" => Kind::ToolCall,
        "" if !attrs.text(&["gen_ai.tool.name", "gen_ai.tool.call.id"]).is_empty() => Kind::ToolCall,
        "" if counts.completion.is_some() => Kind::Chat,
        "" if !counts.told() && attrs.text(&["gen_ai.request.model", "gen_ai.response.model"]).is_empty() => {
            return Err(Verdict::not_logged("attributes: neither an operation nor a model nor usage"));
        }
        _ => Kind::Other,
    })
}

/// A span's status, or `error.type`; and what is said of it.
pub(crate) fn failure(signal: &Signal<'_>) -> (bool, String) {
    let Signal { json, attrs, .. } = signal;
    let code = json.first_text(&["status.code", "status.status_code"]);
    let kind = attrs.text(&["error.type"]);
    let failed = ["2", "STATUS_CODE_ERROR", "ERROR"].contains(&code.as_str())
        || !kind.is_empty()
        || json.at("success") == &Value::Bool(false);
    let text = first([
        json.first_text(&["error.message", "error"]),
        json.first_text(&["status.message", "status.description"]),
        attrs.text(&["error.message", "exception.message", "gen_ai.error.message"]),
        kind,
        attrs.text(&["exception.type"]),
    ]);
    (failed, if failed { text } else { String::new() })
}

fn keep(request: &mut Request, signal: &Signal<'_>) {
    let Signal { json, attrs, resource } = signal;
    if request.models.iter().all(|name| !name.is_empty()) && request.models[0] != request.models[1] {
        let asked = request.models[1].clone();
        request.attributes.set("request_model", asked);
    }
    for (name, text) in [
        ("response_id", attrs.text(&["gen_ai.response.id"])),
        ("conversation_id", attrs.text(&["gen_ai.conversation.id"])),
        ("tool_name", attrs.text(&["gen_ai.tool.name", "mcp.tool.name"])),
        ("tool_call_id", attrs.text(&["gen_ai.tool.call.id"])),
        ("agent_name", attrs.text(&["gen_ai.agent.name"])),
        ("finish_reason", attrs.text(&["gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"])),
        ("error_type", attrs.text(&["error.type"])),
        ("error_code", attrs.text(&["rpc.jsonrpc.error_code", "rpc.response.status_code"])),
        ("jsonrpc_id", attrs.text(&["jsonrpc.request.id", "rpc.jsonrpc.request_id"])),
        ("service", resource.text(&["service.name"])),
        ("environment", resource.text(&["deployment.environment.name", "deployment.environment"])),
        ("trace_id", json.text("traceId")),
        ("span_id", json.text("spanId")),
    ] {
        request.attributes.set(name, text);
    }
}
