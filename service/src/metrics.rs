//! What an operator watches, in Prometheus' text form. No label names an organisation: their number is not bounded.

mod collectors;

use std::sync::atomic::AtomicU64;

use http::{HeaderMap, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use system_log_collectors::Host;
use system_log_index::Status as StoreStatus;
use tonic::{Code, Status};

use crate::ingest::RecordResult;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    source: String,
    outcome: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RpcLabels {
    method: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

/// All counters and gauges of one server.
pub struct Metrics {
    registry: Registry,
    records: Family<RecordLabels, Counter>,
    answers: Family<RpcLabels, Counter>,
    last_sequence: Gauge,
    applied_sequence: Gauge,
    pending_events: Gauge,
    late_events: Gauge,
    unindexed_days: Gauge,
    poisoned: Gauge,
    disk: Family<PartLabels, Gauge>,
    stage_events: Family<StageLabels, Gauge>,
    stage_seconds: Family<StageLabels, Gauge<f64, AtomicU64>>,
}

impl Metrics {
    /// Metrics of a server with these collectors.
    #[must_use]
    pub fn new(host: Host) -> Self {
        let mut metrics = Self::default();
        metrics.registry.register_collector(Box::new(collectors::CollectorMetrics(host)));
        metrics
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("system_log");
        let records = Family::default();
        let answers = Family::default();
        let (last_sequence, applied_sequence) = (Gauge::default(), Gauge::default());
        let (pending_events, poisoned) = (Gauge::default(), Gauge::default());
        let (late_events, unindexed_days) = (Gauge::default(), Gauge::default());
        registry.register(
            "late_events",
            "Events that are not in the files of their closed days yet",
            late_events.clone(),
        );
        registry.register("unindexed_days", "Days whose index is being made again", unindexed_days.clone());
        registry.register("ingest_records", "Records by source, outcome and reason", records.clone());
        registry.register("rpc_answers", "Answers by method and gRPC code", answers.clone());
        registry.register("log_sequence", "Last sequence of the commit log", last_sequence.clone());
        registry.register("applied_sequence", "Last sequence in store and index", applied_sequence.clone());
        registry.register("pending_events", "Events in the log, not in the index yet", pending_events.clone());
        registry.register("log_poisoned", "1 when the log cannot be written", poisoned.clone());
        let disk = Family::default();
        registry.register("disk_bytes", "Bytes on disk: log, store, index, meta", disk.clone());
        let (stage_events, stage_seconds) = (Family::default(), Family::default());
        let help = "Events that went through a stage of storing since the start";
        registry.register("store_stage_events", help, stage_events.clone());
        let help = "Seconds that a stage of storing took since the start";
        registry.register("store_stage_seconds", help, stage_seconds.clone());
        Self {
            registry,
            stage_events,
            stage_seconds,
            records,
            answers,
            last_sequence,
            applied_sequence,
            pending_events,
            late_events,
            unindexed_days,
            poisoned,
            disk,
        }
    }
}

impl Metrics {
    /// Counts the results of a request.
    pub fn ingested(&self, source: &str, results: &[RecordResult]) {
        for result in results {
            let outcome = format!("{:?}", result.outcome).to_lowercase();
            let labels = RecordLabels { source: source.to_owned(), outcome, reason: result.reason.to_owned() };
            self.records.get_or_create(&labels).inc();
        }
    }

    /// Counts an answer: by its gRPC code, and plain HTTP by its status. A stream's final status is in its trailers and counts
    /// as OK here.
    pub fn answered(&self, path: &str, status: StatusCode, headers: &HeaderMap) {
        let method = crate::auth::policy::label(path).to_owned();
        let code = match Status::from_header_map(headers) {
            Some(status) => format!("{:?}", status.code()),
            None if status == StatusCode::OK => format!("{:?}", Code::Ok),
            None => status.as_str().to_owned(),
        };
        self.answers.get_or_create(&RpcLabels { method, code }).inc();
    }

    /// The whole page of `/metrics`.
    #[must_use]
    pub fn render(&self, store: &StoreStatus) -> String {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.last_sequence.set(signed(store.last_sequence));
        self.applied_sequence.set(signed(store.applied_sequence));
        self.pending_events.set(signed(store.pending_events));
        self.late_events.set(signed(store.late_events));
        self.unindexed_days.set(signed(store.unindexed_days.len() as u64));
        self.poisoned.set(i64::from(store.poisoned));
        let parts = [
            ("log", store.log_bytes),
            ("store", store.store_bytes),
            ("index", store.index_bytes),
            ("meta", store.meta_bytes),
        ];
        for (part, bytes) in parts {
            self.disk.get_or_create(&PartLabels { part: part.to_owned() }).set(signed(bytes));
        }
        for (stage, total) in &store.stages {
            let labels = StageLabels { stage: stage.name() };
            self.stage_events.get_or_create(&labels).set(signed(total.events));
            self.stage_seconds.get_or_create(&labels).set(total.time.as_secs_f64());
        }
        let mut page = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}
