//! A day's raw payloads, as the real senders write them: webhook deliveries, Mailgun's webhooks (real samples with new ids,
//! times and recipients), the platform's own security, process and mail events, Recurly's notifications, and uses of AI.

pub(super) mod ai;
mod billing;

use serde_json::{Value, json};
use system_log_model::Timestamp;
use system_log_model::clock::{Day, MICROS_PER_DAY};

use super::members::{BOT, PEOPLE};
use super::random::Random;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Webhooks,
    Mailgun,
    Mail,
    Security,
    SignIns,
    Process,
    Recurly,
    Ai,
}

const MAILGUN_SAMPLES: [(&str, &str); 8] = [
    ("accepted", include_str!("samples/mailgun_accepted.json")),
    ("delivered", include_str!("samples/mailgun_delivered_messages.json")),
    ("bounced", include_str!("samples/mailgun_permanent_failure.json")),
    ("delayed", include_str!("samples/mailgun_temporary_failure.json")),
    ("suppressed", include_str!("samples/mailgun_suppression_failure.json")),
    ("complained", include_str!("samples/mailgun_spam_complaints.json")),
    ("unsubscribed", include_str!("samples/mailgun_unsubscribes.json")),
    ("clicked", include_str!("samples/mailgun_clicks.json")),
];

const ENDPOINTS: [&str; 4] = [
    "https://crm.example.com/hooks/system?env=prod",
    "https://hooks.example.net/services/orders",
    "https://erp.example.org/api/v2/events?tenant=demo",
    "https://status.example.com/in",
];
const HOOK_EVENTS: [&str; 4] = ["process.completed", "task.assigned", "comment.created", "form.submitted"];
const HOOK_ERRORS: [(i64, &str); 4] = [
    (0, "Connection refused"),
    (503, "upstream connect error or disconnect/reset before headers"),
    (404, "Not Found"),
    (0, "TLS handshake: certificate has expired"),
];
const CUSTOMERS: [&str; 5] =
    ["alice@example.com", "bob@example.net", "carol@example.org", "zoë@example.com", "dave+list@example.net"];
const SUBJECTS: [&str; 5] =
    ["Welcome to the team", "Your weekly digest", "Task assigned: review the offer", "Invoice 2041", "🎉 Process done"];
const PROCESSES: [&str; 4] =
    ["Onboarding of A. Smith", "Invoice 2041", "Quarterly review", "Angebot für Müller & Söhne"];

impl Sender {
    /// A day's numbers are drawn in this order: new ones belong at the end, or what was loaded before becomes another.
    pub(super) const ALL: &'static [Self] = &[
        Self::Webhooks,
        Self::Mailgun,
        Self::Mail,
        Self::Security,
        Self::SignIns,
        Self::Process,
        Self::Recurly,
        Self::Ai,
    ];

    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::Webhooks => "webhook",
            Self::Mailgun => "mailgun",
            Self::Mail => "mail",
            Self::Security | Self::SignIns => "security",
            Self::Process => "process",
            Self::Recurly => "recurly",
            Self::Ai => "ai",
        }
    }

    pub(super) fn is_before_sign_in(self) -> bool {
        self == Self::SignIns
    }

    const fn a_day(self) -> u64 {
        match self {
            Self::Webhooks => 30,
            Self::Mailgun => 40,
            Self::Mail => 12,
            Self::Security => 2,
            Self::SignIns => 6,
            Self::Process => 10,
            Self::Recurly => 2,
            Self::Ai => 25,
        }
    }

    /// The payloads of a day, none of them after `now`.
    pub(super) fn records_of(self, day: Day, now: Timestamp, random: &mut Random) -> Vec<String> {
        let mut records = Vec::new();
        for number in 0..self.a_day() {
            let offset = i64::try_from(random.below(MICROS_PER_DAY.unsigned_abs())).unwrap_or_default();
            let at = day.start().plus_micros(offset);
            let id = format!("{}-{}-{number}", self.source(), day.0);
            let payload = match self {
                Self::Webhooks => webhook(&id, at, number == 0, random).to_string(),
                Self::Mailgun => mailgun(&id, at, random).to_string(),
                Self::Mail => mail(&id, at, random).to_string(),
                Self::Security => security(&id, at, random).to_string(),
                Self::SignIns => sign_in(&format!("{id}-pre"), at, random).to_string(),
                Self::Process => process(&id, at, random).to_string(),
                Self::Recurly => billing::notification(&id, at, random),
                Self::Ai => ai::usage(&id, at, random),
            };
            if at <= now {
                records.push(payload);
            }
        }
        records
    }
}

