//! One request on a worker thread: records in, one outcome for each out.

use std::ops::Range;

use system_log_model::draft::{Outcome, Submission, Verdict};
use system_log_model::{Rejected, Timestamp, text};

use crate::bindings::system_log::collector::types::{Call, Header, Input, Outcome as Claimed};
use crate::bisect::{self, Patience};
use crate::convert;
use crate::fault::Fault;
use crate::host::CollectError;
use crate::limits::{HostLimits, MAX_CALL_BYTES, MAX_TYPE_NAME_BYTES};
use crate::plugin::Plugin;

/// What a record is when its sender does not say.
const DEFAULT_CONTENT_TYPE: &str = "application/json";

/// A record for the plugin: its place in the request, its group, itself.
struct Entry {
    place: usize,
    group: u32,
    input: Input,
}

/// What a request counts for the plugin's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stake {
    /// It came from a sender.
    Counts,
    /// Somebody looks at records, or tries again what failed before.
    Nothing,
}

/// Runs a request. `cancelled` is asked before each call into the plugin.
pub(crate) fn run(
    plugin: &Plugin,
    (source, received_at): (String, Timestamp),
    records: Vec<Submission>,
    stake: Stake,
    limits: &HostLimits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Outcome>, CollectError> {
    let call = Call { source, config: plugin.config.clone(), received_at: received_at.micros() };
    let mut outcomes: Vec<Option<Outcome>> = vec![None; records.len()];
    let mut entries = Vec::with_capacity(records.len());
    for (place, record) in records.into_iter().enumerate() {
        let group = if plugin.is_ours { 0 } else { record.group };
        match input(plugin, record) {
            Ok(input) => entries.push(Entry { place, group, input }),
            // The plugin never sees it.
            Err(verdict) => outcomes[place] = Some(Outcome::One(verdict)),
        }
    }
    // Stable: within a group the order is the sender's.
    entries.sort_by_key(|entry| entry.group);
    let (places, groups): (Vec<usize>, Vec<u32>) = entries.iter().map(|entry| (entry.place, entry.group)).unzip();
    let inputs: Vec<Input> = entries.into_iter().map(|entry| entry.input).collect();
    let settled = settle(plugin, &call, (&inputs, &groups), stake, limits, cancelled)?;
    for (place, result) in places.into_iter().zip(settled) {
        outcomes[place] = Some(convert::outcome(result, &plugin.kinds));
    }
    let outcomes: Vec<Outcome> =
        outcomes.into_iter().map(|outcome| outcome.expect("settle gives one result for each input")).collect();
    outcomes.iter().for_each(|outcome| plugin.sandbox.stats.settled(outcome));
    Ok(outcomes)
}

/// One result for each input, in order, and the breaker's share in it.
fn settle(
    plugin: &Plugin,
    call: &Call,
    (inputs, groups): (&[Input], &[u32]),
    stake: Stake,
    limits: &HostLimits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Result<Claimed, Fault>>, CollectError> {
    let now = Timestamp::from_micros(call.received_at);
    let pass = match stake {
        Stake::Counts => plugin.breaker.enter(now).map(Some),
        Stake::Nothing => plugin.breaker.quarantine().map_or(Ok(None), Err),
    };
    let pass = match pass {
        Ok(pass) => pass,
        Err(why) => return Ok(inputs.iter().map(|_| Err(Fault::quarantined(&why))).collect()),
    };
    let mut patience = Patience { left: limits.patience, retry_factor: limits.retry_factor };
    let mut settled = Vec::with_capacity(inputs.len());
    for run in groups.chunk_by(|left, right| left == right) {
        let group = &inputs[settled.len()..settled.len() + run.len()];
        for part in parts(group, plugin.call_records) {
            let mut run = |slice: &[Input], stretch| plugin.sandbox.call(call, slice, stretch);
            settled.extend(bisect::settle(&group[part], &mut patience, cancelled, &mut run)?);
        }
    }
    let mut faults = settled.iter().filter_map(|result| result.as_ref().err());
    let why = faults.next().map(|first| format!("{}: {}", first.reason.name(), first.message)).unwrap_or_default();
    let failed = faults.count() + usize::from(!why.is_empty());
    report(plugin, settled.len(), failed, &why);
    if let Some(off) = pass.and_then(|pass| pass.settle(now, settled.len(), failed, &why)) {
        tracing::error!(collector = %plugin.info.name, version = %plugin.info.version, "{off}");
    }
    Ok(settled)
}

fn input(plugin: &Plugin, record: Submission) -> Result<Input, Verdict> {
    let Submission { payload, mut content_type, headers, group: _ } = record;
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
fn report(plugin: &Plugin, records: usize, failed: usize, why: &str) {
    if failed > 0 {
        tracing::warn!(
            collector = %plugin.info.name,
            version = %plugin.info.version,
            failed,
            records,
            first = why,
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
