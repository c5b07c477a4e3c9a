//! The one place where our refusals become gRPC statuses. Every error a client sees is made here: canonical code, one
//! `ErrorInfo`, field violations for bad input, `RetryInfo` only where a retry can help. Nothing internal leaves.

use std::collections::HashMap;
use std::time::Duration;

use system_log_collectors::CollectError;
use system_log_index::error::chain;
use system_log_index::{AppendError, ReadError};
use system_log_model::{Violation, limits};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "system-log";

/// Why a request is refused, in the client's terms.
#[derive(Debug, Clone)]
pub struct Refusal {
    code: Code,
    reason: &'static str,
    message: String,
    violations: Vec<(String, String)>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal with a stable reason.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), violations: Vec::new(), retry_after: None }
    }

    /// Bad input: names the field and the rule.
    pub fn invalid(reason: &'static str, field: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        let mut refusal = Self::new(Code::InvalidArgument, reason, format!("{field}: {rule}"));
        refusal.violations.push((field.to_owned(), rule));
        refusal
    }

    /// The same with one mistake more.
    #[must_use]
    pub fn and(mut self, field: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        self.message = format!("{}; {field}: {rule}", self.message);
        self.violations.push((field.to_owned(), rule));
        self
    }

    /// Several mistakes at once; the first decides the reason.
    #[must_use]
    pub fn violations(violations: &[Violation]) -> Self {
        let reason = violations.first().map_or("INVALID_FILTER", |first| first.reason.name());
        let message = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let mut refusal = Self::new(Code::InvalidArgument, reason, message);
        refusal.violations = violations.iter().map(|v| (v.field.to_owned(), v.rule.clone())).collect();
        refusal
    }

    /// No token, or none that holds. One constant text: it says nothing about why.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "UNAUTHENTICATED", "a valid bearer token is required")
    }

    /// A valid token of the wrong role.
    #[must_use]
    pub fn role_required(role: &str) -> Self {
        Self::new(Code::PermissionDenied, "ROLE_REQUIRED", format!("this call needs a token with the role {role}"))
    }

    /// An organisation that the token does not reach.
    #[must_use]
    pub fn org_not_allowed(field: &str) -> Self {
        let message = format!("{field}: the token may not act for this organisation");
        Self::new(Code::PermissionDenied, "ORG_NOT_ALLOWED", message)
    }

    /// A call that a later version will answer.
    #[must_use]
    pub fn later(what: &str) -> Self {
        Self::new(Code::Unimplemented, "UNIMPLEMENTED", format!("{what} is not part of this version yet"))
    }

    /// Our own fault. The cause goes to our log, not to the client.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, "INTERNAL", "internal error; the operator's log has the details")
    }

    /// A retry after a moment can help.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.retry_after = Some(limits::RETRY_AFTER);
        self
    }

    /// The stable reason.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(refusal.reason, DOMAIN, HashMap::new());
        for (field, rule) in refusal.violations {
            details.add_bad_request_violation(field, rule);
        }
        if let Some(after) = refusal.retry_after {
            details.set_retry_info(Some(after));
        }
        Self::with_error_details(refusal.code, refusal.message, details)
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::violations(&[violation])
    }
}

impl From<CollectError> for Refusal {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::UnknownSource => {
                Self::invalid("UNKNOWN_SOURCE", "source", "no collector accepts records under this name")
            }
            CollectError::Overloaded => Self::overloaded(),
            CollectError::Stopped => Self::stopping(),
        }
    }
}

impl Refusal {
    /// A bounded queue is full (S10).
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(Code::ResourceExhausted, "OVERLOADED", "too much is waiting to be stored; try again shortly").retry()
    }

    /// The caller calls more often than he may.
    #[must_use]
    pub fn rate_limited(after: Duration) -> Self {
        let message = "too many requests with this token; come back after the time in RetryInfo";
        let refusal = Self::new(Code::ResourceExhausted, "RATE_LIMITED", message);
        Self { retry_after: Some(after), ..refusal }
    }

    /// The server is going away.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(Code::Unavailable, "STORE_UNAVAILABLE", "the server is shutting down").retry()
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded => Self::overloaded(),
            AppendError::Unavailable(cause) => {
                tracing::error!(%cause, "the log cannot be written");
                Self::new(Code::Unavailable, "STORE_UNAVAILABLE", "the log cannot be written at the moment").retry()
            }
            AppendError::Invalid(cause) => Self::internal(&cause),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::internal(&chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_names_field_and_rule_and_is_not_retried() {
        let status = Status::from(Refusal::invalid("EMPTY_BATCH", "records", "1 to 1000 records"));
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "EMPTY_BATCH");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "records");
        assert!(details.retry_info().is_none());
    }

    /// proves: S10
    #[test]
    fn overload_says_when_to_come_back() {
        let status = Status::from(Refusal::overloaded());
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
    }
}
