//! What goes into a collector and what comes out, before the host has believed any of it.
//!
//! `Submission → (plugin) → Verdict of Drafts → (admit) → Event → (guard) → Clean → (store) → stored`.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Actor, AiUsage, Attributes, Change, WebhookDelivery};

/// One record as it arrived, on its way into a plugin.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The bytes as sent, at most [`crate::limits::MAX_PAYLOAD_BYTES`].
    pub payload: Vec<u8>,
    /// Media type without parameters, lower case.
    pub content_type: String,
    /// Provider's headers, names in lower case, credentials already removed.
    pub headers: Vec<(String, String)>,
    /// Records of different groups never meet within one sandbox, unless the plugin is one of ours. A group is an
    /// organisation, as far as one is known, but nobody behind this needs to know that.
    pub group: u32,
}

/// What a plugin makes of one record, or of one item of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Events, stored together or not at all.
    Emit(Vec<Draft>),
    /// Deliberately not logged; a sentence for the developer.
    Drop(crate::outcome::Dropped, String),
    /// Malformed; names field and rule.
    Reject(crate::outcome::Rejected, String),
    /// Well formed, of a type the collector does not know.
    Unknown(String),
    /// The collector itself failed on this record.
    Failed(crate::outcome::DeadLettered, String),
}

/// An event as the plugin tells it: kind checked against the plugin's manifest and words against our vocabulary, but time,
/// organisation and secrets not yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The declared kind it claims to be.
    pub kind: Arc<crate::Kind>,
    /// The plugin's own severity, else the kind's.
    pub severity: crate::Severity,
    /// The source's time; absent when it gave none.
    pub occurred_at: Option<SourceTime>,
    /// What the row says.
    pub message: String,
    /// Who did it.
    pub actor: Option<Actor>,
    /// Whom it reached or concerned.
    pub recipient: String,
    /// Subject or webhook event type.
    pub subject: String,
    /// The address entered before sign-in; empty otherwise.
    pub attempted_email: String,
    /// What was changed.
    pub change: Option<Change>,
    /// The call to a customer's endpoint.
    pub webhook: Option<WebhookDelivery>,
    /// The use of an AI model.
    pub ai: Option<AiUsage>,
    /// The rest.
    pub attributes: Attributes,
    /// Tried in order.
    pub org_hints: Vec<OrgHint>,
    /// The source's natural key; empty for none.
    pub dedupe_key: String,
}

/// When the source says it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTime {
    /// `None` when the text is not a time.
    pub at: Option<Timestamp>,
    /// The source's own spelling.
    pub text: String,
}

/// Something in a payload that may name the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrgHint {
    /// An organisation's id.
    Org(String),
    /// A provider's own name for a customer.
    Binding {
        /// What kind of name, for example `account_code`.
        kind: String,
        /// The name.
        value: String,
    },
}

/// What became of one submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// One verdict for the whole record.
    One(Verdict),
    /// The payload was a page or batch itself: one verdict for each inner item, in order.
    Page(Vec<Verdict>),
}
