//! Anthropic's messages. `input_tokens` counts neither what was read from the cache nor what was written to it.

use system_log_plugin::Verdict;

use crate::counts::{Counts, Usage};

/// Names nobody else has beside `input_tokens`.
pub(crate) const NAMES: [&str; 3] = ["cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"];

/// Reads a usage object.
pub(crate) fn counts(usage: &Usage<'_>) -> Result<Counts, Verdict> {
    let mut cache_write = usage.or_zero(&["cache_creation_input_tokens"])?;
    if cache_write == 0 {
        let split =
            [["cache_creation.ephemeral_5m_input_tokens"].as_slice(), &["cache_creation.ephemeral_1h_input_tokens"]];
        cache_write = usage.sum(&split)?.unwrap_or(0);
    }
    let cached = usage.or_zero(&["cache_read_input_tokens"])?;
    // The last part of a stream may tell the output alone: then the input is not known, whatever the caches say.
    let prompt = usage.first(&["input_tokens"])?.map(|fresh| fresh + cached + cache_write);
    let (cached, cache_write) = if prompt.is_some() { (cached, cache_write) } else { (0, 0) };
    Ok(Counts {
        prompt,
        completion: usage.first(&["output_tokens"])?,
        total: usage.first(&["total_tokens"])?,
        cached,
        cache_write,
        reasoning: usage
            .or_zero(&["output_tokens_details.thinking_tokens", "output_tokens_details.reasoning_tokens"])?,
        ..Counts::default()
    })
}
