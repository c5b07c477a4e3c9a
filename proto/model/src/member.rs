//! The directory's nouns, and the records that wait: members, bindings, dead letters.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::OrgId;
use crate::vocabulary::ActorKind;

/// A user of an organisation. One user may be a member of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user's id, unique within the organisation.
    pub id: String,
    /// Compared case-folded.
    pub email: String,
    /// For people to read.
    pub display_name: String,
    /// `Bot` marks the organisation's automation account.
    pub kind: ActorKind,
}

/// Ties a provider's own name for a customer to an organisation. (source, kind, value) belongs to one organisation at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The organisation.
    pub org: OrgId,
    /// The collector, for example `recurly`.
    pub source: String,
    /// What kind of name, for example `account_code`.
    pub kind: String,
    /// The name.
    pub value: String,
}

/// A record that could not become an event yet: guarded, kept for the retention, replayable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it; sorts by arrival.
    pub id: String,
    /// The name the record came in under.
    pub source: String,
    /// The organisation the request named, if any.
    pub org: Option<OrgId>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// One of [`crate::DeadLettered`]'s names.
    pub reason: String,
    /// A sentence for the operator.
    pub message: String,
    /// The collector's name.
    pub collector: String,
    /// The collector's version.
    pub collector_version: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Media type of the payload.
    pub content_type: String,
    /// Provider's headers without credentials.
    pub headers: Vec<(String, String)>,
    /// The sender's own key; kept so that a replay stores once.
    pub idempotency_key: String,
    /// The payload after the guard.
    pub payload: Vec<u8>,
}
