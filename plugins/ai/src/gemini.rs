//! Gemini's `usageMetadata`. Thoughts stand beside the candidates and tool results beside the prompt; cached tokens are part
//! of the prompt. The SDKs write the same names with underscores.

use system_log_plugin::Verdict;

use crate::counts::{Counts, Usage};

/// Any of these makes it Gemini's.
pub(crate) const NAMES: [&str; 6] = [
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "prompt_token_count",
    "candidates_token_count",
    "total_token_count",
];

/// Reads a usage object.
pub(crate) fn counts(usage: &Usage<'_>) -> Result<Counts, Verdict> {
    let thoughts = ["thoughtsTokenCount", "thoughts_token_count"];
    Ok(Counts {
        prompt: usage.sum(&[
            &["promptTokenCount", "prompt_token_count"],
            &["toolUsePromptTokenCount", "tool_use_prompt_token_count"],
        ])?,
        completion: usage.sum(&[
            &["candidatesTokenCount", "candidates_token_count", "responseTokenCount", "generation_token_count"],
            &thoughts,
        ])?,
        total: usage.first(&["totalTokenCount", "total_token_count"])?,
        cached: usage.or_zero(&["cachedContentTokenCount", "cached_content_token_count"])?,
        cache_write: 0,
        reasoning: usage.or_zero(&thoughts)?,
        audio: usage.modality(
            "AUDIO",
            &[
                "promptTokensDetails",
                "toolUsePromptTokensDetails",
                "prompt_tokens_details",
                "tool_use_prompt_tokens_details",
            ],
        )?,
        cached_audio: usage.modality("AUDIO", &["cacheTokensDetails", "cache_tokens_details"])?,
    })
}
