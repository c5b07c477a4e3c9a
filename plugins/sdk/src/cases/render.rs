//! How an event stands in a case file: the only place of that rule. The SDK renders its own types and the host the contract's,
//! whose fields have the same names; the host includes this file, so it must know nothing but `serde_json`.

/// Makes `event` and `ai`, from the two types to a JSON value. `$attributes` gives those of an event as a value.
macro_rules! render_events {
    ($event:ty, $ai:ty, $org_hint:path, $attributes:expr) => {
        /// Absent fields are left out.
        fn event(event: &$event) -> serde_json::Value {
            use serde_json::json;
            let attributes: fn(&$event) -> serde_json::Value = $attributes;
            let mut all = json!({
                "log": event.log,
                "kind": event.kind,
                "severity": event.severity,
                "occurred_at": event.occurred_at.as_ref().map(|t| json!({"micros": t.micros, "text": t.text})),
                "message": event.message,
                "actor": event.actor.as_ref().map(|a| json!({"id": a.id, "display_name": a.display_name, "email": a.email,
                    "kind": a.kind})),
                "recipient": event.recipient,
                "subject": event.subject,
                "attempted_email": event.attempted_email,
                "change": event.change.as_ref().map(|c| json!({"field": c.field, "before": c.before, "after": c.after})),
                "webhook": event.webhook.as_ref().map(|w| json!({"url": w.url, "method": w.method,
                    "http_status": w.http_status, "attempt": w.attempt, "latency_ms": w.latency_ms})),
                "ai": event.ai.as_ref().map(ai),
                "attributes": attributes(event),
                "org_hints": event.org_hints.iter().map($org_hint).collect::<Vec<_>>(),
                "dedupe_key": event.dedupe_key,
            });
            if let Some(fields) = all.as_object_mut() {
                let absent = [serde_json::Value::Null, json!(""), json!({}), json!([])];
                fields.retain(|_, value| !absent.contains(value));
            }
            all
        }

        /// An unknown cost or latency is null, so that it cannot be mistaken for 0.
        fn ai(ai: &$ai) -> serde_json::Value {
            serde_json::json!({"model": ai.model, "provider": ai.provider, "operation": ai.operation,
                "prompt_tokens": ai.prompt_tokens, "completion_tokens": ai.completion_tokens, "total_tokens": ai.total_tokens,
                "cached_tokens": ai.cached_tokens, "cache_write_tokens": ai.cache_write_tokens,
                "reasoning_tokens": ai.reasoning_tokens, "cost_nano_usd": ai.cost_nano_usd, "latency_ms": ai.latency_ms,
                "success": ai.success, "error": ai.error})
        }
    };
}

pub(crate) use render_events;
