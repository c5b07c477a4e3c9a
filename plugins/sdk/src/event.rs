//! What a collector says.

use std::borrow::Cow;

use serde_json::Value;

use crate::attributes::Attributes;

/// One event as the source tells it. Empty text means absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// `system`, `email` or `ai_usage`.
    pub log: &'static str,
    /// The kind's name; one of those the manifest declares.
    pub kind: String,
    /// `info`, `warning` or `error`; empty for the kind's default.
    pub severity: &'static str,
    /// Absent when the source gives no time.
    pub occurred_at: Option<SourceTime>,
    /// What the row says.
    pub message: String,
    /// Who did it.
    pub actor: Option<Actor>,
    /// Whom it reached or concerned.
    pub recipient: String,
    /// Subject of a message, event type of a webhook.
    pub subject: String,
    /// For kinds before sign-in: the address that was entered.
    pub attempted_email: String,
    /// A value before and after.
    pub change: Option<Change>,
    /// A call to a customer's endpoint.
    pub webhook: Option<Webhook>,
    /// The use of an AI model.
    pub ai: Option<AiUsage>,
    /// Everything else worth keeping.
    pub attributes: Attributes,
    /// What may name the organisation, tried in order.
    pub org_hints: Vec<OrgHint>,
    /// The source's natural key; empty for none.
    pub dedupe_key: String,
}

impl Event {
    /// An event of that log and kind, and nothing else yet.
    pub fn new(log: &'static str, kind: impl Into<String>) -> Self {
        Self { log, kind: kind.into(), ..Self::default() }
    }

    /// Keeps an attribute unless it says nothing: null, empty text, empty list or object. A name that is made, and not written
    /// in the collector, is passed as a `String`.
    pub fn attribute(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !empty {
            self.attributes.set(name, value);
        }
    }
}

/// When the source says it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTime {
    /// Microseconds since 1970 UTC; `None` when the text is not a time.
    pub micros: Option<i64>,
    /// The source's own spelling.
    pub text: String,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// The user's id.
    pub id: String,
    /// For people to read.
    pub display_name: String,
    /// E-mail address.
    pub email: String,
    /// `user`, `bot`, `service`, `anonymous`, or empty.
    pub kind: String,
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What was changed.
    pub field: String,
    /// The old value.
    pub before: String,
    /// The new value.
    pub after: String,
}

/// A call to a customer's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Webhook {
    /// In full.
    pub url: String,
    /// Upper case.
    pub method: String,
    /// 0 when there was no answer.
    pub http_status: i32,
    /// 0 when not known.
    pub attempt: i32,
    /// Milliseconds.
    pub latency_ms: Option<i64>,
}

/// One use of an AI model or tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AiUsage {
    /// As the provider spells it.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// What was asked for.
    pub operation: String,
    /// Tokens in, cached ones included.
    pub prompt_tokens: i64,
    /// Tokens out, reasoning included.
    pub completion_tokens: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// Read from a cache.
    pub cached_tokens: i64,
    /// Written to a cache.
    pub cache_write_tokens: i64,
    /// Reasoning.
    pub reasoning_tokens: i64,
    /// Exact, in 10⁻⁹ USD; `None` when not known.
    pub cost_nano_usd: Option<i64>,
    /// Milliseconds.
    pub latency_ms: Option<i64>,
    /// Whether it worked.
    pub success: bool,
    /// Why not.
    pub error: String,
}

/// What may name the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrgHint {
    /// An organisation's id.
    Org(String),
    /// A provider's own name for a customer: kind and value.
    Binding(String, String),
}

/// What became of a record, or of an item of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Events, stored together or not at all.
    Emit(Vec<Event>),
    /// Deliberately not logged: a reason of the contract and a sentence.
    Drop(&'static str, String),
    /// Malformed: a code of the contract, field and rule.
    Reject(&'static str, String),
    /// Well formed, of a type this collector does not know.
    Unknown(String),
}

impl Verdict {
    /// The payload cannot be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::Reject("MALFORMED_PAYLOAD", message.into())
    }

    /// A required field is not there.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::Reject("MISSING_FIELD", format!("{field}: required"))
    }

    /// Known, and deliberately not logged.
    pub fn not_logged(message: impl Into<String>) -> Self {
        Self::Drop("NOT_LOGGED", message.into())
    }
}

/// What became of a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// One verdict.
    One(Verdict),
    /// The payload was a page or batch: one verdict for each inner item, in order.
    Page(Vec<Verdict>),
}
