//! The AI collector: uses of models and tools, whoever tells of them.
//!
//! | what comes | read by |
//! |---|---|
//! | our record, with counts or with the provider's answer in it; an answer alone | [`record`], [`body`] |
//! | parts of a stream | [`stream`] |
//! | usage objects: OpenAI's and its many imitators', Anthropic's, Gemini's, Bedrock's, Cohere's | [`counts`] and a file for each |
//! | LiteLLM's logging payloads and spend log | [`litellm`] |
//! | OpenTelemetry GenAI: OTLP pages, spans, log events; Langfuse's observations | [`otlp`], [`otel`], [`langfuse`] |
//! | MCP messages | [`mcp`] |
//!
//! All end as a [`request::Request`], which becomes the event; [`prices`] says what it cost.

mod anthropic;
mod attrs;
mod bedrock;
mod body;
mod cohere;
mod counts;
mod decimal;
mod doc;
mod gemini;
mod langfuse;
mod litellm;
mod mcp;
mod openai;
mod otel;
mod otlp;
mod prices;
mod record;
mod request;
mod stream;

use serde_json::Value;
use system_log_plugin::{Call, Outcome, Record, Verdict, export_collector, test_cases};

use crate::doc::Doc;
use crate::prices::Prices;

/// One payload.
#[must_use]
pub fn collect(call: &Call, record: &Record) -> Outcome {
    let doc = match Doc::parse(&record.payload) {
        Ok(doc) => doc,
        Err(reject) => return Outcome::One(reject),
    };
    let prices = Prices::of(&call.config);
    match doc.json().value() {
        Value::Array(items) if stream::is_one(items) => Outcome::One(record::read(&stream::merged(items), &prices)),
        Value::Array(items) if items.is_empty() => Outcome::One(Verdict::not_logged("an empty list")),
        Value::Array(_) => Outcome::Page(doc.items().iter().map(|item| one(item, &prices)).collect()),
        _ => otlp::read(doc.json(), &prices).unwrap_or_else(|| Outcome::One(one(&doc, &prices))),
    }
}

/// One record, or an item of a list of them.
fn one(doc: &Doc, prices: &Prices) -> Verdict {
    let json = doc.json();
    if json.fields().is_none() {
        return Verdict::malformed("payload: a JSON object, or a list of them");
    }
    if litellm::is(json) {
        return litellm::read(doc, prices);
    }
    match otel::attrs(json) {
        Some(attrs) => otel::read(doc, attrs, prices),
        None => record::read(doc, prices),
    }
}

export_collector!(collect);
test_cases!(collect, "ai");

#[cfg(test)]
mod tests;
