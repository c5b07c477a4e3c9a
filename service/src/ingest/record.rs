//! One record on its way in, and the one result it gets.

use system_log_index::Appended;
use system_log_model::{DeadLettered, Dropped, Event, EventId, Guard, OrgId, Rejected, Submission, limits};

use crate::auth::Caller;

/// A record as the sender wrote it.
#[derive(Debug, Clone, Default)]
pub struct IncomingRecord {
    /// The source's bytes.
    pub payload: Vec<u8>,
    /// Media type, perhaps with parameters; empty is JSON.
    pub content_type: String,
    /// Overrides the request's organisation; empty for none.
    pub org_id: String,
    /// The provider's headers.
    pub headers: Vec<(String, String)>,
    /// The sender's own key; empty for none.
    pub idempotency_key: String,
}

impl IncomingRecord {
    /// The checks that need no plugin; also removes headers that carry credentials and normalises the content type.
    ///
    /// # Errors
    /// The record's result.
    pub fn check(
        mut self,
        caller: &Caller,
        org: Option<&OrgId>,
        dry_run: bool,
    ) -> Result<(Self, Option<OrgId>), RecordResult> {
        if self.payload.len() > limits::MAX_PAYLOAD_BYTES {
            let size = self.payload.len();
            let rule = format!("payload: at most {} bytes, not {size}", limits::MAX_PAYLOAD_BYTES);
            return Err(RecordResult::rejected(Rejected::PayloadTooLarge, rule));
        }
        if self.idempotency_key.len() > limits::MAX_IDEMPOTENCY_KEY_BYTES {
            let rule = format!("idempotency_key: at most {} bytes", limits::MAX_IDEMPOTENCY_KEY_BYTES);
            return Err(RecordResult::rejected(Rejected::MalformedPayload, rule));
        }
        let header_bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.headers.len() > limits::MAX_RECORD_HEADERS || header_bytes > limits::MAX_RECORD_HEADER_BYTES {
            let rule = format!(
                "headers: at most {} of {} bytes in all",
                limits::MAX_RECORD_HEADERS,
                limits::MAX_RECORD_HEADER_BYTES
            );
            return Err(RecordResult::rejected(Rejected::MalformedPayload, rule));
        }
        let org = if self.org_id.is_empty() {
            org.cloned()
        } else {
            // A dry run goes on to show the events; they are refused behind the plugin.
            let own = OrgId::new(&self.org_id).ok().filter(|org| dry_run || caller.scope.allows(org));
            let refused = || "org_id: the token may not write to this organisation".to_owned();
            Some(own.ok_or_else(|| RecordResult::rejected(Rejected::OrgNotAllowed, refused()))?)
        };
        self.content_type = media_type(&self.content_type);
        self.headers.retain(|(name, _)| !Guard::removes_header(name));
        for (name, _) in &mut self.headers {
            name.make_ascii_lowercase();
        }
        Ok((self, org))
    }

    /// What the plugin sees.
    #[must_use]
    pub fn submission(&self, group: u32) -> Submission {
        Submission {
            payload: self.payload.clone(),
            content_type: self.content_type.clone(),
            headers: self.headers.clone(),
            group,
        }
    }
}

/// `Application/JSON; charset=utf-8` → `application/json`; nothing at all is JSON.
fn media_type(text: &str) -> String {
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.is_empty() { "application/json".to_owned() } else { kind }
}

/// What became of a record. [`crate::grpc::ingest`] writes it to the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordResult {
    /// The outcome.
    pub outcome: ResultOutcome,
    /// Ids of the events it became, now or the first time.
    pub event_ids: Vec<EventId>,
    /// Stable, UPPER_SNAKE; empty when stored or duplicate.
    pub reason: &'static str,
    /// Names field and rule.
    pub message: String,
    /// In a dry run: what would be stored.
    pub events: Vec<Event>,
    /// One for each inner item of a page.
    pub items: Vec<RecordResult>,
}

/// The contract's outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ResultOutcome {
    Stored,
    Duplicate,
    Dropped,
    Rejected,
    DeadLettered,
}

impl RecordResult {
    fn new(outcome: ResultOutcome, reason: &'static str, message: String) -> Self {
        Self { outcome, event_ids: Vec::new(), reason, message, events: Vec::new(), items: Vec::new() }
    }

    /// Malformed or not allowed.
    pub fn rejected(reason: Rejected, message: impl Into<String>) -> Self {
        Self::new(ResultOutcome::Rejected, reason.name(), message.into())
    }

    /// Deliberately not kept.
    pub fn dropped(reason: Dropped, message: impl Into<String>) -> Self {
        Self::new(ResultOutcome::Dropped, reason.name(), message.into())
    }

