//! One thing wrong with a request: which field, which rule. The service turns a list of them into one `BadRequest`.

/// The stable reason of an INVALID_ARGUMENT answer to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// A filter that the log does not have, or that is malformed.
    Filter,
    /// The range is longer than the retention.
    RangeTooLong,
    /// The range reaches further back than the retention.
    OutsideRetention,
    /// Not a column of that log, or not a direction.
    OrderBy,
    /// A negative page size.
    PageSize,
}

impl InvalidReason {
    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "INVALID_FILTER",
            Self::RangeTooLong => "RANGE_TOO_LONG",
            Self::OutsideRetention => "OUTSIDE_RETENTION",
            Self::OrderBy => "INVALID_ORDER_BY",
            Self::PageSize => "INVALID_PAGE_SIZE",
        }
    }
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Violation {
    /// What kind of mistake.
    pub reason: InvalidReason,
    /// The field's path in the request, for example `filter.categories`.
    pub field: &'static str,
    /// The rule it breaks, in a sentence for the caller.
    pub rule: String,
}

impl Violation {
    /// A violation of the filter rules.
    pub fn filter(field: &'static str, rule: impl Into<String>) -> Self {
        Self { reason: InvalidReason::Filter, field, rule: rule.into() }
    }
}
