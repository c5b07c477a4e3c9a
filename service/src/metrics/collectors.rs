//! What each collector did and took, read from the host whenever somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use system_log_collectors::stats::{CALL_SECONDS, FAILURES, RECORDS};
use system_log_collectors::{CollectorState, CollectorStats, Host};

/// The collectors of a host.
#[derive(Debug)]
pub(super) struct CollectorMetrics(pub(super) Host);

/// Name, help, and kind of a metric.
type About = (&'static str, &'static str, MetricType);

const CALLS: About = ("collector_calls", "Calls into a collector by result", MetricType::Counter);
const SECONDS: About = ("collector_call_seconds", "Time of a call into a collector", MetricType::Histogram);
const RECORD: About =
    ("collector_records", "Records and items of pages by what the collector made of them", MetricType::Counter);
const MEMORY: About = ("collector_memory_peak_bytes", "Most linear memory that a call had", MetricType::Gauge);
const QUARANTINES: About = ("collector_quarantines", "How often a collector was switched off", MetricType::Counter);
const STATE: About = ("collector_state", "1 for the state a collector is in", MetricType::Gauge);

impl Collector for CollectorMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let all = self.0.stats();
        family(&mut encoder, CALLS, |metric| {
            all.iter().try_for_each(|stats| {
                counter(metric, stats, "result", "ok", stats.good_calls)?;
                let mut failures = FAILURES.iter().zip(stats.failures);
                failures.try_for_each(|(reason, count)| counter(metric, stats, "result", reason.name(), count))
            })
        })?;
        family(&mut encoder, SECONDS, |metric| {
            all.iter().try_for_each(|stats| {
                let bounds = CALL_SECONDS.into_iter().chain([f64::MAX]);
                let buckets: Vec<(f64, u64)> = bounds.zip(stats.call_times).collect();
                let count = stats.call_times.iter().sum();
                let labels = [("collector", stats.name.as_str()), ("version", stats.version.as_str())];
                metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(stats.call_seconds, count, &buckets, None)
            })
        })?;
        family(&mut encoder, RECORD, |metric| {
            all.iter().try_for_each(|stats| {
                let mut records = RECORDS.iter().zip(stats.records);
                records.try_for_each(|(outcome, count)| counter(metric, stats, "outcome", outcome, count))
            })
        })?;
        family(&mut encoder, MEMORY, |metric| {
            all.iter().try_for_each(|stats| gauge(metric, stats, None, stats.memory_peak))
        })?;
        family(&mut encoder, QUARANTINES, |metric| {
            all.iter().try_for_each(|stats| {
                let labels = [("collector", stats.name.as_str()), ("version", stats.version.as_str())];
                ConstCounter::new(stats.quarantines).encode(metric.encode_family(&labels)?)
            })
        })?;
        family(&mut encoder, STATE, |metric| {
            let mut states = all.iter().map(|stats| (stats, state(stats.state)));
            states.try_for_each(|(stats, state)| gauge(metric, stats, Some(state), 1))
        })
    }
}

const fn state(state: CollectorState) -> &'static str {
    match state {
        CollectorState::Active => "active",
        CollectorState::Quarantined => "quarantined",
        CollectorState::Failed => "failed",
    }
}

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, kind): About,
    fill: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    fill(&mut encoder.encode_descriptor(name, help, None, kind)?)
}

fn counter(
    metric: &mut MetricEncoder<'_>,
    stats: &CollectorStats,
    label: &str,
    value: &str,
    count: u64,
) -> fmt::Result {
    let labels = [("collector", stats.name.as_str()), ("version", stats.version.as_str()), (label, value)];
    ConstCounter::new(count).encode(metric.encode_family(&labels)?)
}

fn gauge(metric: &mut MetricEncoder<'_>, stats: &CollectorStats, state: Option<&str>, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    let mut labels = vec![("collector", stats.name.as_str()), ("version", stats.version.as_str())];
    labels.extend(state.map(|state| ("state", state)));
    ConstGauge::new(value).encode(metric.encode_family(&labels)?)
}