    /// Stored before; the ids of the first time.
    #[must_use]
    pub fn duplicate(event_ids: Vec<EventId>) -> Self {
        Self { event_ids, ..Self::new(ResultOutcome::Duplicate, "", String::new()) }
    }

    /// Kept aside.
    pub fn dead_lettered(reason: DeadLettered, message: impl Into<String>) -> Self {
        Self::new(ResultOutcome::DeadLettered, reason.name(), message.into())
    }

    /// To be stored; a dry run shows the events.
    #[must_use]
    pub fn would_store(events: Vec<Event>) -> Self {
        Self { events, ..Self::new(ResultOutcome::Stored, "", String::new()) }
    }

    /// A record that was a page itself. Settled once its items are.
    #[must_use]
    pub fn page(items: Vec<Self>) -> Self {
        let mut page = Self { items, ..Self::new(ResultOutcome::Dropped, "", String::new()) };
        page.settle();
        page
    }

    /// A record the road forgot: a mistake of ours that the sender must hear of, not a loss in silence.
    #[must_use]
    pub fn lost() -> Self {
        Self::dead_lettered(DeadLettered::CollectorBadOutput, "the collector gave no outcome for this record")
    }

    /// Notes what the store did with one group of the record, or of one of its items.
    pub fn appended(&mut self, item: Option<usize>, appended: &Appended) {
        let target = match item {
            Some(item) => &mut self.items[item],
            None => self,
        };
        let first = target.event_ids.is_empty();
        match appended {
            Appended::Stored(ids) => {
                target.outcome = ResultOutcome::Stored;
                target.event_ids.extend(ids);
            }
            Appended::Duplicate(ids) => {
                // Of several organisations' copies one may be new: then the record counts as stored.
                if first {
                    target.outcome = ResultOutcome::Duplicate;
                }
                target.event_ids.extend(ids);
            }
        }
    }

    /// A page is stored when any item is, else what most tells the sender what to do: dead-lettered, rejected, duplicate,
    /// dropped, in this order.
    pub fn settle(&mut self) {
        if self.items.is_empty() {
            return;
        }
        use ResultOutcome::{DeadLettered, Dropped, Duplicate, Rejected, Stored};
        let by_weight = [Stored, DeadLettered, Rejected, Duplicate, Dropped];
        let has = |outcome: &ResultOutcome| self.items.iter().any(|item| item.outcome == *outcome);
        self.outcome = by_weight.into_iter().find(has).unwrap_or(Dropped);
        let decisive = self.items.iter().find(|item| item.outcome == self.outcome);
        if let Some(item) = decisive {
            self.reason = item.reason;
            self.message = item.message.clone();
        }
        self.event_ids = self.items.iter().flat_map(|item| item.event_ids.iter().copied()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Scope};

    fn caller() -> Caller {
        let scope = Scope::One(OrgId::new("acme").unwrap());
        Caller { subject: "app".into(), name: String::new(), email: String::new(), role: Role::Ingest, scope }
    }

    #[test]
    fn each_rule_of_a_record_names_its_field() {
        let result = |record: IncomingRecord| record.check(&caller(), None, false).unwrap_err();
        let big = IncomingRecord { payload: vec![b' '; limits::MAX_PAYLOAD_BYTES + 1], ..IncomingRecord::default() };
        assert_eq!(result(big).reason, "PAYLOAD_TOO_LARGE");
        let foreign = IncomingRecord { org_id: "other".into(), ..IncomingRecord::default() };
        assert_eq!(result(foreign).reason, "ORG_NOT_ALLOWED");
        let key = IncomingRecord { idempotency_key: "k".repeat(1_000), ..IncomingRecord::default() };
        assert!(result(key).message.starts_with("idempotency_key"));
    }

    #[test]
    fn credentials_never_reach_a_plugin() {
        let headers = vec![("Authorization".into(), "Bearer x".into()), ("X-Request-Id".into(), "r1".into())];
        let record =
            IncomingRecord { headers, content_type: "Application/JSON; charset=utf-8".into(), ..Default::default() };
        let (record, _) = record.check(&caller(), None, false).unwrap();
        assert_eq!(record.headers, [("x-request-id".to_owned(), "r1".to_owned())]);
        assert_eq!(record.content_type, "application/json");
    }

    #[test]
    fn a_page_is_stored_when_any_item_is() {
        let dropped = RecordResult::dropped(Dropped::NotLogged, "opened");
        let page = RecordResult::page(vec![dropped.clone(), RecordResult::would_store(Vec::new())]);
        assert_eq!(page.outcome, ResultOutcome::Stored);
        let rejected = RecordResult::rejected(Rejected::MissingField, "event");
        assert_eq!(RecordResult::page(vec![dropped, rejected]).reason, "MISSING_FIELD");
    }
}
