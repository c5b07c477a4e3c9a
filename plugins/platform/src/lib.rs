//! The platform collector: what the SaaS says about itself. One record shape for security, process and mail events.

mod record;

use system_log_plugin::{Call, Outcome, Record, export_collector};

/// One payload.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    Outcome::One(match record.json() {
        Ok(json) => record::read(&json),
        Err(reject) => reject,
    })
}

export_collector!(collect);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::collect;

    #[test]
    fn cases() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        system_log_plugin::cases::check(&folder, "platform", collect);
        system_log_plugin::cases::check_laws(&folder, "platform", collect);
    }
}
