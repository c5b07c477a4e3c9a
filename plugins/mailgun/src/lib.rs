//! The Mailgun collector: what became of an e-mail on its way to one recipient.
//!
//! Four shapes carry the same event: the webhook's envelope (`signature`, `event-data`), a page of the Events API (`items`),
//! an item of the Logs API (`@timestamp`), and the form posts of before 2018. All end in [`event::read`].

mod event;
mod failure;
mod form;
mod multipart;
mod recipient;

use serde_json::Value;
use system_log_plugin::{Call, Json, Outcome, Record, Verdict, export_collector, test_cases};

/// Every field that is read. Of what Mailgun sends nothing else is looked at: variables, clients, storage.
const READ: [&str; 34] = [
    "@timestamp",
    "attempt-no",
    "bounce-type",
    "code",
    "delivery-status",
    "description",
    "domain",
    "enhanced-code",
    "event",
    "event-data",
    "flags",
    "headers",
    "id",
    "is-delayed-bounce",
    "is-test-mode",
    "items",
    "message",
    "message-id",
    "mx-host",
    "name",
    "org_id",
    "organization_id",
    "reason",
    "recipient",
    "reject",
    "retry-seconds",
    "severity",
    "signature",
    "subject",
    "tags",
    "timestamp",
    "to",
    "user-variables",
    "webhookPayload",
];

/// One payload.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    match record.content_type.as_str() {
        "application/x-www-form-urlencoded" => return Outcome::One(form::read(form::pairs(&record.payload))),
        "multipart/form-data" => {
            let fields = multipart::fields(&record.payload);
            return Outcome::One(form::read(fields.into_iter()));
        }
        _ => {}
    }
    match Json::parse_only(&record.payload, &READ) {
        Ok(json) => json_payload(json),
        Err(reject) => Outcome::One(reject),
    }
}

fn json_payload(json: Json) -> Outcome {
    let mut json = json.into_value();
    let Some(fields) = json.as_object_mut() else {
        return Outcome::One(Verdict::malformed("payload: a JSON object"));
    };
    match fields.remove("items").unwrap_or_default() {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {
            return Outcome::One(Verdict::not_logged("items: a page without events"));
        }
        Value::Array(items) => {
            return Outcome::Page(items.into_iter().map(|item| event::read(&Json::of(item))).collect());
        }
        _ => return Outcome::One(Verdict::malformed("items: a list of events")),
    }
    // Resellers wrap the event once more.
    let inner = ["event-data", "webhookPayload"].into_iter().filter_map(|name| fields.remove(name));
    let wrapped = inner.into_iter().find(|inner| !inner.is_null());
    let says_nothing = |name: &str| fields.get(name).is_none_or(Value::is_null);
    Outcome::One(match wrapped {
        Some(inner) => event::read(&Json::of(inner)),
        None if !says_nothing("signature") && says_nothing("event") => Verdict::missing("event-data"),
        None => event::read(&Json::of(json)),
    })
}

export_collector!(collect);
test_cases!(collect, "mailgun");
