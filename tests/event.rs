//! Records and filters that scenarios are written with.

use serde_json::{Value, json};
use system_log_model::Timestamp;
use system_log_wire::Timestamp as ProtoTimestamp;
use system_log_wire::systemlog::v1 as pb;

/// A record with a JSON payload.
pub fn record(payload: &Value) -> pb::Record {
    pb::Record { payload: payload.to_string().into_bytes().into(), ..Default::default() }
}

/// A webhook delivery.
pub fn webhook(id: &str, at: &str, status: i64, error: &str) -> pb::Record {
    record(&json!({"id": id, "occurred_at": at, "url": "https://crm.example.com/hooks?x=1", "method": "POST",
        "http_status": status, "event": "process.completed", "error": error}))
}

/// A failed login for an address.
pub fn login_failed(id: &str, at: &str, email: &str) -> pb::Record {
    record(&json!({"id": id, "occurred_at": at, "event": "login_failed", "email": email, "reason": "wrong password"}))
}

/// Everything of a log within the last 90 days before [`crate::server::NOW`], and a day after it.
pub fn everything(log: pb::Log) -> pb::EventFilter {
    pb::EventFilter {
        log: log.into(),
        start_time: Some(time("2026-08-25T00:00:00Z")),
        end_time: Some(time("2026-11-23T00:00:00Z")),
        ..Default::default()
    }
}

/// A time on the wire.
pub fn time(text: &str) -> ProtoTimestamp {
    let (seconds, nanos) = Timestamp::parse(text).expect("a time").to_seconds();
    ProtoTimestamp { seconds, nanos }
}
