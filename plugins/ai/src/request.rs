//! One use of a model or tool, whoever tells of it, and the event it becomes.

use serde_json::Value;
use system_log_plugin::text::cut;
use system_log_plugin::{Actor, AiUsage, Event, Json, OrgHint, SourceTime, Verdict};

use crate::counts::Counts;
use crate::prices::Prices;

/// One attribute.
const MAX_ATTRIBUTE_BYTES: usize = 512;
/// What a model is called that nobody named.
const UNKNOWN_MODEL: &str = "unknown";

/// Which kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    Chat,
    ToolCall,
    Embedding,
    #[default]
    Other,
}

impl Kind {
    /// The kinds our own record has a word for.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "chat" => Some(Self::Chat),
            "mcp_tool_call" => Some(Self::ToolCall),
            "embedding" => Some(Self::Embedding),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Chat => "ai_chat",
            Self::ToolCall => "ai_tool_call",
            Self::Embedding => "ai_embedding",
            Self::Other => "ai_request",
        }
    }
}

/// What is known of a request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) key: String,
    pub(crate) occurred_at: Option<SourceTime>,
    pub(crate) operation: String,
    /// The model's names, the one for the row first; empty ones do not count.
    pub(crate) models: Vec<String>,
    pub(crate) provider: String,
    pub(crate) counts: Counts,
    /// What the source itself says it cost, in 10⁻⁹ USD.
    pub(crate) told_cost: Option<i64>,
    /// The request sums others that are told too: a computed cost would count twice.
    pub(crate) sums_others: bool,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) failed: bool,
    pub(crate) error: String,
    pub(crate) actor: Option<Actor>,
    pub(crate) org_hints: Vec<OrgHint>,
    pub(crate) attributes: Attributes,
}

impl Request {
    /// The event.
    pub(crate) fn into_verdict(mut self, prices: &Prices) -> Verdict {
        self.models.retain(|name| !name.is_empty());
        let mut event = Event::new("ai_usage", self.kind.name());
        event.severity = if self.failed { "error" } else { "" };
        let cost = self.cost(prices);
        let split = self.counts.prompt.is_some() || self.counts.completion.is_some();
        if split && self.counts.total.is_some_and(|total| total != self.counts.sum()) {
            self.attributes.set("total_mismatch", true);
        }
        match &cost {
            Ok(_) if self.told_cost.is_some() => self.attributes.set("cost_source", "told"),
            Ok(_) => self.attributes.set("cost_source", "computed"),
            Err(why) => self.attributes.set("cost_unknown", why.as_str()),
        }
        let unnamed = if self.kind == Kind::ToolCall { "" } else { UNKNOWN_MODEL };
        event.ai = Some(AiUsage {
            model: self.models.first().map_or(unnamed, String::as_str).to_owned(),
            provider: self.provider,
            operation: self.operation,
            prompt_tokens: self.counts.prompt.unwrap_or(0),
            completion_tokens: self.counts.completion.unwrap_or(0),
            total_tokens: self.counts.all(),
            cached_tokens: self.counts.cached,
            cache_write_tokens: self.counts.cache_write,
            reasoning_tokens: self.counts.reasoning,
            cost_nano_usd: cost.ok(),
            latency_ms: self.latency_ms,
            success: !self.failed,
            error: self.error.clone(),
        });
        event.message = self.error;
        event.occurred_at = self.occurred_at;
        event.actor = self.actor;
        event.org_hints = self.org_hints;
        event.dedupe_key = self.key;
        event.attributes = self.attributes.0;
        Verdict::Emit(vec![event])
    }

    /// What the source says wins; else by price and counts; else not known.
    fn cost(&self, prices: &Prices) -> Result<i64, String> {
        if let Some(told) = self.told_cost {
            return Ok(told);
        }
        if self.sums_others {
            return Err("sums other requests".into());
        }
        // A tool is not paid by the token: a price times nothing would make it look free.
        if self.kind == Kind::ToolCall && self.counts.all() == 0 {
            return Err("no usage".into());
        }
        prices.cost(&self.models.iter().map(String::as_str).collect::<Vec<_>>(), &self.counts)
    }
}

/// Attributes, each chosen by name: whatever is not named here or by a caller may be somebody's prompt.
#[derive(Debug, Default)]
pub(crate) struct Attributes(system_log_plugin::Attributes);

impl Attributes {
    /// Sets an attribute, unless it says nothing.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = match value.into() {
            Value::String(text) if text.is_empty() => return,
            Value::String(text) => Value::from(cut(&text, MAX_ATTRIBUTE_BYTES)),
            Value::Null | Value::Array(_) | Value::Object(_) => return,
            value => value,
        };
        self.0.set(name, value);
    }

    /// Sets attributes to the first scalar of their paths.
    pub(crate) fn keep(&mut self, json: &Json, names: &[(&'static str, &[&str])]) {
        for (name, paths) in names {
            let value = paths.iter().map(|path| json.at(path)).find(|value| says_something(value));
            if let Some(value) = value {
                self.set(name, value.clone());
            }
        }
    }
}

/// A scalar that is not empty.
fn says_something(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Who did it, from an object's usual places.
pub(crate) fn actor(json: &Json) -> Option<Actor> {
    let kind = json.text("actor.kind").to_ascii_lowercase();
    let known = ["user", "bot", "service", "anonymous"].contains(&kind.as_str());
    let actor = Actor {
        id: json.first_text(&["actor.id", "actor_id", "user_id", "actor", "user.id", "user"]),
        display_name: json.first_text(&["actor.name", "actor.display_name", "user.name"]),
        email: json.first_text(&["actor.email", "user.email"]),
        kind: if known { kind } else { String::new() },
    };
    (actor != Actor::default()).then_some(actor)
}

/// An organisation named outright.
pub(crate) fn org(json: &Json, paths: &[&str]) -> Vec<OrgHint> {
    let org = json.first_text(paths);
    if org.is_empty() { Vec::new() } else { vec![OrgHint::Org(org)] }
}

/// The key of an answer: the provider's id for it, whoever reports it.
pub(crate) fn key(provider: &str, id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("ai:{provider}:{id}") }
}

/// Joins texts that may be empty into an error: the first that says something.
pub(crate) fn first(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default()
}
