//! What goes into the store and what comes out. How it is written down is not known here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use system_log_model::{ApiKey, Binding, Clean, DeadLetter, Event, EventId, Member, OrgId, Timestamp};

/// Events of one organisation that are stored together or not at all.
#[derive(Debug, Clone)]
pub struct Group {
    /// With a key the group is stored once for the whole retention (S11).
    pub key: Option<DedupeKey>,
    /// Remembered beside the key, and the same for all groups that one record became; see [`Store::claimed`](crate::Store::claimed).
    pub claim: Option<Claim>,
    /// At least one event, all of one organisation.
    pub events: Vec<Clean>,
}

/// What makes two submissions the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupeKey {
    /// The organisation.
    pub org: OrgId,
    /// The collector, whatever alias the source used.
    pub collector: Arc<str>,
    /// The sender's idempotency key, or the natural id of the payload.
    pub key: String,
}

/// What makes two submissions the same one whose organisations are looked up: a retry is known by it even when the
/// directory would lead elsewhere by now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which organisations the sender may write to: senders of different reach know nothing of each other's records.
    pub reach: String,
    /// As in [`DedupeKey`].
    pub collector: Arc<str>,
    /// As in [`DedupeKey`].
    pub key: String,
    /// What the organisations were found by, folded.
    pub address: String,
}

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Stored now; one id for each event, in order.
    Stored(Vec<EventId>),
    /// Seen before within the retention; the first one's ids.
    Duplicate(Vec<EventId>),
}

/// Stands for a signed delivery: a part of a digest of what was signed.
pub type Mark = [u8; 16];

/// A change of the directory, the dead letters, the API keys or the deliveries taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Adds a member or replaces the one of that id.
    UpsertMember {
        /// The organisation.
        org: OrgId,
        /// The member.
        member: Member,
    },
    /// Removes a member.
    DeleteMember {
        /// The organisation.
        org: OrgId,
        /// The member's id.
        id: String,
    },
    /// Ties a provider's name to an organisation, away from any other.
    UpsertBinding(Binding),
    /// Unties a provider's name, if it belongs to that organisation.
    DeleteBinding(Binding),
    /// Keeps a record aside, or replaces the one of that id.
    PutDeadLetter(DeadLetter),
    /// Removes a record that was kept aside.
    DeleteDeadLetter {
        /// Its id.
        id: String,
    },
    /// Adds an API key or replaces the one of that id.
    PutApiKey(ApiKey),
    /// Remembers that a signed delivery was taken, so that it is not taken again.
    TakeDelivery {
        /// Which.
        mark: Mark,
        /// Its signature is too old from then on anyway, and the mark may go.
        until: Timestamp,
    },
}

/// A stored event.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its name.
    pub id: EventId,
    /// What happened.
    pub event: Event,
}

/// A moment of the store: everything acknowledged before it, nothing after. A position in the commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(pub u64);

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
