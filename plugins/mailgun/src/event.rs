//! One Mailgun event, wherever it came from.

use serde_json::Value;
use system_log_plugin::text::{collapse, cut};
use system_log_plugin::{Event, Json, OrgHint, SourceTime, Verdict, integer, scalar, under};

use crate::recipient::address;
use crate::{failure, form};

/// Longer than any id, code or reason.
const MAX_ATTRIBUTE_BYTES: usize = 1_024;

/// The kind of a diagnostic, as delivery reports spell it before its text; it has no case.
const SMTP: &str = "smtp; ";

/// Known, and not logged: engagement, storage, mailing lists, validations.
const NOT_LOGGED: [&str; 7] = [
    "opened",
    "clicked",
    "stored",
    "email_validation",
    "list_member_uploaded",
    "list_member_upload_error",
    "list_uploaded",
];

/// Reads an event object.
pub(crate) fn read(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("an event: a JSON object");
    }
    let name = match json.at("event") {
        Value::String(name) => name,
        Value::Null => return Verdict::missing("event"),
        _ => return Verdict::malformed("event: must be text"),
    };
    let name = name.trim().to_ascii_lowercase();
    let (kind, severity) = match name.as_str() {
        "accepted" => ("email_sent", "info"),
        "delivered" => ("email_delivered", "info"),
        "rejected" | "blocked" => ("email_send_failed", "error"),
        "unsubscribed" => ("email_unsubscribed", "info"),
        "complained" => ("email_complained", "warning"),
        "failed" => ("", ""),
        known if NOT_LOGGED.contains(&known) => return Verdict::not_logged(format!("event {name} is not logged")),
        "" => return Verdict::missing("event"),
        _ => return Verdict::Unknown(name),
    };
    let status = json.at("delivery-status");
    let mut event = Event::new("email", kind);
    event.severity = severity;
    event.occurred_at = time(json);
    event.recipient = recipient(json);
    event.subject = json.text("message.headers.subject");
    event.attribute("provider_event", name.as_str());
    if name == "failed" {
        let failure = failure::judge(json, status);
        event.kind = failure.kind.into();
        event.severity = failure.severity;
        event.attribute("provider_severity", failure.provider_severity);
        event.attribute("reason", cut(&failure.reason, MAX_ATTRIBUTE_BYTES));
        event.attribute("failure_class", failure.class);
    }
    keep(&mut event, json, status);
    event.message = message(json, status, &name);
    event.org_hints = org_hints(json);
    event.dedupe_key = key(json, &event);
    Verdict::Emit(vec![event])
}

/// `timestamp` in seconds, or the Logs API's `@timestamp`.
fn time(json: &Json) -> Option<SourceTime> {
    json.first_time(&["timestamp", "@timestamp"])
}

/// The event's own recipient; never the `To` header where there is one, which names the list, not the person. Rejected
/// messages have only the header.
fn recipient(json: &Json) -> String {
    let mut told = ["recipient", "message.headers.to"].into_iter().map(|path| match json.at(path) {
        Value::Array(list) => list.iter().map(scalar).find(|text| !text.is_empty()).unwrap_or_default(),
        one => scalar(one),
    });
    address(&told.find(|text| !text.is_empty()).unwrap_or_default())
}

fn keep(event: &mut Event, json: &Json, status: &Value) {
    if let Some(code) = failure::code(status) {
        event.attribute("code", code);
    }
    for (name, value) in [
        ("enhanced_code", under(status, "enhanced-code")),
        ("bounce_type", under(status, "bounce-type")),
        ("mx_host", under(status, "mx-host")),
        ("message_id", json.at("message.headers.message-id")),
        ("provider_event_id", json.at("id")),
        ("domain", json.at("domain.name")),
    ] {
        // A form post has no id but the token of its signature: good for a key, and nobody's to read.
        if let Value::String(text) = value
            && !text.starts_with(form::TOKEN)
        {
            event.attribute(name, cut(text, MAX_ATTRIBUTE_BYTES));
        }
    }
    for (name, path) in [("attempt", "attempt-no"), ("retry_seconds", "retry-seconds")] {
        if let Some(number) = integer(under(status, path)) {
            event.attribute(name, number);
        }
    }
    if failure::flag(json, "flags.is-test-mode") {
        event.attribute("test", true);
    }
    if let Some(tags) = json.at("tags").as_array() {
        let tags: Vec<&str> = tags
            .iter()
            .filter_map(Value::as_str)
            .filter(|tag| !tag.is_empty())
            .take(20)
            .map(|tag| cut(tag, 128))
            .collect();
        event.attribute("tags", tags);
    }
}

/// What the row says: the receiving server's own words where there are any, with their code in front.
fn message(json: &Json, status: &Value, name: &str) -> String {
    match name {
        "accepted" => return "Accepted by Mailgun for delivery".into(),
        "unsubscribed" => return "Recipient unsubscribed".into(),
        "complained" => return "Recipient marked the message as spam".into(),
        _ => {}
    }
    let told = ["message", "description"].into_iter().map(|path| under(status, path));
    let told = told.chain(["reject.reason", "reject.description"].into_iter().map(|path| json.at(path)));
    let text = told.map(words).find(|text| !text.is_empty()).unwrap_or_default();
    match failure::code(status).filter(|code| *code != 0) {
        Some(code) if text.is_empty() => code.to_string(),
        Some(code) if !begins_with_code(&text, code) => format!("{code} {text}"),
        _ => text,
    }
}

/// A text on one line, without the kind in front of a diagnostic.
fn words(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| scalar(value), collapse);
    match text.get(..SMTP.len()).filter(|start| start.eq_ignore_ascii_case(SMTP)) {
        Some(start) => text[start.len()..].to_owned(),
        None => text,
    }
}

fn begins_with_code(text: &str, code: i64) -> bool {
    text.strip_prefix(&code.to_string()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// An organisation the sender put into the message's variables, else the sending domain.
fn org_hints(json: &Json) -> Vec<OrgHint> {
    let mut hints = Vec::new();
    let org = json.first_text(&["user-variables.org_id", "user-variables.organization_id"]);
    if !org.is_empty() {
        hints.push(OrgHint::Org(org));
    }
    let domain = json.text("domain.name");
    if !domain.is_empty() {
        hints.push(OrgHint::Binding("domain".into(), domain));
    }
    hints
}

/// Ids are unique within a UTC day only.
fn key(json: &Json, event: &Event) -> String {
    let id = json.text("id");
    let micros = event.occurred_at.as_ref().and_then(|time| time.micros);
    if id.is_empty() {
        let time = event.occurred_at.as_ref().map_or("", |time| time.text.as_str());
        let message_id = json.text("message.headers.message-id");
        if time.is_empty() && message_id.is_empty() {
            return String::new();
        }
        let attempt = json.text("delivery-status.attempt-no");
        let severity = json.text("severity");
        let name = json.text("event");
        format!("mailgun::{name}:{time}:{}:{message_id}:{severity}:{attempt}", event.recipient)
    } else {
        let date = micros.map(system_log_plugin::time::date).unwrap_or_default();
        format!("mailgun:{date}:{id}")
    }
}
