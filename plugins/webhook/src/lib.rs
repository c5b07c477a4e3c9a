//! The webhook collector: what became of a call to a customer's endpoint. Bodies and headers are never kept; the URL is
//! kept in full, because customers debug with it.

mod attempt;
mod delivery;
mod status;
mod svix;
mod url;

use serde_json::Value;
use system_log_plugin::{Call, Json, Outcome, Record, SourceTime, Verdict, export_collector, test_cases, time};

/// One payload.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    let json = match record.json() {
        Ok(json) => json,
        Err(reject) => return Outcome::One(reject),
    };
    if let Some(items) = list(&json) {
        return page(items, one);
    }
    match svix::read(&json).unwrap_or_else(|| Outcome::One(one(&json))) {
        Outcome::One(verdict) => Outcome::One(with_headers(verdict, record)),
        page @ Outcome::Page(_) => page,
    }
}

/// A list of deliveries: bare (GitHub), or the answer of Svix' list of attempts.
fn list<'a>(json: &'a Json<'_>) -> Option<&'a Vec<Value>> {
    match json.value() {
        Value::Array(items) => Some(items),
        _ if json.text("type").is_empty() => json.at("data").as_array(),
        _ => None,
    }
}

/// One verdict for each item.
pub(crate) fn page(items: &[Value], read: fn(&Json) -> Verdict) -> Outcome {
    if items.is_empty() {
        return Outcome::One(Verdict::not_logged("a page without deliveries"));
    }
    Outcome::Page(items.iter().map(|item| read(&Json::over(item))).collect())
}

/// One delivery, whoever reports it.
fn one(json: &Json) -> Verdict {
    if svix::is_attempt(json) { svix::attempt(json) } else { delivery::read(json) }
}

/// Dispatchers that follow Standard Webhooks say in a header which message this is and when it was sent; it counts where the
/// payload does not say.
fn with_headers(verdict: Verdict, record: &Record) -> Verdict {
    let header = |name: &str| record.header(&format!("webhook-{name}")).or(record.header(&format!("svix-{name}")));
    let Verdict::Emit(mut events) = verdict else { return verdict };
    for event in &mut events {
        if event.dedupe_key.is_empty() {
            event.dedupe_key = header("id").unwrap_or_default().to_owned();
        }
        if event.occurred_at.is_none() {
            let sent = header("timestamp").filter(|text| !text.is_empty());
            event.occurred_at = sent.map(|text| SourceTime { micros: time::parse(text), text: text.to_owned() });
        }
    }
    Verdict::Emit(events)
}

export_collector!(collect);
test_cases!(collect, "webhook");

#[cfg(test)]
mod tests {
    use system_log_plugin::{Outcome, Record, Verdict};

    use super::collect;

    #[test]
    fn headers_say_what_the_payload_does_not() {
        let run = |payload: &str| {
            let call = system_log_plugin::Call { source: "webhook".into(), config: "{}".into(), received_at: 0 };
            let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            let record = Record { payload: payload.into(), content_type: "application/json".into(), headers };
            let Outcome::One(Verdict::Emit(events)) = collect(&call, &record) else { panic!("not emitted") };
            let micros = events[0].occurred_at.as_ref().and_then(|time| time.micros);
            (events[0].dedupe_key.clone(), micros)
        };
        let disabled = r#"{"type": "endpoint.disabled", "data": {"endpointId": "ep_1"}}"#;
        assert_eq!(run(disabled), ("msg_1".to_owned(), Some(1_614_265_330_000_000)));
        let own = r#"{"id": "d1", "url": "https://h.example", "occurred_at": 1614265331}"#;
        assert_eq!(run(own), ("d1".to_owned(), Some(1_614_265_331_000_000)), "the payload counts first");
    }
}
