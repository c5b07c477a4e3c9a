//! Names of organisations and events.
//!
//! An event's id holds its sequence (so that ids sort by ingest order) and its UTC day (so that one id leads to one
//! directory); it says nothing else and grants nothing: a lookup always needs the organisation too.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Day;

/// The longest organisation id, in bytes: part of every storage key.
pub const MAX_ORG_ID_BYTES: usize = 64;

/// An organisation (tenant). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrgId(Arc<str>);

/// Why a text is not an organisation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an organisation id is 1 to {MAX_ORG_ID_BYTES} letters, digits, '.', '_', ':' or '-'")]
pub struct InvalidOrgId;

impl OrgId {
    /// Checks the form: 1 to [`MAX_ORG_ID_BYTES`] ASCII letters, digits, `.`, `_`, `:`, `-`.
    ///
    /// # Errors
    /// [`InvalidOrgId`] otherwise.
    pub fn new(text: &str) -> Result<Self, InvalidOrgId> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        let fits = (1..=MAX_ORG_ID_BYTES).contains(&text.len());
        if fits && text.bytes().all(good) { Ok(Self(text.into())) } else { Err(InvalidOrgId) }
    }

    /// The id as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Position in the commit log: 1 for the first event of a store, never reused, never going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Sequence(pub u64);

/// Names one stored event. Seventeen URL-safe characters: the sequence, then the day, in base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId {
    /// Position in the commit log.
    pub sequence: Sequence,
    /// UTC day of the event's time: its directory.
    pub day: Day,
}

/// Crockford's alphabet in lower case: ascending in ASCII, so texts sort as numbers do; no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SEQUENCE_DIGITS: usize = 13;
const DAY_DIGITS: usize = 4;

impl EventId {
    /// Reads an id back; `None` for anything that [`fmt::Display`] did not write.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != SEQUENCE_DIGITS + DAY_DIGITS {
            return None;
        }
        let (sequence, day) = bytes.split_at(SEQUENCE_DIGITS);
        let sequence = u64::try_from(read(sequence)?).ok()?;
        let day = i32::try_from(read(day)?).ok()?;
        Some(Self { sequence: Sequence(sequence), day: Day(day) })
    }
}

fn read(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |sum, byte| {
        let value = ALPHABET.iter().position(|a| a == byte)?;
        Some(sum << 5 | u128::try_from(value).ok()?)
    })
}

fn write(f: &mut fmt::Formatter<'_>, value: u64, digits: usize) -> fmt::Result {
    for place in (0..digits).rev() {
        let index = usize::try_from(value >> (5 * place) & 31).unwrap_or_default();
        write!(f, "{}", char::from(ALPHABET[index]))?;
    }
    Ok(())
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.sequence.0, SEQUENCE_DIGITS)?;
        write(f, u64::try_from(self.day.0).unwrap_or_default(), DAY_DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_ingest_order_and_read_back() {
        let id = |s, d| EventId { sequence: Sequence(s), day: Day(d) };
        for i in [id(1, 20_000), id(u64::MAX, 0), id(31, 1_048_575)] {
            assert_eq!(EventId::parse(&i.to_string()), Some(i));
        }
        assert!(id(31, 20_000).to_string() < id(32, 19_000).to_string());
        assert!(EventId::parse("").is_none());
        assert!(EventId::parse("zzzzzzzzzzzzzzzzz").is_none(), "more than 64 bits of sequence");
        assert!(EventId::parse("000000000000i0000").is_none());
    }

    #[test]
    fn organisation_ids_are_checked() {
        assert!(OrgId::new("acme-1.eu").is_ok());
        for bad in ["", "*", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(OrgId::new(bad).is_err(), "{bad:?}");
        }
    }
}
