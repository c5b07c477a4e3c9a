//! The road in: one function from a request's records to one result each.
//!
//! `check → pre-guard → collect (sandbox) → admit → guard → append (durable) → answer`. Internal services and, later,
//! providers' webhooks walk the same road; the service's own `system_log_viewed` joins it at the guard.

mod admit;
mod record;
mod replay;
mod unkept;

use std::collections::HashMap;
use std::sync::Arc;

use system_log_collectors::{CollectorInfo, Host};
use system_log_index::{Appended, Change, Group, Store};
use system_log_model::text::cut;
use system_log_model::{Clock, DeadLetter, Guard, OrgId, Outcome, Submission, Timestamp, Verdict, limits};

pub use admit::nobody;
pub use record::{IncomingRecord, RecordResult, ResultOutcome};
pub use replay::ReplayRequest;

use crate::auth::Caller;
use crate::dead_letter;
use crate::ingest::admit::{Admitted, Setting};
use crate::metrics::Metrics;
use crate::status::Refusal;

/// The road in, with all it passes.
pub struct Road {
    /// The sandbox.
    pub host: Host,
    /// The only maker of storable events.
    pub guard: Arc<Guard>,
    /// Log, store, index, directory.
    pub store: Store,
    /// Receive times.
    pub clock: Arc<dyn Clock>,
    /// Counts outcomes.
    pub metrics: Arc<Metrics>,
}

/// One request, in the model's terms.
pub struct IngestRequest {
    /// The name the records come in under.
    pub source: String,
    /// For records that name none themselves; empty for none.
    pub org_id: String,
    /// In the sender's order.
    pub records: Vec<IncomingRecord>,
    /// Run everything but store nothing.
    pub dry_run: bool,
}

/// What is the same for every record of a request.
struct Context<'a> {
    caller: &'a Caller,
    collector: Arc<CollectorInfo>,
    source: Arc<str>,
    received_at: Timestamp,
    dry_run: bool,
}

/// A record that passed the first checks: its result's place, and the organisation it is sent to.
struct Pending {
    place: usize,
    org: Option<OrgId>,
    record: IncomingRecord,
}

/// Why records go through a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// They came from a sender.
    Ingest,
    /// They are looked at, or tried again: what becomes of them switches no collector off for others.
    Trial,
}

impl Road {
    /// Takes a request in: one result per record, in order. When it returns, what it calls stored is on disk.
    ///
    /// # Errors
    /// A refusal of the whole request; single records are refused in their results.
    pub async fn ingest(&self, caller: &Caller, request: IngestRequest) -> Result<Vec<RecordResult>, Refusal> {
        let judged = self.judge(caller, request).await?;
        self.keep(judged).await
    }

    /// The first half: everything up to the log. Requests of a stream pass it beside each other.
    ///
    /// # Errors
    /// A refusal of the whole request.
    pub async fn judge(&self, caller: &Caller, request: IngestRequest) -> Result<Judged, Refusal> {
        let purpose = if request.dry_run { Purpose::Trial } else { Purpose::Ingest };
        self.judge_as(purpose, caller, request).await
    }

