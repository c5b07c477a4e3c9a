//! The road out: `validate → snapshot → audit → plan → rows`. Lists and exports share everything up to the rows.

pub mod csv;
pub mod export;
pub mod list;
pub mod summary;
pub mod tail;
pub mod usage;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use system_log_collectors::Host;
use system_log_index::{ReadError, Snapshot, Store, Stored};
use system_log_model::query::Range;
use system_log_model::{Clock, EventId, Query, Sequence, Timestamp};
use tonic::Code;

use crate::audit::{Action, Auditor, View};
use crate::auth::Caller;
use crate::seal::{Binding, Sealer};
use crate::status::Refusal;
use crate::wire::{from_proto, pb};

/// Everything a reader needs.
pub struct Reader {
    /// Log, store, index.
    pub store: Store,
    /// Records views before rows leave.
    pub auditor: Auditor,
    /// Page and resume tokens.
    pub sealer: Arc<Sealer>,
    /// For the retention and default ranges.
    pub clock: Arc<dyn Clock>,
    /// For the catalogue.
    pub host: Host,
}

/// A part of a stream is at most about so large: a client takes four MiB by default, and JSON may take six bytes for one.
const PART_BYTES: usize = 256 * 1024;

/// Rows in runs of at most `most`, each of about [`PART_BYTES`] at most or of a single row.
fn parts(mut rows: &[Stored], most: usize) -> impl Iterator<Item = &[Stored]> {
    std::iter::from_fn(move || {
        let mut weight = 0;
        let fits = |row: &&Stored| {
            weight += row.event.weight();
            weight <= PART_BYTES
        };
        let count = rows.iter().take(most).take_while(fits).count().max(1);
        let (part, rest) = rows.split_at_checked(count)?;
        rows = rest;
        Some(part)
    })
}

/// A question that may be answered: validated, and recorded.
struct Opened {
    query: Query,
    snapshot: Snapshot,
    now: Timestamp,
    /// Where the view's own record stands, if one was written.
    own: Option<Sequence>,
}

/// What is asked, apart from pages.
struct Question<'a> {
    filter: Option<&'a pb::EventFilter>,
    order_by: &'a str,
    view_id: &'a str,
    action: Action,
}

impl Reader {
    /// Validates a question of the caller's own organisation at `now`; a later page brings the range its first page had.
    fn query(
        &self,
        caller: &Caller,
        question: &Question<'_>,
        range: Option<Range>,
        now: Timestamp,
    ) -> Result<Query, Refusal> {
        let raw = from_proto::filter(question.filter)?;
        let org = caller.org()?.clone();
        Query::new(org, &raw, question.order_by, range, &self.host.catalogue(), now)
            .map_err(|violations| Refusal::violations(&violations))
    }

    /// Opens a view: validates, takes the snapshot, and records it. The snapshot comes first: a view's own record is not
    /// in its own result. The record comes before any row (S6).
    async fn open(&self, caller: &Caller, question: &Question<'_>) -> Result<Opened, Refusal> {
        let now = self.clock.now();
        let query = self.query(caller, question, None, now)?;
        let snapshot = self.store.snapshot();
        let unset = pb::EventFilter::default();
        let view = View {
            action: question.action,
            caller,
            org: &query.org,
            log: query.filter.log,
            filter: question.filter.unwrap_or(&unset),
            range: query.range,
            order_by: query.order.text(),
            view_id: question.view_id,
        };
        let own = self.auditor.record(view).await?;
        Ok(Opened { query, snapshot, now, own })
    }

    fn open_token<T: DeserializeOwned>(&self, binding: &Binding, token: &str, field: &str) -> Result<T, Refusal> {
        let reason = if field == "page_token" { "INVALID_PAGE_TOKEN" } else { "INVALID_RESUME_TOKEN" };
        self.sealer.open(binding, token).ok_or_else(|| {
            let rule = "not a token of this service for this user, organisation, filter and order";
            Refusal::invalid(reason, field, rule)
        })
    }

    fn seal(&self, binding: &Binding, content: &impl serde::Serialize) -> Result<String, Refusal> {
        self.sealer.seal(binding, content).ok_or_else(|| Refusal::internal(&"a token cannot be sealed"))
    }

    /// Runs blocking index work off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|error| Refusal::internal(&error))?.map_err(Refusal::from)
    }

    /// Shows every row of an opened question to `state`, newest first, off the async threads.
    async fn each_row<S: Send + 'static>(
        &self,
        opened: Opened,
        mut state: S,
        see: fn(&mut S, &Stored),
    ) -> Result<S, Refusal> {
        let walk = move |store: &Store| {
            for rows in store.scan(opened.query, opened.snapshot, None) {
                rows?.iter().for_each(|row| see(&mut state, row));
            }
            Ok(state)
        };
        self.blocking(walk).await
    }

    /// One event of the caller's organisation.
    ///
    /// # Errors
    /// `EVENT_NOT_FOUND` for a foreign, unknown, malformed or expired id alike (S4, S5).
    pub async fn get(&self, caller: &Caller, id: &str) -> Result<Stored, Refusal> {
        let not_found = || Refusal::new(Code::NotFound, "EVENT_NOT_FOUND", "no event of this organisation has this id");
        let org = caller.org()?.clone();
        let id = EventId::parse(id).ok_or_else(not_found)?;
        self.blocking(move |store| store.get(&org, id)).await?.ok_or_else(not_found)
    }
}
