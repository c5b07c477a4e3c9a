//! A demo organisation: members, a bot user and ninety days of events, sent as raw payloads through the real road.
//!
//! Everything is derived from the calendar, with ids to match: loading twice stores once. It grows with each collector.

mod members;
mod payloads;
mod random;

use std::collections::BTreeMap;
use std::fmt;

use system_log_index::Change;
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::{OrgId, Timestamp, limits, retention};

use crate::auth::{Caller, Role, Scope};
use crate::ingest::{IncomingRecord, IngestRequest, ResultOutcome, Road};
use crate::status::Refusal;
use payloads::Sender;
use random::Random;

/// The organisation.
pub const ORG: &str = "demo";

/// Prices for the demo's models, unless somebody has configured the collector: then what is configured counts.
pub fn add_prices(collectors: &mut BTreeMap<String, serde_json::Value>) {
    collectors.entry("ai".to_owned()).or_insert_with(payloads::ai::config);
}

/// What loading did.
#[derive(Debug, Default)]
pub struct Summary {
    members: usize,
    sent: usize,
    stored: usize,
    duplicates: usize,
    dropped: usize,
    other: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, sent, stored, duplicates, dropped, other } = self;
        write!(f, "{members} members, {sent} records sent: {stored} stored, {duplicates} there before, ")?;
        write!(f, "{dropped} deliberately dropped, {other} refused or kept aside")
    }
}

/// Loads members and events, the oldest day first.
///
/// # Errors
/// What the road refuses; a full queue is waited out.
pub async fn load(road: &Road, now: Timestamp) -> Result<Summary, Refusal> {
    let org = OrgId::new(ORG).map_err(|error| Refusal::internal(&error))?;
    let members = members::all();
    let mut summary = Summary { members: members.len(), ..Summary::default() };
    let upsert = |member| Change::UpsertMember { org: org.clone(), member };
    road.store.change(members.into_iter().map(upsert).collect()).await?;

    // Events before sign-in are sent without an organisation and find it by the address, as in real life.
    let caller = Caller {
        subject: "demo".into(),
        name: "Demo loader".into(),
        email: String::new(),
        role: Role::Ingest,
        scope: Scope::All,
    };
    let oldest = retention::cutoff(now).plus_micros(MICROS_PER_DAY).day();
    for day in oldest.0..=now.day().0 {
        let mut random = Random::new(u64::from(day.unsigned_abs()));
        for sender in Sender::ALL {
            let records = sender.records_of(system_log_model::clock::Day(day), now, &mut random);
            for batch in records.chunks(limits::MAX_BATCH_RECORDS) {
                send(road, &caller, *sender, batch, &mut summary).await?;
            }
        }
    }
    Ok(summary)
}

async fn send(
    road: &Road,
    caller: &Caller,
    sender: Sender,
    batch: &[String],
    summary: &mut Summary,
) -> Result<(), Refusal> {
    let results = loop {
        let record = |payload: &String| IncomingRecord {
            payload: payload.clone().into_bytes(),
            content_type: if payload.starts_with('<') { "application/xml".into() } else { String::new() },
            ..Default::default()
        };
        let request = IngestRequest {
            source: sender.source().to_owned(),
            org_id: if sender.is_before_sign_in() { String::new() } else { ORG.to_owned() },
            records: batch.iter().map(record).collect(),
            dry_run: false,
        };
        match road.ingest(caller, request).await {
            Err(refusal) if refusal.reason() == "OVERLOADED" => tokio::time::sleep(limits::RETRY_AFTER).await,
            answer => break answer?,
        }
    };
    for result in results {
        summary.sent += 1;
        match result.outcome {
            ResultOutcome::Stored => summary.stored += 1,
            ResultOutcome::Duplicate => summary.duplicates += 1,
            ResultOutcome::Dropped => summary.dropped += 1,
            ResultOutcome::Rejected | ResultOutcome::DeadLettered => {
                tracing::warn!(source = sender.source(), reason = result.reason, message = result.message, "demo");
                summary.other += 1;
            }
        }
    }
    Ok(())
}
