//! From the plugin's event to a draft: every word is checked, every text bounded. It knows neither time windows nor
//! organisations; those are decided later, by others.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use system_log_model::draft::{Draft, OrgHint, SourceTime, Verdict};
use system_log_model::event::{Actor, AiUsage, Change, WebhookDelivery};
use system_log_model::{ActorKind, DeadLettered, Log, Rejected, Severity, Timestamp, limits, text};

use crate::attributes;
use crate::bindings::system_log::collector::types as claimed;
use crate::limits::{MAX_ORG_HINTS, MAX_TYPE_NAME_BYTES};
use crate::plugin::Kinds;

/// HTTP statuses have three digits; 0 means that there was no answer.
const HTTP_STATUS: std::ops::RangeInclusive<i32> = 0..=999;

/// Checks one event.
///
/// # Errors
/// The verdict that stands in its place: rejected when the kind is not the plugin's to emit (S8), failed when a word or a
/// number is against the contract.
pub(crate) fn draft(event: claimed::Event, kinds: &Kinds) -> Result<Draft, Verdict> {
    let log = Log::from_name(&event.log).ok_or_else(|| word("log", &event.log))?;
    let kind = kinds.get(log, &event.kind).ok_or_else(|| undeclared(log, &event.kind))?.clone();
    let severity = match event.severity.as_str() {
        "" => kind.severity,
        name => Severity::from_name(name).ok_or_else(|| word("severity", name))?,
    };
    if event.org_hints.len() > MAX_ORG_HINTS {
        return Err(bad(format!("org-hints: {}, at most {MAX_ORG_HINTS}", event.org_hints.len())));
    }
    Ok(Draft {
        kind,
        severity,
        occurred_at: event.occurred_at.map(source_time),
        message: tidy(event.message),
        actor: event.actor.map(actor).transpose()?,
        recipient: tidy(event.recipient),
        subject: tidy(event.subject),
        attempted_email: tidy(event.attempted_email),
        change: event.change.map(change),
        webhook: event.webhook.map(webhook).transpose()?,
        ai: event.ai.map(ai).transpose()?,
        attributes: attributes::parse(&event.attributes).map_err(bad)?,
        org_hints: event.org_hints.into_iter().map(org_hint).collect(),
        dedupe_key: dedupe_key(event.dedupe_key),
    })
}

fn source_time(time: claimed::SourceTime) -> SourceTime {
    SourceTime {
        at: time.micros.map(Timestamp::from_micros),
        text: text::tidy(time.text, limits::MAX_SOURCE_TIME_BYTES),
    }
}

fn actor(actor: claimed::Actor) -> Result<Actor, Verdict> {
    let kind = match actor.kind.as_str() {
        "" => None,
        name => Some(ActorKind::from_name(name).ok_or_else(|| word("actor.kind", name))?),
    };
    Ok(Actor { id: tidy(actor.id), display_name: tidy(actor.display_name), email: tidy(actor.email), kind })
}

fn change(change: claimed::Change) -> Change {
    Change { field: tidy(change.field), before: tidy(change.before), after: tidy(change.after) }
}

fn webhook(webhook: claimed::WebhookDelivery) -> Result<WebhookDelivery, Verdict> {
    if !HTTP_STATUS.contains(&webhook.http_status) {
        return Err(bad(format!("webhook.http-status: {}, but at most three digits", webhook.http_status)));
    }
    Ok(WebhookDelivery {
        url: tidy(webhook.url),
        method: tidy(webhook.method),
        http_status: webhook.http_status,
        attempt: natural("webhook.attempt", webhook.attempt)?,
        latency_ms: natural("webhook.latency-ms", webhook.latency_ms.unwrap_or(0))?,
    })
}

fn ai(ai: claimed::AiUsage) -> Result<AiUsage, Verdict> {
    Ok(AiUsage {
        model: tidy(ai.model),
        provider: tidy(ai.provider),
        operation: tidy(ai.operation),
        prompt_tokens: natural("ai.prompt-tokens", ai.prompt_tokens)?,
        completion_tokens: natural("ai.completion-tokens", ai.completion_tokens)?,
        total_tokens: natural("ai.total-tokens", ai.total_tokens)?,
        cached_tokens: natural("ai.cached-tokens", ai.cached_tokens)?,
        cache_write_tokens: natural("ai.cache-write-tokens", ai.cache_write_tokens)?,
        reasoning_tokens: natural("ai.reasoning-tokens", ai.reasoning_tokens)?,
        cost_nano_usd: ai.cost_nano_usd.map(|cost| natural("ai.cost-nano-usd", cost)).transpose()?,
        latency_ms: ai.latency_ms.map(|latency| natural("ai.latency-ms", latency)).transpose()?,
        success: ai.success,
        error: tidy(ai.error),
    })
}

fn org_hint(hint: claimed::OrgHint) -> OrgHint {
    match hint {
        claimed::OrgHint::Org(id) => OrgHint::Org(tidy(id)),
        claimed::OrgHint::Binding((kind, value)) => OrgHint::Binding { kind: tidy(kind), value: tidy(value) },
    }
}

/// A key must stay what it is, because cutting or cleaning could make two events one. One that does not fit becomes its hash.
fn dedupe_key(key: String) -> String {
    if key.len() <= limits::MAX_IDEMPOTENCY_KEY_BYTES && !key.chars().any(char::is_control) {
        return key;
    }
    let mut short = String::from("sha256:");
    for byte in Sha256::digest(&key) {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

/// A number that counts something.
fn natural<N: Copy + Into<i64>>(field: &str, number: N) -> Result<N, Verdict> {
    let value: i64 = number.into();
    if value < 0 { Err(bad(format!("{field}: {value}, but it counts something"))) } else { Ok(number) }
}

fn tidy(text: String) -> String {
    text::tidy(text, limits::MAX_TEXT_BYTES)
}

fn word(field: &str, word: &str) -> Verdict {
    bad(format!("{field}: {:?} is no word of the contract", text::cut(word, MAX_TYPE_NAME_BYTES)))
}

fn undeclared(log: Log, kind: &str) -> Verdict {
    let kind = text::cut(kind, MAX_TYPE_NAME_BYTES);
    let message = format!("kind: the collector's manifest does not declare {kind:?} in the log {log}");
    Verdict::Reject(Rejected::KindNotDeclared, message)
}

fn bad(message: String) -> Verdict {
    Verdict::Failed(DeadLettered::CollectorBadOutput, message)
}

#[cfg(test)]
pub(crate) mod tests;
