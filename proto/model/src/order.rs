//! The total order of an answer: a column, a direction, and ties by ingest order in the same direction.

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::column::TableColumn;
use crate::event::{Actor, Event};
use crate::id::Sequence;
use crate::limits::SORT_PREFIX_CHARS;
use crate::text::fold;
use crate::violation::{InvalidReason, Violation};
use crate::vocabulary::{Category, Log};

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Direction {
    Ascending,
    Descending,
}

/// What an answer is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// The column.
    pub column: TableColumn,
    /// Its direction, and that of the ties.
    pub direction: Direction,
}

/// An event's place in an order, apart from ties.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum SortKey {
    /// Times, ranks, counts.
    Number(i64),
    /// Folded text.
    Text(Box<str>),
    /// No value: last in both directions.
    Absent,
}

/// A key that is looked at where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRef<'k> {
    /// See [`SortKey::Number`].
    Number(i64),
    /// See [`SortKey::Text`].
    Text(&'k str),
    /// See [`SortKey::Absent`].
    Absent,
}

impl KeyRef<'_> {
    /// The same key, kept.
    #[must_use]
    pub fn to_key(self) -> SortKey {
        match self {
            Self::Number(number) => SortKey::Number(number),
            Self::Text(text) => SortKey::Text(text.into()),
            Self::Absent => SortKey::Absent,
        }
    }
}

impl SortKey {
    /// The same key, borrowed.
    #[must_use]
    pub fn by_ref(&self) -> KeyRef<'_> {
        match self {
            Self::Number(number) => KeyRef::Number(*number),
            Self::Text(text) => KeyRef::Text(text),
            Self::Absent => KeyRef::Absent,
        }
    }
}

impl Default for OrderBy {
    fn default() -> Self {
        Self { column: TableColumn::OccurredAt, direction: Direction::Descending }
    }
}

impl OrderBy {
    /// Reads `column`, `column asc` or `column desc` (AIP-132, one column); blank text is the default, newest first.
    ///
    /// # Errors
    /// A violation that lists the columns of the log.
    pub fn parse(log: Log, text: &str) -> Result<Self, Violation> {
        let refuse = |rule: String| Violation { reason: InvalidReason::OrderBy, field: "order_by", rule };
        let mut parts = text.split_ascii_whitespace();
        let Some(name) = parts.next() else {
            return Ok(Self::default());
        };
        let direction = match parts.next() {
            None | Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            Some(other) => return Err(refuse(format!("direction {other:?}: 'asc' or 'desc'"))),
        };
        if parts.next().is_some() {
            return Err(refuse("one column, optionally followed by 'asc' or 'desc'".into()));
        }
        let columns = TableColumn::of(log);
        let found = columns.iter().copied().find(|column| column.name() == name);
        let names = || columns.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
        let column = found.ok_or_else(|| refuse(format!("column {name:?}: one of {}", names())))?;
        Ok(Self { column, direction })
    }

    /// Back to text, in the form a client would write.
    #[must_use]
    pub fn text(self) -> String {
        let direction = match self.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        format!("{} {direction}", self.column.name())
    }

    /// The same column the other way: how a previous page is walked.
    #[must_use]
    pub const fn reversed(self) -> Self {
        let direction = match self.direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        Self { column: self.column, direction }
    }

    /// Which of two places comes first. Absent values are last in both directions.
    #[must_use]
    pub fn compare(self, a: (KeyRef<'_>, Sequence), b: (KeyRef<'_>, Sequence)) -> Ordering {
        let turn = |ordering: Ordering| match self.direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        };
        let keys = match (a.0, b.0) {
            (KeyRef::Absent, KeyRef::Absent) => Ordering::Equal,
            (KeyRef::Absent, _) => Ordering::Greater,
            (_, KeyRef::Absent) => Ordering::Less,
            (KeyRef::Number(a), KeyRef::Number(b)) => turn(a.cmp(&b)),
            (KeyRef::Text(a), KeyRef::Text(b)) => turn(a.cmp(b)),
            (KeyRef::Number(_), KeyRef::Text(_)) => Ordering::Less,
            (KeyRef::Text(_), KeyRef::Number(_)) => Ordering::Greater,
        };
        keys.then_with(|| turn(a.1.cmp(&b.1)))
    }
}

