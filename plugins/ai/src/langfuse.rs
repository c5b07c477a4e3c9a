//! Langfuse's observations, as LiteLLM and others send them: `langfuse.observation.*` attributes of a span.

use system_log_plugin::{Json, Verdict};

use crate::attrs::Attrs;
use crate::counts::Counts;
use crate::doc::{Doc, count};
use crate::otel::{self, Signal};
use crate::prices::Prices;
use crate::request::{Kind, Request, first};

/// Whether the attributes are an observation's.
pub(crate) fn is(attrs: &Attrs) -> bool {
    !attrs.text(&["langfuse.observation.type"]).is_empty()
}

/// Reads an observation.
pub(crate) fn read(signal: &Signal<'_>, prices: &Prices) -> Verdict {
    request(signal).map_or_else(|verdict| verdict, |request| request.into_verdict(prices))
}

/// The request an observation tells of.
pub(crate) fn request(signal: &Signal<'_>) -> Result<Request, Verdict> {
    let attrs = &signal.attrs;
    let observation = attrs.text(&["langfuse.observation.type"]);
    let kind = match observation.to_ascii_lowercase().as_str() {
        "generation" => Kind::Chat,
        "embedding" => Kind::Embedding,
        "tool" => Kind::ToolCall,
        _ => return Err(Verdict::not_logged(format!("an observation of type {observation} uses no model"))),
    };
    let mut request = otel::envelope(signal);
    let (status, error) = otel::failure(signal);
    request.kind = kind;
    request.operation = first([attrs.text(&["gen_ai.operation.name"]), observation]);
    request.models =
        vec![attrs.text(&["langfuse.observation.model.name", "gen_ai.response.model", "gen_ai.request.model"])];
    request.provider = attrs.text(&["gen_ai.provider.name", "gen_ai.system"]);
    request.counts = counts(&attrs.object("langfuse.observation.usage_details"))?;
    let costs = Doc::of(attrs.object("langfuse.observation.cost_details").value().clone());
    request.told_cost = costs.cost(&["total"])?;
    request.failed = status || attrs.text(&["langfuse.observation.level"]) == "ERROR";
    if request.failed {
        request.error = first([attrs.text(&["langfuse.observation.status_message"]), error]);
    }
    request.attributes.set("trace_name", attrs.text(&["langfuse.trace.name"]));
    request.attributes.set("environment", attrs.text(&["langfuse.environment"]));
    Ok(request)
}

/// `input` holds the cached tokens or stands beside them: the total shows which.
fn counts(usage: &Json) -> Result<Counts, Verdict> {
    let read = |names: &[&str]| -> Result<Option<i64>, Verdict> {
        for name in names {
            if let Some(count) = count(usage.at(name), || format!("langfuse.observation.usage_details.{name}"))? {
                return Ok(Some(count));
            }
        }
        Ok(None)
    };
    Ok(Counts {
        prompt: read(&["input", "prompt_tokens", "input_tokens"])?,
        completion: read(&["output", "completion_tokens", "output_tokens"])?,
        total: read(&["total", "total_tokens"])?,
        cached: read(&["cache_read_input_tokens", "input_cached_tokens"])?.unwrap_or(0),
        cache_write: read(&["cache_creation_input_tokens", "input_cache_creation"])?.unwrap_or(0),
        reasoning: read(&["output_reasoning_tokens", "reasoning_tokens"])?.unwrap_or(0),
        ..Counts::default()
    }
    .with_caches_beside())
}
