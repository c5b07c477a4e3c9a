//! Cohere tells what it bills (`billed_units`) and what its model read (`tokens`), which can be five times as much. What is
//! billed counts: that is what tokens cost and what its own pages show.

use system_log_plugin::Verdict;

use crate::counts::{Counts, Usage};

/// Reads a usage object.
pub(crate) fn counts(usage: &Usage<'_>) -> Result<Counts, Verdict> {
    Ok(Counts {
        prompt: usage.first(&["billed_units.input_tokens", "tokens.input_tokens"])?,
        completion: usage.first(&["billed_units.output_tokens", "tokens.output_tokens"])?,
        total: None,
        cached: usage.or_zero(&["cached_tokens"])?,
        ..Counts::default()
    })
}
