//! Failed, or bounced? Mailgun says `failed` to both; an administrator wants to know which address is dead.
//!
//! The first rule that fits wins:
//!
//! | # | condition | kind | class |
//! |---|---|---|---|
//! | 1 | temporary | `email_failed`, warning | temporary |
//! | 2 | permanent, suppressed by Mailgun itself (`suppress-*`, 605, 606, 607, 625) | `email_failed`, error | suppressed |
//! | 3 | permanent, reason `old`: retried until it was given up | `email_failed`, error | retries_exhausted |
//! | 4 | permanent, refused by the receiving server (hard, 5xx, 5.x.x, …) | `email_bounced`, error | rejected_by_receiver |
//! | 5 | permanent, anything else (no MX, no connection) | `email_failed`, error | undeliverable |

use serde_json::Value;
use system_log_plugin::{Json, integer, scalar, text, under};

/// Codes of Mailgun's own: previously bounced, unsubscribed, complained, and poor list quality.
const SUPPRESSED: [i64; 4] = [605, 606, 607, 625];

/// The class of what the receiving server refused.
pub(crate) const REJECTED_BY_RECEIVER: &str = "rejected_by_receiver";

/// What a failure is called here.
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) class: &'static str,
    pub(crate) provider_severity: &'static str,
    /// Mailgun's own word.
    pub(crate) reason: String,
}

/// The SMTP or Mailgun code, also when it is written as text.
pub(crate) fn code(status: &Value) -> Option<i64> {
    let value = under(status, "code");
    // `5.1.1` is an enhanced code; `550 5.1.1` is both.
    if value.as_str().and_then(text::leading_number).is_some_and(|number| number.matches('.').count() > 1) {
        return None;
    }
    integer(value)
}

/// Whether a flag is set, also when it is written as text.
pub(crate) fn flag(json: &Json, path: &str) -> bool {
    match json.at(path) {
        Value::Bool(set) => *set,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Applies the table.
pub(crate) fn judge(json: &Json, status: &Value) -> Failure {
    let told = json.text("reason");
    let reason = told.to_ascii_lowercase();
    let code = code(status).unwrap_or_default();
    let enhanced = scalar(under(status, "enhanced-code"));
    let enhanced = if enhanced.is_empty() { scalar(under(status, "code")) } else { enhanced };
    let refused = (500..600).contains(&code) || enhanced.starts_with("5.");
    let suppressed = reason.starts_with("suppress-") || SUPPRESSED.contains(&code);
    let temporary = match json.text("severity").to_ascii_lowercase().as_str() {
        "temporary" => true,
        "permanent" => false,
        // The Logs API may leave it out.
        _ if !under(status, "retry-seconds").is_null() => true,
        _ => !(suppressed || refused),
    };
    if temporary {
        return Failure {
            kind: "email_failed",
            severity: "warning",
            class: "temporary",
            provider_severity: "temporary",
            reason: told,
        };
    }
    let delayed = flag(json, "flags.is-delayed-bounce");
    let hard = under(status, "bounce-type").as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("hard"));
    let blocked = ["bounce", "espblock", "blacklisted"].contains(&reason.as_str());
    let (kind, class) = if suppressed {
        ("email_failed", "suppressed")
    } else if reason == "old" {
        ("email_failed", "retries_exhausted")
    } else if delayed || hard || refused || blocked {
        ("email_bounced", REJECTED_BY_RECEIVER)
    } else {
        ("email_failed", "undeliverable")
    };
    Failure { kind, severity: "error", class, provider_severity: "permanent", reason: told }
}
