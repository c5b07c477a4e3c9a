//! What is known of one attempt, whoever reports it, and the row it becomes.

use system_log_plugin::{Event, SourceTime, Webhook, time};

use crate::status::Told;
use crate::url;

/// One attempt to deliver.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// Empty when the dispatcher's message has no id for the attempt.
    pub(crate) id: String,
    /// Empty when the dispatcher names the endpoint by an id of its own only.
    pub(crate) url: String,
    /// Stands in the message when there is no URL.
    pub(crate) endpoint: String,
    pub(crate) method: String,
    pub(crate) told: Told,
    pub(crate) error: String,
    pub(crate) event: String,
    /// 1 for the first; 0 when not known.
    pub(crate) attempt: i32,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) occurred_at: Option<SourceTime>,
}

impl Attempt {
    /// The row: 2xx is sent, everything else failed. Without a status, sent is what the dispatcher says is.
    pub(crate) fn event(self) -> Event {
        let (sent, status, result) = match self.told {
            Told::Status(status @ 1..) => ((200..300).contains(&status), status, status.to_string()),
            Told::Success => (true, 0, "success".to_owned()),
            Told::Status(_) | Told::Nothing => (false, 0, "no answer".to_owned()),
        };
        let kind = if sent { "webhook_sent" } else { "webhook_failed" };
        let method = if self.method.is_empty() { "POST".to_owned() } else { self.method.to_ascii_uppercase() };
        let target = if self.url.is_empty() { self.endpoint } else { url::shown(&self.url) };
        let space = if target.is_empty() { "" } else { " " };
        let colon = if self.error.is_empty() { "" } else { ": " };
        let mut event = Event::new("system", kind);
        event.message = format!("{method}{space}{target} -> {result}{colon}{}", self.error);
        event.recipient = url::host(&self.url).to_owned();
        event.subject = self.event;
        event.occurred_at = self.occurred_at;
        event.dedupe_key = self.id;
        event.webhook = Some(Webhook {
            url: self.url,
            method,
            http_status: status,
            attempt: self.attempt.max(0),
            latency_ms: self.latency_ms,
        });
        event
    }
}

/// Milliseconds between two times.
pub(crate) fn between(start: &str, end: &str) -> Option<i64> {
    let (start, end) = (time::parse(start)?, time::parse(end)?);
    (end >= start).then_some((end - start) / 1_000)
}
