//! The audit of the audit: who looked at the log, recorded before the first row leaves (S6).
//!
//! One record for each open and each export. A client that names its page with a `view_id` is recorded once an hour for
//! the same log and filter, also when it asks for list and histogram at once or the service was restarted in between; pages and
//! resumes are recorded by their first page.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use system_log_index::{Appended, Group, ReadError, Store};
use system_log_model::filter::RawFilter;
use system_log_model::kind::SYSTEM_LOG_VIEWED;
use system_log_model::query::Range;
use system_log_model::{
    Actor, ActorKind, Catalogue, Clean, Clock, Event, Guard, Log, OrgId, Query, Sequence, Timestamp, limits,
};
use tonic::Code;

use crate::auth::Caller;
use crate::seal::Binding;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// The source of records that the service writes itself.
pub const OWN_SOURCE: &str = "system-log";
/// Open pages remembered at once; of the others the store is asked.
const MAX_VIEWS: usize = 10_000;

/// What was done with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Action {
    List,
    Summarize,
    Tail,
    Export,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Summarize => "summarize",
            Self::Tail => "tail",
            Self::Export => "export",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::List => "Viewed the system log",
            Self::Summarize => "Summarized the system log",
            Self::Tail => "Followed the system log",
            Self::Export => "Exported the system log",
        }
    }
}

/// A view about to be answered.
pub struct View<'a> {
    /// What is done.
    pub action: Action,
    /// By whom.
    pub caller: &'a Caller,
    /// In which organisation.
    pub org: &'a OrgId,
    /// Of which log.
    pub log: Log,
    /// The filter as asked.
    pub filter: &'a pb::EventFilter,
    /// The range it came to.
    pub range: Range,
    /// The order, if the action has one.
    pub order_by: String,
    /// The client's name for its open page; empty for none.
    pub view_id: &'a str,
}

/// When an open page was last recorded, if that is known. Whoever holds it is about to record it, and the others wait.
type Page = Arc<tokio::sync::Mutex<Option<Timestamp>>>;

/// Writes `system_log_viewed`.
pub struct Auditor {
    store: Store,
    guard: Arc<Guard>,
    clock: Arc<dyn Clock>,
    catalogue: Arc<Catalogue>,
    views: Mutex<HashMap<Binding, Page>>,
}

impl Auditor {
    /// An auditor that has recorded nothing yet.
    #[must_use]
    pub fn new(store: Store, guard: Arc<Guard>, clock: Arc<dyn Clock>, catalogue: Arc<Catalogue>) -> Self {
        Self { store, guard, clock, catalogue, views: Mutex::default() }
    }

    /// Records a view, durably, unless the same open page was recorded within the hour. The record's position in the log.
    ///
    /// # Errors
    /// `AUDIT_UNAVAILABLE` when it cannot be written, `INVALID_VIEW_ID` for a name that is too long: then no row may be
    /// read.
    pub async fn record(&self, view: View<'_>) -> Result<Option<Sequence>, Refusal> {
        if view.view_id.chars().count() > limits::MAX_VIEW_ID_CHARS {
            let rule = format!("at most {} characters", limits::MAX_VIEW_ID_CHARS);
            return Err(Refusal::invalid("INVALID_VIEW_ID", "view_id", rule));
        }
        let now = self.clock.now();
        let event = self.guard.clean(self.event(&view, now)?);
        if view.view_id.is_empty() || view.action == Action::Export {
            return self.append(event).await;
        }
        let page = self.page(page_key(&view), now);
        let mut recorded = page.lock().await;
        if recorded.is_none() {
            *recorded = self.recorded_before(event.event().clone(), now).await?;
        }
        if recorded.is_some_and(|at| recent(at, now)) {
            return Ok(None);
        }
        let position = self.append(event).await?;
        *recorded = Some(now);
        Ok(position)
    }

    async fn append(&self, event: Clean) -> Result<Option<Sequence>, Refusal> {
        let group = Group { key: None, claim: None, events: vec![event] };
        let appended = self.store.append(vec![group]).await.map_err(|cause| {
            tracing::error!(%cause, "a view of the log cannot be recorded");
            let message = "the view cannot be recorded, so nothing is shown";
            Refusal::new(Code::Unavailable, "AUDIT_UNAVAILABLE", message).retry()
        })?;
        let recorded = appended.first().and_then(|appended| match appended {
            Appended::Stored(ids) | Appended::Duplicate(ids) => ids.first(),
        });
        Ok(recorded.map(|id| id.sequence))
    }

