//! Columns: which log has which, in which order CSV writes them, which may be sorted or searched by *contains*.

use std::borrow::Cow;

use crate::event::{Actor, AiUsage, Change, Event, WebhookDelivery};
use crate::id::EventId;
use crate::vocabulary::Log;

/// A column of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after the field it shows")]
pub enum CsvColumn {
    Id,
    OccurredAt,
    Type,
    Category,
    Severity,
    Actor,
    ActorId,
    Recipient,
    Subject,
    Message,
    PreAuth,
    WebhookUrl,
    HttpStatus,
    ChangeField,
    ChangeBefore,
    ChangeAfter,
    Model,
    Provider,
    PromptTokens,
    CompletionTokens,
    TotalTokens,
    CostUsd,
    LatencyMs,
    Success,
}

use CsvColumn as C;

const SYSTEM: &[C] = &[
    C::Id,
    C::OccurredAt,
    C::Type,
    C::Category,
    C::Severity,
    C::Actor,
    C::ActorId,
    C::Recipient,
    C::Subject,
    C::Message,
    C::PreAuth,
    C::WebhookUrl,
    C::HttpStatus,
    C::ChangeField,
    C::ChangeBefore,
    C::ChangeAfter,
];
const EMAIL: &[C] =
    &[C::Id, C::OccurredAt, C::Type, C::Severity, C::Recipient, C::Subject, C::Actor, C::ActorId, C::Message];
const AI_USAGE: &[C] = &[
    C::Id,
    C::OccurredAt,
    C::Type,
    C::Severity,
    C::Actor,
    C::ActorId,
    C::Model,
    C::Provider,
    C::PromptTokens,
    C::CompletionTokens,
    C::TotalTokens,
    C::CostUsd,
    C::LatencyMs,
    C::Success,
    C::Message,
];

impl CsvColumn {
    /// The columns of a log, in the order of the contract.
    #[must_use]
    pub const fn of(log: Log) -> &'static [Self] {
        match log {
            Log::System => SYSTEM,
            Log::Email => EMAIL,
            Log::AiUsage => AI_USAGE,
        }
    }

    /// The name in the file's first line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            C::Id => "id",
            C::OccurredAt => "occurred_at",
            C::Type => "type",
            C::Category => "category",
            C::Severity => "severity",
            C::Actor => "actor",
            C::ActorId => "actor_id",
            C::Recipient => "recipient",
            C::Subject => "subject",
            C::Message => "message",
            C::PreAuth => "pre_auth",
            C::WebhookUrl => "webhook_url",
            C::HttpStatus => "http_status",
            C::ChangeField => "change_field",
            C::ChangeBefore => "change_before",
            C::ChangeAfter => "change_after",
            C::Model => "model",
            C::Provider => "provider",
            C::PromptTokens => "prompt_tokens",
            C::CompletionTokens => "completion_tokens",
            C::TotalTokens => "total_tokens",
            C::CostUsd => "cost_usd",
            C::LatencyMs => "latency_ms",
            C::Success => "success",
        }
    }

    /// A column of that log by its name.
    #[must_use]
    pub fn find(log: Log, name: &str) -> Option<Self> {
        Self::of(log).iter().copied().find(|column| column.name() == name)
    }

    /// Whether cells of the column are free text, in which a spreadsheet might see a formula. The others hold numbers,
    /// times and words of our own.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            C::Actor
                | C::ActorId
                | C::Recipient
                | C::Subject
                | C::Message
                | C::WebhookUrl
                | C::ChangeField
                | C::ChangeBefore
                | C::ChangeAfter
                | C::Model
                | C::Provider
        )
    }

    /// The cell of an event, before quoting; absent is empty.
    #[must_use]
    pub fn cell(self, id: EventId, event: &Event) -> Cow<'_, str> {
        fn text(text: Option<&String>) -> Cow<'_, str> {
            Cow::Borrowed(text.map_or("", String::as_str))
        }
        let number = |number: Option<i64>| number.map_or(Cow::Borrowed(""), |n| Cow::Owned(n.to_string()));
        let actor = |part: fn(&Actor) -> &str| Cow::Borrowed(event.actor.as_ref().map_or("", part));
        let change = |part: fn(&Change) -> &String| text(event.change.as_ref().map(part));
        let hook = |part: fn(&WebhookDelivery) -> i64| event.webhook.as_ref().map(part);
        let ai = |part: fn(&AiUsage) -> i64| number(event.ai.as_ref().map(part));
        match self {
            C::Id => Cow::Owned(id.to_string()),
            C::OccurredAt => Cow::Owned(event.occurred_at.to_string()),
            C::Type => Cow::Borrowed(&event.kind),
            C::Category => Cow::Borrowed(event.category.map_or("", crate::Category::name)),
            C::Severity => Cow::Borrowed(event.severity.name()),
            C::Actor => actor(Actor::label),
            C::ActorId => actor(|a| &a.id),
            C::Recipient => Cow::Borrowed(&event.recipient),
            C::Subject => Cow::Borrowed(&event.subject),
            C::Message => Cow::Borrowed(&event.message),
            C::PreAuth => flag(event.pre_auth),
            C::WebhookUrl => text(event.webhook.as_ref().map(|w| &w.url)),
            C::HttpStatus => number(hook(|w| i64::from(w.http_status)).filter(|status| *status != 0)),
            C::ChangeField => change(|c| &c.field),
            C::ChangeBefore => change(|c| &c.before),
            C::ChangeAfter => change(|c| &c.after),
            C::Model => text(event.ai.as_ref().map(|a| &a.model)),
            C::Provider => text(event.ai.as_ref().map(|a| &a.provider)),
            C::PromptTokens => ai(|a| a.prompt_tokens),
            C::CompletionTokens => ai(|a| a.completion_tokens),
            C::TotalTokens => ai(|a| a.total_tokens),
            C::CostUsd => event.ai.as_ref().and_then(|a| a.cost_nano_usd).map_or(Cow::Borrowed(""), |c| usd(c).into()),
            C::LatencyMs => number(event.ai.as_ref().and_then(|a| a.latency_ms)),
            C::Success => event.ai.as_ref().map_or(Cow::Borrowed(""), |a| flag(a.success)),
        }
    }
}

