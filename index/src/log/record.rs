//! What stands in a frame: groups of events with their key, and changes, one after another in the order of their sequences.

use serde::{Deserialize, Serialize};
use system_log_model::{Event, Timestamp};

use crate::dedupe::KeyHash;
use crate::entry::Change;

/// One thing that was accepted. A group takes one sequence for each event, a change takes one.
#[derive(Debug, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "changes are rare, and live no longer than the frame they are written in"
)]
pub(crate) enum Record {
    /// Events of one organisation.
    Events {
        key: Option<KeyHash>,
        received: Timestamp,
        events: Vec<Event>,
        /// The groups of one record stand beside each other and share it.
        #[serde(default)]
        claim: Option<KeyHash>,
    },
    /// A change of directory or dead letters.
    Change(Change),
}

/// A record as bytes, before it is known which sequences it gets.
pub(crate) fn encode(record: &Record) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec(record)
}

/// Puts a record behind the others of a frame.
pub(crate) fn push(frame: &mut Vec<u8>, record: &[u8]) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(record);
}

/// The records of a frame; `None` when the bytes are not records of ours.
pub(crate) fn decode_all(mut raw: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !raw.is_empty() {
        let (length, rest) = raw.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (record, rest) = rest.split_at_checked(length)?;
        records.push(rmp_serde::from_slice(record).ok()?);
        raw = rest;
    }
    Some(records)
}

impl Record {
    /// How many sequences it takes.
    pub(crate) fn span(&self) -> u64 {
        match self {
            Self::Events { events, .. } => events.len() as u64,
            Self::Change(_) => 1,
        }
    }
}