    async fn judge_as(&self, purpose: Purpose, caller: &Caller, request: IngestRequest) -> Result<Judged, Refusal> {
        let IngestRequest { source, org_id, records, dry_run } = request;
        if !caller.may_send(&source) {
            return Err(Refusal::role_required(&format!("ingest and the scope ingest:{}", cut(&source, 64))));
        }
        let Some(collector) = self.host.collector_of(&source) else {
            let rule = format!("no collector accepts records under the name {:?}", cut(&source, 64));
            return Err(Refusal::invalid("UNKNOWN_SOURCE", "source", rule));
        };
        if records.is_empty() {
            let rule = format!("1 to {} records", limits::MAX_BATCH_RECORDS);
            return Err(Refusal::invalid("EMPTY_BATCH", "records", rule));
        }
        if records.len() > limits::MAX_BATCH_RECORDS {
            let rule = format!("at most {} records, not {}", limits::MAX_BATCH_RECORDS, records.len());
            return Err(Refusal::invalid("BATCH_TOO_LARGE", "records", rule));
        }
        let org = if org_id.is_empty() { None } else { Some(caller.reach("org_id", &org_id)?) };
        let received_at = self.clock.now();
        let context = Context { caller, collector, source: source.as_str().into(), received_at, dry_run };

        let count = records.len();
        let mut results: Vec<Option<RecordResult>> = vec![None; count];
        let (submissions, pending) = sort_out(&context, org.as_ref(), records, &mut results);
        let outcomes = match purpose {
            Purpose::Ingest => self.host.collect(&source, received_at, submissions).await?,
            Purpose::Trial => self.host.rehearse(&source, received_at, submissions).await?,
        };
        let plan = self.admit(&context, pending, outcomes, &mut results);
        let results = results.into_iter().map(|result| result.unwrap_or_else(RecordResult::lost)).collect();
        Ok(Judged { source, results, plan, dry_run })
    }

    /// The second half: makes durable what is to be kept. Requests reach the log in the order of the first polls.
    ///
    /// # Errors
    /// `OVERLOADED` or `STORE_UNAVAILABLE`: then nothing is known to be stored.
    pub async fn keep(&self, judged: Judged) -> Result<Vec<RecordResult>, Refusal> {
        let Judged { source, mut results, plan, dry_run } = judged;
        if !dry_run {
            self.store(plan, &mut results).await?;
            self.metrics.ingested(&source, &results);
        }
        Ok(results)
    }

    /// Admits every verdict: what can be answered at once goes into `results`, the rest into the plan.
    fn admit(
        &self,
        context: &Context<'_>,
        pending: Vec<Pending>,
        outcomes: Vec<Outcome>,
        results: &mut [Option<RecordResult>],
    ) -> Plan {
        let mut plan = Plan::default();
        for (record, outcome) in pending.into_iter().zip(outcomes) {
            let place = record.place;
            match outcome {
                Outcome::One(verdict) => {
                    let spot = Spot { place, item: None };
                    results[place] = Some(self.judge_one(context, &record, verdict, spot, &mut plan));
                }
                Outcome::Page(verdicts) => {
                    let judge = |(item, verdict)| {
                        let spot = Spot { place, item: Some(item) };
                        self.judge_one(context, &record, verdict, spot, &mut plan)
                    };
                    let items = verdicts.into_iter().enumerate().map(judge).collect();
                    results[place] = Some(RecordResult::page(items));
                }
            }
        }
        plan
    }

    fn judge_one(
        &self,
        context: &Context<'_>,
        pending: &Pending,
        verdict: Verdict,
        spot: Spot,
        plan: &mut Plan,
    ) -> RecordResult {
        let setting = Setting {
            caller: context.caller,
            collector: &context.collector.name,
            source: &context.source,
            received_at: context.received_at,
            org: pending.org.as_ref(),
            idempotency_key: &pending.record.idempotency_key,
            item: spot.item,
            dry_run: context.dry_run,
        };
        match admit::admit(&self.store, &setting, verdict) {
            // A collector's own words may quote the payload.
            Admitted::Answer(result) => {
                let message = self.guard.text(&result.message).into_owned();
                RecordResult { message, ..result }
            }
            Admitted::Store { groups, claim } => {
                let mut shown = Vec::new();
                for group in groups {
                    let events: Vec<_> = group.events.into_iter().map(|event| self.guard.clean(event)).collect();
                    if context.dry_run {
                        shown.extend(events.into_iter().map(system_log_model::Clean::into_event));
                    } else {
                        plan.groups.push((spot, Group { key: group.key, claim: claim.clone(), events }));
                    }
                }
                RecordResult::would_store(shown)
            }
            Admitted::DryRefusal { result, events } => {
                let clean = |event| self.guard.clean(event).into_event();
                RecordResult { events: events.into_iter().map(clean).collect(), ..result }
            }
            Admitted::DeadLetter { reason, message } => {
                let message = self.guard.text(&message).into_owned();
                // Items of a page share its one letter: it holds the page, and the items that were stored are duplicates when
                // it is replayed.
                if !context.dry_run && plan.lettered != Some(spot.place) {
                    plan.lettered = Some(spot.place);
                    let letter = self.dead_letter(context, pending, reason.name(), &message);
                    plan.changes.push(Change::PutDeadLetter(letter));
                }
                RecordResult::dead_lettered(reason, message)
            }
        }
    }

