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
    let json = match record.json() {
        Ok(json) => json,
        Err(reject) => return Outcome::One(reject),
    };
    if json.fields().is_none() {
        return Outcome::One(Verdict::malformed("payload: a JSON object"));
    }
    match json.at("items") {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {
            return Outcome::One(Verdict::not_logged("items: a page without events"));
        }
        Value::Array(items) => {
            return Outcome::Page(items.iter().map(|item| event::read(&Json::of(item.clone()))).collect());
        }
        _ => return Outcome::One(Verdict::malformed("items: a list of events")),
    }
    // Resellers wrap the event once more.
    let wrapped = [json.at("event-data"), json.at("webhookPayload")].into_iter().find(|inner| !inner.is_null());
    Outcome::One(match wrapped {
        Some(inner) => event::read(&Json::of(inner.clone())),
        None if !json.at("signature").is_null() && json.at("event").is_null() => Verdict::missing("event-data"),
        None => event::read(&json),
    })
}

export_collector!(collect);
test_cases!(collect, "mailgun");
