//! Bedrock: Converse, the metrics at the end of an invocation's stream, and Titan. As with Anthropic the caches stand
//! beside the input. The body never names the model.

use system_log_plugin::Verdict;

use crate::counts::{Counts, Usage};

/// Any of these makes it Bedrock's.
pub(crate) const NAMES: [&str; 5] =
    ["inputTokens", "outputTokens", "inputTokenCount", "outputTokenCount", "inputTextTokenCount"];

/// Reads a usage object.
pub(crate) fn counts(usage: &Usage<'_>) -> Result<Counts, Verdict> {
    let cached = usage.or_zero(&["cacheReadInputTokens", "cacheReadInputTokenCount"])?;
    let cache_write = usage.or_zero(&["cacheWriteInputTokens", "cacheWriteInputTokenCount"])?;
    let prompt = usage.first(&["inputTokens", "inputTokenCount", "inputTextTokenCount"])?;
    Ok(Counts {
        prompt: prompt.map(|fresh| fresh + cached + cache_write),
        completion: match usage.first(&["outputTokens", "outputTokenCount"])? {
            None => usage.each("results", "tokenCount")?,
            told => told,
        },
        total: usage.first(&["totalTokens", "totalTokenCount"])?,
        cached,
        cache_write,
        ..Counts::default()
    })
}
