//! What an operator sees of a store.

use crate::stages::{Stage, StageTotal};

/// A store's state at one moment.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// A write or sync failed: nothing is stored until a restart.
    pub poisoned: bool,
    /// Why.
    pub poison: Option<String>,
    /// Why the days do not get on, as of the last attempt; it is tried again by itself.
    pub apply_error: Option<String>,
    /// Position of the last acknowledged event or change.
    pub last_sequence: u64,
    /// Position up to which the days have everything.
    pub applied_sequence: u64,
    /// Events that are acknowledged and not in the days yet.
    pub pending_events: u64,
    /// Accepted records and their encoded bytes that count against the bounds.
    pub pending_records: u64,
    /// See [`Self::pending_records`].
    pub pending_bytes: u64,
    /// Days there are.
    pub days: u64,
    /// Days whose index was made again from the store since the start.
    pub rebuilt_days: Vec<String>,
    /// Days whose index is being made again: questions look at their rows one after the other.
    pub unindexed_days: Vec<String>,
    /// Directories that were set aside since the start.
    pub quarantined: Vec<String>,
    /// What was found damaged since the start and could not be brought back.
    pub losses: Vec<String>,
    /// Events of closed days that are not in their files yet. They are found like all others.
    pub late_events: u64,
    /// Where the time of storing went since the start.
    pub stages: Vec<(Stage, StageTotal)>,
    /// Parts of the log that could not be read at the start.
    pub log_damage: Vec<String>,
    /// Bytes of an unfinished write that were cut off at the start.
    pub torn_bytes: u64,
    /// Bytes of the commit log.
    pub log_bytes: u64,
    /// Bytes of all days' stores.
    pub store_bytes: u64,
    /// Bytes of all days' indexes.
    pub index_bytes: u64,
    /// Bytes of directory and dead letters.
    pub meta_bytes: u64,
    /// Bytes of idempotency keys.
    pub key_bytes: u64,
}
