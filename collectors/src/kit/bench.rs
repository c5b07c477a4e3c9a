//! What a record costs: in a fresh instance, as a service runs it, and in one that was called before, for comparison.

use std::time::{Duration, Instant};

use crate::cases::Case;
use crate::plugin::Plugin;

/// Sizes of batches that are measured.
pub const BATCHES: [usize; 4] = [1, 16, 64, 256];
/// A payload of this size is what the goals are about.
const TYPICAL_BYTES: usize = 1_000;
/// The nearest one may be a rare and dear shape, so the built-in collectors are measured with their everyday ones as well.
const EVERYDAY: [(&str, &str); 10] = [
    ("webhook", "failed_503"),
    ("webhook", "github_detail"),
    ("mailgun", "docs-api-events--03_event_structure_delivered"),
    ("mailgun", "dropped_606.form"),
    ("platform", "email_changed_names_whom"),
    ("recurly", "json_failed_with_transaction"),
    ("recurly", "blacklightcms--successful_payment_notification.xml"),
    ("ai", "record_classes"),
    ("ai", "openai_chat"),
    ("ai", "litellm_cached"),
];
/// Each figure is the median of so many calls, or of those that fit into the time.
const CALLS: usize = 2_000;
const TIME: Duration = Duration::from_millis(300);

/// The cost of one record in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchRow {
    /// Whose payload it is.
    pub case: String,
    /// Records of a call.
    pub records: usize,
    /// Bytes of each payload.
    pub bytes: usize,
    /// In a fresh instance.
    pub fresh: f64,
    /// In one that was called before.
    pub warm: f64,
}

pub(super) fn run(plugin: &Plugin, cases: &[Case]) -> Result<Vec<BenchRow>, String> {
    let emits = |case: &&Case| case.outcome.get("emit").is_some();
    let nearest = cases.iter().filter(emits).min_by_key(|case| case.payload().len().abs_diff(TYPICAL_BYTES));
    let nearest = nearest.ok_or("no case that emits an event: pack one with `system-log plugin build`")?;
    let named = |(collector, name): &(&str, &str)| {
        let is_it = |case: &&Case| plugin.info.name == *collector && case.name == *name && case.name != nearest.name;
        cases.iter().find(is_it)
    };
    let mut rows = Vec::new();
    for case in [nearest].into_iter().chain(EVERYDAY.iter().filter_map(named)) {
        rows.extend(of_case(plugin, case)?);
    }
    Ok(rows)
}

fn of_case(plugin: &Plugin, case: &Case) -> Result<Vec<BenchRow>, String> {
    let (call, input) = (case.call(plugin), case.input());
    let mut rows = Vec::new();
    for records in BATCHES.into_iter().filter(|records| *records <= plugin.call_records) {
        let inputs = vec![input.clone(); records];
        let fresh = median(&mut || {
            plugin.sandbox.call(&call, &inputs, plugin.sandbox.limits.retry_factor).map(drop).map_err(|e| e.to_string())
        })?;
        let mut warm = plugin.sandbox.warm().map_err(|error| error.to_string())?;
        let reuse = &mut || plugin.sandbox.call_warm(&mut warm, &call, &inputs).map(drop).map_err(|e| e.to_string());
        let warm = median(reuse)?;
        let each = |micros: f64| micros / records as f64;
        let (case, bytes) = (case.name.clone(), input.payload.len());
        rows.push(BenchRow { case, records, bytes, fresh: each(fresh), warm: each(warm) });
    }
    Ok(rows)
}

fn median(call: &mut dyn FnMut() -> Result<(), String>) -> Result<f64, String> {
    let begun = Instant::now();
    let mut took = Vec::with_capacity(CALLS);
    while took.len() < CALLS && (begun.elapsed() < TIME || took.is_empty()) {
        let begun = Instant::now();
        call()?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}