    fn page(&self, key: Binding, now: Timestamp) -> Page {
        let mut views = self.views.lock();
        if views.len() >= MAX_VIEWS && !views.contains_key(&key) {
            let is_open = |page: &Page| page.try_lock().map_or(true, |at| at.is_some_and(|at| recent(at, now)));
            views.retain(|_, page| is_open(page));
            // All of them are open: any may go, the store remembers it.
            let any = views.keys().next().copied().filter(|_| views.len() >= MAX_VIEWS);
            any.map(|key| views.remove(&key));
        }
        views.entry(key).or_default().clone()
    }

    /// When the store last recorded the same view, within the hour: what is in memory does not outlive the process.
    async fn recorded_before(&self, event: Event, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let actor = event.actor.as_ref().map(|actor| actor.id.clone());
        let filter = RawFilter {
            log: Some(Log::System),
            types: vec![SYSTEM_LOG_VIEWED.into()],
            actor_ids: actor.into_iter().collect(),
            ..RawFilter::default()
        };
        let hour = i64::try_from(limits::VIEW_REPEAT.as_micros()).unwrap_or(i64::MAX);
        let range = Range { start: now.plus_micros(-hour), end: now.plus_micros(1) };
        let query = Query::new(event.org.clone(), &filter, "", Some(range), &self.catalogue, now);
        let query = query.map_err(|violations| Refusal::violations(&violations))?;
        let store = self.store.clone();
        let look = move || {
            for rows in store.scan(query, store.snapshot(), None) {
                let rows = rows?;
                let same = rows.iter().find(|row| same_view(&row.event, &event));
                if let Some(row) = same {
                    return Ok(Some(row.event.occurred_at));
                }
            }
            Ok(None)
        };
        let found: Result<_, ReadError> =
            tokio::task::spawn_blocking(look).await.map_err(|error| Refusal::internal(&error))?;
        Ok(found?)
    }

    fn event(&self, view: &View<'_>, now: Timestamp) -> Result<Event, Refusal> {
        let kind = self.catalogue.get(Log::System, SYSTEM_LOG_VIEWED);
        let kind = kind.ok_or_else(|| Refusal::internal(&"the catalogue lacks system_log_viewed"))?;
        let mut filter = view.filter.clone();
        filter.start_time = Some(to_proto::time(view.range.start));
        // A tail has no end.
        filter.end_time = (view.action != Action::Tail).then(|| to_proto::time(view.range.end));
        let filter = serde_json::to_value(&filter).map_err(|error| Refusal::internal(&error))?;
        let mut attributes = Map::new();
        attributes.insert("action".into(), Value::from(view.action.name()));
        attributes.insert("log".into(), Value::from(view.log.name()));
        attributes.insert("filter".into(), filter);
        for (name, text) in [("order_by", view.order_by.as_str()), ("view_id", view.view_id)] {
            attributes.insert(name.into(), Value::from(text));
        }
        let caller = view.caller;
        let actor = Actor {
            id: caller.subject.clone(),
            display_name: caller.name.clone(),
            email: caller.email.clone(),
            kind: Some(ActorKind::User),
        };
        Ok(Event {
            org: view.org.clone(),
            log: Log::System,
            kind: kind.name.clone(),
            category: kind.category,
            severity: kind.severity,
            occurred_at: now,
            received_at: now,
            message: view.action.message().into(),
            actor: Some(actor),
            recipient: String::new(),
            subject: String::new(),
            source: OWN_SOURCE.into(),
            pre_auth: false,
            change: None,
            webhook: None,
            ai: None,
            attributes,
        })
    }
}

fn recent(at: Timestamp, now: Timestamp) -> bool {
    let age = now.micros().saturating_sub(at.micros());
    u128::try_from(age).is_ok_and(|age| age < limits::VIEW_REPEAT.as_micros())
}

/// Whether two records are of one view, apart from its times and what was drawn of it.
fn same_view(one: &Event, other: &Event) -> bool {
    let facts = |event: &Event| {
        let mut attributes = event.attributes.clone();
        if let Some(Value::Object(filter)) = attributes.get_mut("filter") {
            filter.retain(|name, _| name != "startTime" && name != "endTime");
        }
        ["log", "view_id", "filter"].map(|name| attributes.remove(name))
    };
    let is_export = one.attributes.get("action").and_then(Value::as_str) == Some(Action::Export.name());
    !is_export && facts(one) == facts(other)
}

/// The same user's same log and filter under the same name, times aside: a page that polls moves its times along.
fn page_key(view: &View<'_>) -> Binding {
    let filter = pb::EventFilter { start_time: None, end_time: None, ..view.filter.clone() };
    Binding::new("view", view.caller, Some(&filter), &[view.view_id])
}
