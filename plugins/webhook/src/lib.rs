//! The webhook collector: what became of a call to a customer's endpoint. Bodies and headers are never kept; the URL is
//! kept in full, because customers debug with it.

mod delivery;
mod svix;

use system_log_plugin::{Call, Outcome, Record, export_collector};

/// One payload.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    let json = match record.json() {
        Ok(json) => json,
        Err(reject) => return Outcome::One(reject),
    };
    svix::read(&json).unwrap_or_else(|| Outcome::One(delivery::read(&json)))
}

export_collector!(collect);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::collect;

    #[test]
    fn cases() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        system_log_plugin::cases::check(&folder, "webhook", collect);
        system_log_plugin::cases::check_laws(&folder, "webhook", collect);
    }
}