/// The first of a day is one to the CRM that fails: whoever asks for it sees one, whatever the day.
fn webhook(id: &str, at: Timestamp, is_first: bool, random: &mut Random) -> Value {
    let failed = random.percent(12) | is_first;
    let (status, error) = if failed { *random.pick(&HOOK_ERRORS) } else { (*random.pick(&[200, 201, 204]), "") };
    let endpoint = *random.pick(&ENDPOINTS);
    json!({
        "id": id,
        "occurred_at": at.to_string(),
        "url": if is_first { ENDPOINTS[0] } else { endpoint },
        "method": "POST",
        "http_status": status,
        "attempt": 1 + random.below(3),
        "duration_ms": 20 + random.below(900),
        "event": random.pick(&HOOK_EVENTS),
        "error": error,
    })
}

/// A real payload of Mailgun's with another id, time, recipient and subject.
fn mailgun(id: &str, at: Timestamp, random: &mut Random) -> Value {
    let chance = random.below(100);
    let which = match chance {
        0..40 => 0,
        40..84 => 1,
        84..88 => 2,
        88..92 => 3,
        92..94 => 4,
        94..95 => 5,
        95..97 => 6,
        _ => 7,
    };
    let mut payload: Value = serde_json::from_str(MAILGUN_SAMPLES[which].1).unwrap_or_default();
    let event = &mut payload["event-data"];
    let recipient = *random.pick(&CUSTOMERS);
    #[expect(clippy::cast_precision_loss, reason = "Mailgun itself writes seconds as a float")]
    let seconds = at.micros() as f64 / 1e6;
    event["id"] = json!(id);
    event["timestamp"] = json!(seconds);
    event["recipient"] = json!(recipient);
    if event["message"]["headers"].get("subject").is_some() {
        event["message"]["headers"]["subject"] = json!(random.pick(&SUBJECTS));
    }
    payload
}

fn mail(id: &str, at: Timestamp, random: &mut Random) -> Value {
    let (event, reason) = match random.below(20) {
        0 => ("email_send_failed", "could not render the template: missing variable \"name\""),
        1 => ("smtp_send_failed", "535 5.7.8 authentication failed"),
        _ => ("email_sent", ""),
    };
    json!({
        "id": id,
        "occurred_at": at.to_string(),
        "event": event,
        "recipient": random.pick(&CUSTOMERS),
        "subject": random.pick(&SUBJECTS),
        "reason": reason,
    })
}

fn security(id: &str, at: Timestamp, random: &mut Random) -> Value {
    let (actor, _, _) = PEOPLE[0];
    let (_, name, email) = *random.pick(&PEOPLE[1..]);
    let common = json!({"id": id, "occurred_at": at.to_string(), "actor": {"id": actor}, "recipient": email});
    let more = match random.below(4) {
        0 => json!({"event": "role_changed", "before": "standard", "after": "administrator"}),
        1 => {
            json!({"event": "email_address_changed", "before": format!("old.{email}"), "after": email})
        }
        2 => json!({"event": "blueprint_made_public", "name": random.pick(&PROCESSES)}),
        _ => json!({"event": "kickoff_form_made_public", "name": format!("Request by {name}")}),
    };
    merge(common, more)
}

fn sign_in(id: &str, at: Timestamp, random: &mut Random) -> Value {
    let (_, _, email) = *random.pick(&PEOPLE);
    let (event, reason) = match random.below(10) {
        0 => ("password_reset_initiated", ""),
        1 => ("password_reset_completed", ""),
        2 => ("login_failed", "second factor missing"),
        _ => ("login_failed", "wrong password"),
    };
    let ip = format!("203.0.113.{}", random.below(255));
    json!({"id": id, "occurred_at": at.to_string(), "event": event, "email": email, "reason": reason, "ip": ip})
}

fn process(id: &str, at: Timestamp, random: &mut Random) -> Value {
    let event = *random.pick(&["process_auto_archived", "task_auto_completed"]);
    json!({
        "id": id,
        "occurred_at": at.to_string(),
        "event": event,
        "name": random.pick(&PROCESSES),
        "actor": {"id": BOT.0},
    })
}

fn merge(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_same_whenever_it_is_loaded_and_never_in_the_future() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        for sender in Sender::ALL {
            let day = |day: Day| sender.records_of(day, now, &mut Random::new(7));
            let yesterday = Day(now.day().0 - 1);
            assert_eq!(day(yesterday), day(yesterday));
            assert_eq!(day(yesterday).len() as u64, sender.a_day());
            assert!(day(Day(now.day().0 + 1)).is_empty());
        }
    }

    #[test]
    fn every_sample_is_json() {
        for (name, text) in MAILGUN_SAMPLES {
            assert!(serde_json::from_str::<Value>(text).unwrap()["event-data"]["id"].is_string(), "{name}");
        }
    }
}