const fn flag(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "true" } else { "false" })
}

/// 10⁻⁹ USD as a plain decimal without trailing zeros: `0.000225`, `3`, `-1.5`.
#[must_use]
pub fn usd(nano: i64) -> String {
    let (sign, nano) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
    let text = format!("{sign}{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A column of the table: what `order_by` may name, and where *contains* looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after the field it shows")]
pub enum TableColumn {
    OccurredAt,
    Type,
    Category,
    Severity,
    Message,
    Recipient,
    Subject,
    Actor,
    Model,
    TotalTokens,
    Cost,
    Latency,
}

use TableColumn as T;

impl TableColumn {
    /// The columns of a log's table.
    #[must_use]
    pub const fn of(log: Log) -> &'static [Self] {
        match log {
            Log::System => {
                &[T::OccurredAt, T::Type, T::Category, T::Severity, T::Message, T::Recipient, T::Subject, T::Actor]
            }
            Log::Email => &[T::OccurredAt, T::Type, T::Severity, T::Message, T::Recipient, T::Subject, T::Actor],
            Log::AiUsage => &[
                T::OccurredAt,
                T::Type,
                T::Severity,
                T::Message,
                T::Actor,
                T::Model,
                T::TotalTokens,
                T::Cost,
                T::Latency,
            ],
        }
    }

    /// The name that `order_by` uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            T::OccurredAt => "occurred_at",
            T::Type => "type",
            T::Category => "category",
            T::Severity => "severity",
            T::Message => "message",
            T::Recipient => "recipient",
            T::Subject => "subject",
            T::Actor => "actor",
            T::Model => "model",
            T::TotalTokens => "total_tokens",
            T::Cost => "cost",
            T::Latency => "latency",
        }
    }

    /// The heading people read.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            T::OccurredAt => "Time",
            T::Type => "Event",
            T::Category => "Category",
            T::Severity => "Severity",
            T::Message => "Message",
            T::Recipient => "Recipient",
            T::Subject => "Subject",
            T::Actor => "Actor",
            T::Model => "Model",
            T::TotalTokens => "Tokens",
            T::Cost => "Cost (USD)",
            T::Latency => "Latency (ms)",
        }
    }

    /// Whether the advanced filters search it; `type` goes by `event_name` there.
    #[must_use]
    pub const fn contains(self) -> bool {
        matches!(self, T::Type | T::Message | T::Recipient | T::Subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_columns_are_those_of_the_contract() {
        let names = |log| CsvColumn::of(log).iter().map(|c| c.name()).collect::<Vec<_>>().join(",");
        assert_eq!(
            names(Log::System),
            "id,occurred_at,type,category,severity,actor,actor_id,recipient,subject,message,pre_auth,webhook_url,\
             http_status,change_field,change_before,change_after"
        );
        assert_eq!(names(Log::Email), "id,occurred_at,type,severity,recipient,subject,actor,actor_id,message");
        assert_eq!(
            names(Log::AiUsage),
            "id,occurred_at,type,severity,actor,actor_id,model,provider,prompt_tokens,completion_tokens,total_tokens,\
             cost_usd,latency_ms,success,message"
        );
    }

    #[test]
    fn cost_is_plain_decimal() {
        assert_eq!(usd(225_000), "0.000225");
        assert_eq!(usd(3_000_000_000), "3");
        assert_eq!(usd(-1_500_000_000), "-1.5");
        assert_eq!(usd(0), "0");
        assert_eq!(usd(100_000_000_000), "100");
    }
}