impl TableColumn {
    /// An event's key in this column.
    #[must_use]
    pub fn key(self, event: &Event) -> SortKey {
        let text = |text: &str| {
            if text.is_empty() { SortKey::Absent } else { SortKey::Text(fold(text).into()) }
        };
        let number = |number: Option<i64>| number.map_or(SortKey::Absent, SortKey::Number);
        let ai = event.ai.as_ref();
        match self {
            Self::OccurredAt => Self::time_key(event.occurred_at),
            Self::Type => text(&event.kind),
            Self::Category => text(event.category.map_or("", Category::name)),
            Self::Severity => SortKey::Number(i64::from(event.severity.rank())),
            Self::Message => message_key(&event.message),
            Self::Recipient => text(&event.recipient),
            Self::Subject => text(&event.subject),
            Self::Actor => text(event.actor.as_ref().map_or("", Actor::label)),
            Self::Model => text(ai.map_or("", |a| &a.model)),
            Self::TotalTokens => number(ai.map(|a| a.total_tokens)),
            Self::Cost => number(ai.and_then(|a| a.cost_nano_usd)),
            Self::Latency => number(ai.and_then(|a| a.latency_ms)),
        }
    }

    /// The key of a text that is folded already, where the column has such a key; `None` where it has another.
    #[must_use]
    pub fn folded_key(self, folded: &str) -> Option<KeyRef<'_>> {
        let end = match self {
            Self::Recipient | Self::Subject => folded.len(),
            Self::Message => folded.char_indices().nth(SORT_PREFIX_CHARS).map_or(folded.len(), |(at, _)| at),
            _ => return None,
        };
        Some(if folded.is_empty() { KeyRef::Absent } else { KeyRef::Text(&folded[..end]) })
    }

    /// The key of a time, for readers that know it without the event.
    #[must_use]
    pub const fn time_key(at: Timestamp) -> SortKey {
        SortKey::Number(at.micros())
    }
}

/// The first [`SORT_PREFIX_CHARS`] folded characters.
fn message_key(message: &str) -> SortKey {
    if message.is_empty() {
        return SortKey::Absent;
    }
    SortKey::Text(message.chars().flat_map(char::to_lowercase).take(SORT_PREFIX_CHARS).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_by_names_a_column_of_the_log() {
        let order = OrderBy::parse(Log::AiUsage, " cost  desc").unwrap();
        assert_eq!(order.text(), "cost desc");
        assert_eq!(OrderBy::parse(Log::System, "").unwrap().text(), "occurred_at desc");
        for bad in ["cost", "type sideways", "type, severity", "type asc desc"] {
            let violation = OrderBy::parse(Log::System, bad).unwrap_err();
            assert_eq!(violation.reason.name(), "INVALID_ORDER_BY", "{bad}");
        }
    }

    #[test]
    fn absent_is_last_in_both_directions_and_ties_follow_the_direction() {
        let text = KeyRef::Text;
        for direction in [Direction::Ascending, Direction::Descending] {
            let order = OrderBy { column: TableColumn::Subject, direction };
            assert_eq!(order.compare((KeyRef::Absent, Sequence(1)), (text("a"), Sequence(2))), Ordering::Greater);
        }
        let down = OrderBy { column: TableColumn::Subject, direction: Direction::Descending };
        assert_eq!(down.compare((text("a"), Sequence(2)), (text("a"), Sequence(1))), Ordering::Less);
        assert_eq!(down.compare((text("b"), Sequence(1)), (text("a"), Sequence(2))), Ordering::Less);
    }
}
