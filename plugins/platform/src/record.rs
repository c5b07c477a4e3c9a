//! The platform's record: `{id, occurred_at, event, email, reason, ip, actor{…}, before, after, name, subject, recipient,
//! message}`, and which kind its `event` is.

use serde_json::Value;
use system_log_plugin::{Actor, Change, Event, Json, OrgHint, Verdict};

/// What a name means to this collector.
enum Meaning {
    /// A kind of the system log.
    Plain,
    /// It happens before sign-in: the e-mail decides whose it is.
    BeforeSignIn,
    /// A value of that name changed.
    Change(&'static str),
    /// A send failure stands in two logs: what our server did, and what became of the e-mail.
    SendFailure,
}

/// Internal monitoring: never logged.
const NOISE: [&str; 3] = ["uptime_probe", "capacity_forecast", "queue_health_check"];

/// Fields that have a place of their own in the event.
const TAKEN: [&str; 15] = [
    "id",
    "occurred_at",
    "event",
    "email",
    "actor",
    "before",
    "after",
    "subject",
    "recipient",
    "message",
    "org_id",
    "type",
    "created_at",
    "timestamp",
    "log",
];
/// Extras beyond this many are no facts about an event.
const MAX_EXTRAS: usize = 32;
/// One extra text.
const MAX_EXTRA_BYTES: usize = 1_024;

fn meaning(name: &str) -> Option<Meaning> {
    Some(match name {
        "login_failed" | "password_reset_initiated" | "password_reset_completed" => Meaning::BeforeSignIn,
        "role_changed" => Meaning::Change("role"),
        "email_address_changed" => Meaning::Change("email"),
        "email_send_failed" | "smtp_send_failed" => Meaning::SendFailure,
        "email_sent"
        | "blueprint_made_public"
        | "kickoff_form_made_public"
        | "process_auto_archived"
        | "task_auto_completed" => Meaning::Plain,
        _ => return None,
    })
}

/// Reads a record.
pub(crate) fn read(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("payload: a JSON object");
    }
    let name = json.first_text(&["event", "type"]);
    if name.is_empty() {
        return Verdict::missing("event");
    }
    if NOISE.contains(&name.as_str()) {
        return Verdict::Drop("MONITORING_NOISE", format!("{name} is internal monitoring"));
    }
    let Some(meaning) = meaning(&name) else { return Verdict::Unknown(name) };
    let mut event = common(json, &name);
    match meaning {
        Meaning::Plain => {}
        Meaning::BeforeSignIn => event.attempted_email = json.text("email").trim().to_owned(),
        Meaning::Change(field) => {
            let (before, after) = (json.text("before"), json.text("after"));
            // That a role changed is worth knowing even from a sender who does not know the values.
            let known = !before.is_empty() || !after.is_empty();
            event.change = known.then(|| Change { field: field.to_owned(), before, after });
        }
        Meaning::SendFailure => {
            event.message = message(json, None);
            let mut in_email_log = event.clone();
            in_email_log.log = "email";
            return Verdict::Emit(vec![event, in_email_log]);
        }
    }
    event.message = message(json, event.change.as_ref());
    Verdict::Emit(vec![event])
}

fn common(json: &Json, name: &str) -> Event {
    let mut event = Event::new("system", name);
    event.occurred_at = json.first_time(&["occurred_at", "created_at", "timestamp"]);
    event.recipient = json.first_text(&["recipient", "email"]);
    event.subject = json.text("subject");
    event.actor = actor(json);
    event.dedupe_key = json.text("id");
    let org = json.text("org_id");
    if !org.is_empty() {
        event.org_hints.push(OrgHint::Org(org));
    }
    let extras =
        json.fields().into_iter().flatten().filter(|(name, _)| !TAKEN.contains(&name.as_str()) && !is_body(name));
    for (name, value) in extras.take(MAX_EXTRAS) {
        match value {
            Value::String(text) => {
                event.attribute(name.clone(), system_log_plugin::text::cut(text, MAX_EXTRA_BYTES));
            }
            Value::Bool(_) | Value::Number(_) => event.attribute(name.clone(), value.clone()),
            // Whole objects may be request or response bodies, which are never kept.
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    event
}

/// Raw requests and responses are never kept, under whatever name: `body`, `request_body`, `responseBody`, `raw_payload`, …
fn is_body(name: &str) -> bool {
    let start = name.rfind(|c: char| c.is_ascii_uppercase() || !c.is_ascii_alphanumeric()).unwrap_or(0);
    let last = name[start..].trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    ["body", "payload", "html", "request", "response"].contains(&last.as_str())
}

/// The first that says something: message, name, reason; else what changed.
fn message(json: &Json, change: Option<&Change>) -> String {
    let text = json.first_text(&["message", "name", "reason"]);
    match change {
        Some(Change { field, before, after }) if text.is_empty() => format!("{field}: {before} -> {after}"),
        _ => text,
    }
}

fn actor(json: &Json) -> Option<Actor> {
    let kind = json.text("actor.kind").to_ascii_lowercase();
    let known = ["user", "bot", "service", "anonymous"].contains(&kind.as_str());
    let actor = Actor {
        id: json.first_text(&["actor.id", "actor_id", "actor"]),
        display_name: json.first_text(&["actor.name", "actor.display_name"]),
        email: json.text("actor.email"),
        kind: if known { kind } else { String::new() },
    };
    (actor != Actor::default()).then_some(actor)
}
