//! The model's terms into answers.

use pbjson_types::{Struct, Value as ProtoValue, value::Kind};
use serde_json::Value;
use system_log_index::Stored;
use system_log_model::event::Attributes;
use system_log_model::{
    Actor, ActorKind, AiUsage, Binding, Category, Change, DeadLetter, Event, Log, Member, Severity, Timestamp,
    WebhookDelivery,
};
use system_log_wire::Timestamp as ProtoTimestamp;

use super::pb;

/// A stored event.
#[must_use]
pub fn stored(stored: &Stored) -> pb::Event {
    event(&stored.id.to_string(), stored.event.org.as_str(), &stored.event)
}

/// An event under an id and an organisation; both are empty in a dry run that found none.
#[must_use]
pub fn event(id: &str, org: &str, event: &Event) -> pb::Event {
    pb::Event {
        id: id.to_owned(),
        org_id: org.to_owned(),
        log: log(event.log).into(),
        category: event.category.map_or(pb::Category::Unspecified, category).into(),
        r#type: event.kind.to_string(),
        severity: severity(event.severity).into(),
        occurred_at: Some(time(event.occurred_at)),
        received_at: Some(time(event.received_at)),
        message: event.message.clone(),
        actor: event.actor.as_ref().map(actor),
        recipient: event.recipient.clone(),
        subject: event.subject.clone(),
        source: event.source.to_string(),
        pre_auth: event.pre_auth,
        change: event.change.as_ref().map(change),
        webhook: event.webhook.as_ref().map(webhook),
        ai: event.ai.as_ref().map(ai),
        attributes: (!event.attributes.is_empty()).then(|| attributes(&event.attributes)),
    }
}

/// A point in time.
#[must_use]
pub fn time(at: Timestamp) -> ProtoTimestamp {
    let (seconds, nanos) = at.to_seconds();
    ProtoTimestamp { seconds, nanos }
}

/// A log.
#[must_use]
pub const fn log(log: Log) -> pb::Log {
    match log {
        Log::System => pb::Log::System,
        Log::Email => pb::Log::Email,
        Log::AiUsage => pb::Log::AiUsage,
    }
}

/// A category.
#[must_use]
pub const fn category(category: Category) -> pb::Category {
    match category {
        Category::Webhook => pb::Category::Webhook,
        Category::Email => pb::Category::Email,
        Category::Billing => pb::Category::Billing,
        Category::Security => pb::Category::Security,
        Category::Process => pb::Category::Process,
    }
}

/// A severity.
#[must_use]
pub const fn severity(severity: Severity) -> pb::Severity {
    match severity {
        Severity::Info => pb::Severity::Info,
        Severity::Warning => pb::Severity::Warning,
        Severity::Error => pb::Severity::Error,
    }
}

const fn actor_kind(kind: ActorKind) -> pb::ActorKind {
    match kind {
        ActorKind::User => pb::ActorKind::User,
        ActorKind::Bot => pb::ActorKind::Bot,
        ActorKind::Service => pb::ActorKind::Service,
        ActorKind::Anonymous => pb::ActorKind::Anonymous,
    }
}

fn actor(actor: &Actor) -> pb::Actor {
    pb::Actor {
        id: actor.id.clone(),
        display_name: actor.display_name.clone(),
        email: actor.email.clone(),
        kind: actor.kind.map_or(pb::ActorKind::Unspecified, actor_kind).into(),
    }
}

fn change(change: &Change) -> pb::Change {
    pb::Change { field: change.field.clone(), before: change.before.clone(), after: change.after.clone() }
}

fn webhook(webhook: &WebhookDelivery) -> pb::WebhookDelivery {
    pb::WebhookDelivery {
        url: webhook.url.clone(),
        method: webhook.method.clone(),
        http_status: webhook.http_status,
        attempt: webhook.attempt,
        latency_ms: webhook.latency_ms,
    }
}

fn ai(ai: &AiUsage) -> pb::AiUsage {
    pb::AiUsage {
        model: ai.model.clone(),
        provider: ai.provider.clone(),
        operation: ai.operation.clone(),
        prompt_tokens: ai.prompt_tokens,
        completion_tokens: ai.completion_tokens,
        total_tokens: ai.total_tokens,
        cached_tokens: ai.cached_tokens,
        cache_write_tokens: ai.cache_write_tokens,
        reasoning_tokens: ai.reasoning_tokens,
        cost_nano_usd: ai.cost_nano_usd,
        latency_ms: ai.latency_ms.unwrap_or_default(),
        success: ai.success,
        error: ai.error.clone(),
    }
}

fn attributes(attributes: &Attributes) -> Struct {
    Struct { fields: attributes.iter().map(|(key, json)| (key.clone(), value(json))).collect() }
}

/// Numbers become doubles: what a `Struct` can hold.
fn value(json: &Value) -> ProtoValue {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(pbjson_types::ListValue { values: items.iter().map(value).collect() }),
        Value::Object(fields) => Kind::StructValue(attributes(fields)),
    };
    ProtoValue { kind: Some(kind) }
}

/// A member.
#[must_use]
pub fn member(member: Member) -> pb::Member {
    pb::Member {
        id: member.id,
        email: member.email,
        display_name: member.display_name,
        kind: actor_kind(member.kind).into(),
    }
}

/// A binding.
#[must_use]
pub fn binding(binding: Binding) -> pb::Binding {
    pb::Binding { org_id: binding.org.to_string(), source: binding.source, kind: binding.kind, value: binding.value }
}

/// A dead letter; its payload was guarded before it was kept.
#[must_use]
pub fn dead_letter(letter: DeadLetter) -> pb::DeadLetter {
    pb::DeadLetter {
        id: letter.id,
        source: letter.source,
        org_id: letter.org.map(|org| org.to_string()).unwrap_or_default(),
        received_at: Some(time(letter.received_at)),
        reason: letter.reason,
        message: letter.message,
        collector: letter.collector,
        collector_version: letter.collector_version,
        attempts: i32::try_from(letter.attempts).unwrap_or(i32::MAX),
        content_type: letter.content_type,
        payload: letter.payload.into(),
    }
}
