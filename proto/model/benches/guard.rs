//! What the guard costs an event of about 1 kB, where there is nothing to remove: nearly always. Each figure is the median of
//! many rounds over a thousand copies.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use serde_json::json;
use system_log_model::event::{Actor, AiUsage, WebhookDelivery};
use system_log_model::{ActorKind, Event, Guard, Log, OrgId, Severity, Timestamp};

const EVENTS: usize = 1_000;
const ROUNDS: usize = 61;

fn main() {
    let guard = Guard::new();
    println!("| event | bytes | µs an event |\n|---|---|---|");
    for (name, event) in [("webhook", webhook()), ("e-mail", mail()), ("AI usage", ai()), ("payment", payment())] {
        let bytes = serde_json::to_string(&event).map_or(0, |text| text.len());
        let mut took: Vec<f64> = (0..ROUNDS).map(|_| round(&guard, &event)).collect();
        took.sort_by(f64::total_cmp);
        println!("| {name} | {bytes} | {:.2} |", took[took.len() / 2]);
    }
}

/// Microseconds an event. The copies are made before the clock starts, and dropped after it stops.
fn round(guard: &Guard, event: &Event) -> f64 {
    let copies = vec![event.clone(); EVENTS];
    let begun = Instant::now();
    let clean: Vec<_> = copies.into_iter().map(|event| guard.clean(event)).collect();
    let took = begun.elapsed().as_secs_f64() * 1e6 / EVENTS as f64;
    drop(clean);
    took
}

fn event(log: Log, kind: &str, message: &str, attributes: serde_json::Value) -> Event {
    let at = Timestamp::from_micros(1_795_341_600_000_000);
    Event {
        org: OrgId::new("acme").expect("an id"),
        log,
        kind: kind.into(),
        category: None,
        severity: Severity::Info,
        occurred_at: at,
        received_at: at,
        message: message.to_owned(),
        actor: Some(Actor {
            id: "user_8c1f0d".to_owned(),
            display_name: "Ada Lovelace".to_owned(),
            email: "ada@example.com".to_owned(),
            kind: Some(ActorKind::User),
        }),
        recipient: String::new(),
        subject: String::new(),
        source: "bench".into(),
        pre_auth: false,
        change: None,
        webhook: None,
        ai: None,
        attributes: attributes.as_object().cloned().unwrap_or_default(),
    }
}

fn webhook() -> Event {
    let url = "https://crm.example.com/hooks/tasks?tenant=4711&version=3";
    let message = "POST https://crm.example.com/hooks/tasks -> 503: upstream connect error or disconnect/reset before headers. reset \
                   reason: connection timeout, transport failure reason: delayed connect error: 111";
    let attributes = json!({"delivery_id": "0b989ba4-242f-11e5-81e1-c7b6966d2516", "endpoint_id": "ep_2Fz5Gh7Jk9", "max_attempts": 8,
        "next_attempt_at": "2026-11-25T10:00:30Z", "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "action": "completed"});
    Event {
        recipient: "crm.example.com".to_owned(),
        subject: "task.completed".to_owned(),
        webhook: Some(WebhookDelivery {
            url: url.to_owned(),
            method: "POST".to_owned(),
            http_status: 503,
            attempt: 3,
            latency_ms: 30_004,
        }),
        ..event(Log::System, "webhook_failed", message, attributes)
    }
}

fn mail() -> Event {
    let message = "550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email \
                   address for typos or unnecessary spaces. Learn more at https://support.example.com/mail/?p=NoSuchUser";
    let attributes = json!({"provider_event": "failed", "provider_severity": "permanent", "reason": "bounce", "code": 550,
        "failure_class": "rejected_by_receiver", "enhanced_code": "5.1.1", "mx_host": "aspmx.l.example.com", "domain": "mg.example.com",
        "message_id": "20261125100000.1.8F3A@mg.example.com", "provider_event_id": "Fs7-5t81S2ye2hV5Ebx1cw", "tags": ["welcome", "team"]});
    Event {
        recipient: "bob@example.org".to_owned(),
        subject: "Welcome to the team".to_owned(),
        ..event(Log::Email, "email_bounced", message, attributes)
    }
}

fn ai() -> Event {
    let attributes = json!({"finish_reason": "stop", "response_id": "chatcmpl-B9MBs8CjcvOynu3AqW4mLdHhWc0aT", "service_tier": "default",
        "system_fingerprint": "fp_b376dfbbd5", "request_id": "req_7f3b1c5e9d", "conversation_id": "conv_5d41402abc4b2a76", "feature": "task summary",
        "environment": "production", "user_agent": "acme-gateway/4.2 (linux; x86_64)", "cost_unknown": "no price for this model"});
    let usage = AiUsage {
        model: "gpt-4.1-2025-04-14".to_owned(),
        provider: "openai".to_owned(),
        operation: "chat.completion".to_owned(),
        prompt_tokens: 1_219,
        completion_tokens: 310,
        total_tokens: 1_529,
        success: true,
        ..AiUsage::default()
    };
    Event { ai: Some(usage), ..event(Log::AiUsage, "ai_chat", "", attributes) }
}

fn payment() -> Event {
    let message = "Payment declined: The card number is not valid. Please update your card number or contact your bank; invalid_data";
    let attributes = json!({"transaction_id": "a5143c1d3a6f4a8287d0e2cc1d4c0427", "invoice_id": "1974a098jhlkjasdfljkha898326881c", "invoice_number": "2059",
        "subscription_id": "1974a098jhlkjasdfljkha898326881c", "action": "purchase", "amount_in_cents": "1000", "gateway": "cybersource",
        "failure_type": "invalid_data", "payment_method": "credit_card", "transaction_status": "declined", "account_code": "acme-billing"});
    Event {
        recipient: "billing@example.com".to_owned(),
        ..event(Log::System, "billing_payment_failed", message, attributes)
    }
}
