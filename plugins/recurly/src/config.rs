//! What an operator may choose in `[collectors.config.recurly]`.

use serde_json::Value;
use system_log_plugin::Call;

/// Both are off unless they are switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Config {
    /// Transactions of a test gateway are dropped.
    pub(crate) drop_test_transactions: bool,
    /// `transaction_status_updated` is logged as the success or failure it tells of.
    pub(crate) log_status_updates: bool,
}

impl Config {
    /// What is not a JSON object, or not a boolean, counts as not set.
    pub(crate) fn of(call: &Call) -> Self {
        let all: Value = serde_json::from_str(&call.config).unwrap_or_default();
        let on = |name: &str| all.get(name).and_then(Value::as_bool).unwrap_or_default();
        Self { drop_test_transactions: on("drop_test_transactions"), log_status_updates: on("log_status_updates") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_switches_something_on() {
        let of = |config: &str| Config::of(&Call { source: "recurly".into(), config: config.into(), received_at: 0 });
        for off in ["", "{}", "null", "[]", "{", r#"{"drop_test_transactions":"true","log_status_updates":1}"#] {
            assert_eq!(of(off), Config::default(), "{off}");
        }
        let on = of(r#"{"drop_test_transactions":true,"log_status_updates":true}"#);
        assert_eq!(on, Config { drop_test_transactions: true, log_status_updates: true });
    }
}
