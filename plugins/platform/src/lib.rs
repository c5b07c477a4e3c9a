//! The platform collector: what the SaaS says about itself. One record shape for security, process and mail events.

mod record;

use system_log_plugin::{Call, Outcome, Record, export_collector, test_cases};

/// One payload.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    Outcome::One(match record.json() {
        Ok(json) => record::read(&json),
        Err(reject) => reject,
    })
}

export_collector!(collect);
test_cases!(collect, "platform");
