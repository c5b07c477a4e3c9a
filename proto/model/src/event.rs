//! One event, as it is stored and as a reader sees it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::id::OrgId;
use crate::vocabulary::{ActorKind, Category, Log, Severity};

/// Everything the source said that is kept beyond the columns: a JSON object, documented per collector.
pub type Attributes = Map<String, Value>;

/// One thing that happened, for one organisation. Empty text means absent.
///
/// It has no id yet: the commit log gives one when the event is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The organisation it belongs to.
    pub org: OrgId,
    /// The log it stands in.
    pub log: Log,
    /// The kind's name, unique within the log.
    pub kind: Arc<str>,
    /// Set in the system log only.
    pub category: Option<Category>,
    /// How much it matters.
    pub severity: Severity,
    /// When it happened, as far as the source can be believed.
    pub occurred_at: Timestamp,
    /// When the service took it in, by its own clock.
    pub received_at: Timestamp,
    /// What the row says.
    pub message: String,
    /// Who did it.
    pub actor: Option<Actor>,
    /// Whom it reached or concerned.
    pub recipient: String,
    /// Subject of a message, or the event type of a webhook.
    pub subject: String,
    /// The name the record came in under.
    pub source: Arc<str>,
    /// Assigned by e-mail address because it happened before sign-in.
    pub pre_auth: bool,
    /// What was changed.
    pub change: Option<Change>,
    /// The call to a customer's endpoint.
    pub webhook: Option<WebhookDelivery>,
    /// The use of an AI model.
    pub ai: Option<AiUsage>,
    /// The rest.
    pub attributes: Attributes,
}

impl Event {
    /// About how many bytes its texts take, attributes included: what a bound on memory or on a message counts.
    #[must_use]
    pub fn weight(&self) -> usize {
        let actor = self.actor.as_ref().map_or(0, |a| a.id.len() + a.display_name.len() + a.email.len());
        let change = self.change.as_ref().map_or(0, |c| c.field.len() + c.before.len() + c.after.len());
        let webhook = self.webhook.as_ref().map_or(0, |w| w.url.len() + w.method.len());
        let ai = self.ai.as_ref().map_or(0, |a| a.model.len() + a.provider.len() + a.operation.len() + a.error.len());
        let texts = [&self.message, &self.recipient, &self.subject].iter().map(|text| text.len()).sum::<usize>();
        FIXED + texts + actor + change + webhook + ai + self.attributes.iter().map(member_weight).sum::<usize>()
    }
}

/// Ids, times, names of kinds and the like.
const FIXED: usize = 128;
/// A number, a separator, a tag.
const SMALL: usize = 8;

fn member_weight((name, value): (&String, &Value)) -> usize {
    name.len() + value_weight(value)
}

fn value_weight(value: &Value) -> usize {
    SMALL
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(value_weight).sum(),
            Value::Object(members) => members.iter().map(member_weight).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

/// Who did it. Empty text means not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The user's id.
    pub id: String,
    /// For people to read.
    pub display_name: String,
    /// E-mail address.
    pub email: String,
    /// `None` when neither the record nor the directory says.
    pub kind: Option<ActorKind>,
}

impl Actor {
    /// What a table shows: the display name, else the e-mail, else the id.
    #[must_use]
    pub fn label(&self) -> &str {
        [&self.display_name, &self.email, &self.id].into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Change {
    /// What was changed, for example `role` or `email`.
    pub field: String,
    /// The old value.
    pub before: String,
    /// The new value.
    pub after: String,
}

/// A call to a customer's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// Kept in full on purpose, userinfo password apart: customers debug with it.
    pub url: String,
    /// HTTP method in upper case.
    pub method: String,
    /// 0 when there was no answer.
    pub http_status: i32,
    /// 1 for the first attempt, 0 when not known.
    pub attempt: i32,
    /// Milliseconds from request to answer, 0 when not known.
    pub latency_ms: i64,
}

/// One use of an AI model or tool. Counts are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AiUsage {
    /// The model's name as the provider spells it.
    pub model: String,
    /// The provider's name.
    pub provider: String,
    /// What was asked for: chat, embeddings, a tool call.
    pub operation: String,
    /// Tokens in, cached ones included.
    pub prompt_tokens: i64,
    /// Tokens out, reasoning included.
    pub completion_tokens: i64,
    /// All tokens as the provider counts them.
    pub total_tokens: i64,
    /// The part of the prompt read from a cache.
    pub cached_tokens: i64,
    /// The part of the prompt written to a cache.
    pub cache_write_tokens: i64,
    /// The part of the completion that was reasoning.
    pub reasoning_tokens: i64,
    /// Exact cost in 10⁻⁹ USD; `None` = not known, which is not free.
    pub cost_nano_usd: Option<i64>,
    /// Milliseconds; `None` when not known.
    pub latency_ms: Option<i64>,
    /// Whether it worked.
    pub success: bool,
    /// Why it did not.
    pub error: String,
}