    fn dead_letter(&self, context: &Context<'_>, pending: &Pending, reason: &str, message: &str) -> DeadLetter {
        let record = &pending.record;
        let collector = &context.collector;
        let payload = unkept::remove(&collector.name, &context.source, &record.payload, &record.content_type);
        let header = |(name, value): &(String, String)| (name.clone(), self.guard.text(value).into_owned());
        DeadLetter {
            id: dead_letter::new_id(context.received_at),
            source: context.source.to_string(),
            org: pending.org.clone(),
            received_at: context.received_at,
            reason: reason.to_owned(),
            message: message.to_owned(),
            collector: collector.name.clone(),
            collector_version: collector.version.clone(),
            attempts: 1,
            content_type: record.content_type.clone(),
            headers: record.headers.iter().map(header).collect(),
            idempotency_key: record.idempotency_key.clone(),
            payload: self.guard.payload(&payload, &record.content_type),
        }
    }

    /// Events and dead letters together: a request that is refused has left neither.
    async fn store(&self, plan: Plan, results: &mut [RecordResult]) -> Result<(), Refusal> {
        let letters = plan.changes;
        let (spots, groups): (Vec<Spot>, Vec<Group>) = plan.groups.into_iter().unzip();
        let appended: Vec<Appended> = self.store.append_with(groups, letters).await?;
        for (spot, appended) in spots.into_iter().zip(appended) {
            results[spot.place].appended(spot.item, &appended);
        }
        results.iter_mut().for_each(RecordResult::settle);
        Ok(())
    }
}

/// A request whose records are judged, not kept yet: to be given to [`Road::keep`].
pub struct Judged {
    source: String,
    results: Vec<RecordResult>,
    /// Empty for a dry run.
    plan: Plan,
    dry_run: bool,
}

impl Judged {
    /// Makes a change durable together with what is kept, or not at all.
    pub fn also(&mut self, change: Change) {
        self.plan.changes.push(change);
    }
}

/// Where a result stands: a record, or an item of its page.
#[derive(Debug, Clone, Copy)]
struct Spot {
    place: usize,
    item: Option<usize>,
}

/// What must be made durable before the answer.
#[derive(Default)]
struct Plan {
    groups: Vec<(Spot, Group)>,
    /// Dead letters, and what came with the request.
    changes: Vec<Change>,
    /// The place of the record whose letter was written last.
    lettered: Option<usize>,
}

impl Plan {
    /// A replay writes no new letter: what becomes of the one it has is this change.
    fn replace_letters(&mut self, change: Change) {
        self.changes = vec![change];
    }
}

/// The checks that need no plugin. Records that fail get their result here; the others become submissions, without the
/// headers that carry credentials.
fn sort_out(
    context: &Context<'_>,
    org: Option<&OrgId>,
    records: Vec<IncomingRecord>,
    results: &mut [Option<RecordResult>],
) -> (Vec<Submission>, Vec<Pending>) {
    let mut submissions = Vec::with_capacity(records.len());
    let mut pending = Vec::with_capacity(records.len());
    // To the sandbox an organisation is a number: those of different ones do not meet in a plugin that is not ours.
    let mut groups: HashMap<Option<OrgId>, u32> = HashMap::new();
    for (place, record) in records.into_iter().enumerate() {
        match record.check(context.caller, org, context.dry_run) {
            Err(result) => results[place] = Some(result),
            Ok((record, org)) => {
                let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
                let group = *groups.entry(org.clone()).or_insert(next);
                submissions.push(record.submission(group));
                pending.push(Pending { place, org, record });
            }
        }
    }
    (submissions, pending)
}
