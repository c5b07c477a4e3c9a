//! One request on a worker thread: records in, one outcome for each out.

use std::ops::Range;

use system_log_model::draft::{Outcome, Submission, Verdict};
use system_log_model::{Rejected, Timestamp, text};

use crate::bindings::system_log::collector::types::{Call, Header, Input};
use crate::bisect::{self, Patience};
use crate::convert;
use crate::host::CollectError;
use crate::limits::{HostLimits, MAX_CALL_BYTES, MAX_TYPE_NAME_BYTES};
use crate::plugin::Plugin;

/// What a record is when its sender does not say.
const DEFAULT_CONTENT_TYPE: &str = "application/json";

/// Runs a request. `cancelled` is asked before each call into the plugin.
pub(crate) fn run(
    plugin: &Plugin,
    source: String,
    received_at: Timestamp,
    records: Vec<Submission>,
    limits: &HostLimits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Outcome>, CollectError> {
    let call = Call { source, config: plugin.config.clone(), received_at: received_at.micros() };
    // Records the plugin never sees already have their outcome.
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(records.len());
    let mut inputs = Vec::with_capacity(records.len());
    for record in records {
        match input(plugin, record) {
            Ok(input) => {
                inputs.push(input);
                outcomes.push(None);
            }
            Err(verdict) => outcomes.push(Some(Outcome::One(verdict))),
        }
    }
    let mut patience = Patience { left: limits.patience, retry_factor: limits.retry_factor };
    let mut settled = Vec::with_capacity(inputs.len());
    for part in parts(&inputs, plugin.call_records) {
        let mut run = |slice: &[Input], stretch| plugin.sandbox.call(&call, slice, stretch);
        settled.extend(bisect::settle(&inputs[part], &mut patience, cancelled, &mut run)?);
    }
    report(plugin, &settled);
    let mut settled = settled.into_iter();
    let fill = |outcome: Option<Outcome>| match outcome {
        Some(outcome) => outcome,
        None => {
            let result = settled.next().expect("settle gives one result for each input");
            convert::outcome(result, &plugin.kinds)
        }
    };
    Ok(outcomes.into_iter().map(fill).collect())
}

fn input(plugin: &Plugin, record: Submission) -> Result<Input, Verdict> {
    let Submission { payload, mut content_type, headers } = record;
    if content_type.is_empty() {
        DEFAULT_CONTENT_TYPE.clone_into(&mut content_type);
    }
    if !plugin.reads(&content_type) {
        let (wanted, given) = (plugin.info.content_types.join(", "), text::cut(&content_type, MAX_TYPE_NAME_BYTES));
        let message = format!("content_type: {given:?}, but this collector reads {wanted}");
        return Err(Verdict::Reject(Rejected::UnsupportedContentType, message));
    }
    let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
    Ok(Input { payload, content_type, headers })
}

/// Cuts a request into calls of bounded number and size.
fn parts(inputs: &[Input], records: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, input) in inputs.iter().enumerate() {
        let size = size(input);
        if index > start && (index - start == records || bytes + size > MAX_CALL_BYTES) {
            parts.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < inputs.len() {
        parts.push(start..inputs.len());
    }
    parts
}

fn size(input: &Input) -> usize {
    input.payload.len() + input.headers.iter().map(|header| header.name.len() + header.value.len()).sum::<usize>()
}

/// One line for a request, however many of its records failed.
fn report<O>(plugin: &Plugin, settled: &[Result<O, crate::fault::Fault>]) {
    let mut faults = settled.iter().filter_map(|result| result.as_ref().err());
    if let Some(first) = faults.next() {
        tracing::warn!(
            collector = %plugin.info.name,
            version = %plugin.info.version,
            failed = 1 + faults.count(),
            records = settled.len(),
            reason = first.reason.name(),
            message = %first.message,
            "a collector failed on records; they are dead-lettered"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_CALL_RECORDS;

    fn inputs(sizes: &[usize]) -> Vec<Input> {
        let input = |size: &usize| Input { payload: vec![0; *size], content_type: String::new(), headers: vec![] };
        sizes.iter().map(input).collect()
    }

    #[test]
    fn a_request_is_cut_by_number_and_by_size() {
        assert!(parts(&[], MAX_CALL_RECORDS).is_empty());
        assert_eq!(parts(&inputs(&[1; 600]), 256), [0..256, 256..512, 512..600]);
        let large = MAX_CALL_BYTES / 2;
        assert_eq!(parts(&inputs(&[large, large, 1, large]), 256), [0..2, 2..4]);
        assert_eq!(parts(&inputs(&[MAX_CALL_BYTES * 2, 1]), 256), [0..1, 1..2], "a large one goes alone");
    }
}
