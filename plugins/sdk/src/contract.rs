//! The seam to the WIT contract: generated bindings, and conversions between them and the SDK's own types.
//!
//! Authors use [`crate::export_collector!`] and see nothing of this.

#![allow(
    missing_docs,
    unsafe_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated bindings"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "collector",
    pub_export_macro: true,
    export_macro_name: "export_raw",
    default_bindings_module: "system_log_plugin::contract",
});

use std::sync::Once;

use exports::system_log::collector::collect as raw;
use system_log::collector::diagnostics;
use system_log::collector::types;

/// What [`crate::export_collector!`] implements.
pub trait Collector {
    fn collect(call: &crate::Call, record: &crate::Record) -> crate::Outcome;
}

impl<C: Collector> raw::Guest for Adapter<C> {
    fn collect(call: types::Call, inputs: Vec<types::Input>) -> Vec<types::Outcome> {
        report_panics();
        let call = crate::Call { source: call.source, config: call.config, received_at: call.received_at };
        let collect = |input: types::Input| {
            let headers = input.headers.into_iter().map(|header| (header.name, header.value)).collect();
            let record = crate::Record { payload: input.payload, content_type: input.content_type, headers };
            outcome(C::collect(&call, &record))
        };
        inputs.into_iter().map(collect).collect()
    }
}

/// Gives a [`Collector`] the contract's shape.
pub struct Adapter<C>(std::marker::PhantomData<C>);

/// A panic is a trap and loses its message; this writes it to the operator's log first.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|info| diagnostics::log("error", &info.to_string()))));
}

fn outcome(outcome: crate::Outcome) -> types::Outcome {
    match outcome {
        crate::Outcome::One(one) => types::Outcome::One(verdict(one)),
        crate::Outcome::Page(items) => types::Outcome::Page(items.into_iter().map(verdict).collect()),
    }
}

fn verdict(verdict: crate::Verdict) -> types::Verdict {
    match verdict {
        crate::Verdict::Emit(events) => types::Verdict::Emit(events.into_iter().map(event).collect()),
        crate::Verdict::Drop(reason, message) => types::Verdict::Drop((reason.to_owned(), message)),
        crate::Verdict::Reject(code, message) => {
            types::Verdict::Reject(types::Rejection { code: code.to_owned(), message })
        }
        crate::Verdict::Unknown(name) => types::Verdict::Unknown(name),
    }
}

fn event(event: crate::Event) -> types::Event {
    let attributes = event.attributes.into_text();
    types::Event {
        log: event.log.to_owned(),
        kind: event.kind,
        severity: event.severity.to_owned(),
        occurred_at: event.occurred_at.map(|time| types::SourceTime { micros: time.micros, text: time.text }),
        message: event.message,
        actor: event.actor.map(|actor| types::Actor {
            id: actor.id,
            display_name: actor.display_name,
            email: actor.email,
            kind: actor.kind,
        }),
        recipient: event.recipient,
        subject: event.subject,
        attempted_email: event.attempted_email,
        change: event.change.map(|change| types::Change {
            field: change.field,
            before: change.before,
            after: change.after,
        }),
        webhook: event.webhook.map(|webhook| types::WebhookDelivery {
            url: webhook.url,
            method: webhook.method,
            http_status: webhook.http_status,
            attempt: webhook.attempt,
            latency_ms: webhook.latency_ms,
        }),
        ai: event.ai.map(ai),
        attributes,
        org_hints: event.org_hints.into_iter().map(org_hint).collect(),
        dedupe_key: event.dedupe_key,
    }
}

fn ai(ai: crate::AiUsage) -> types::AiUsage {
    types::AiUsage {
        model: ai.model,
        provider: ai.provider,
        operation: ai.operation,
        prompt_tokens: ai.prompt_tokens,
        completion_tokens: ai.completion_tokens,
        total_tokens: ai.total_tokens,
        cached_tokens: ai.cached_tokens,
        cache_write_tokens: ai.cache_write_tokens,
        reasoning_tokens: ai.reasoning_tokens,
        cost_nano_usd: ai.cost_nano_usd,
        latency_ms: ai.latency_ms,
        success: ai.success,
        error: ai.error,
    }
}

fn org_hint(hint: crate::OrgHint) -> types::OrgHint {
    match hint {
        crate::OrgHint::Org(org) => types::OrgHint::Org(org),
        crate::OrgHint::Binding(kind, value) => types::OrgHint::Binding((kind, value)),
    }
}
