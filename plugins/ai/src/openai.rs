//! OpenAI's usage objects (chat, responses, embeddings, assistants), which most others imitate: DeepSeek, Groq, Mistral,
//! OpenRouter, xAI, vLLM. Cached tokens are part of the prompt.

use system_log_plugin::{Json, Verdict};

use crate::counts::{Counts, Usage};

const PROMPT_DETAILS: [&str; 5] =
    ["prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details", "prompt_details"];

/// Reads a usage object.
pub(crate) fn counts(usage: &Usage<'_>) -> Result<Counts, Verdict> {
    let told: Vec<&str> = PROMPT_DETAILS.into_iter().filter(|outer| usage.has(&[outer])).collect();
    let detail = |names: &[&str]| {
        let paths = told.iter().flat_map(|outer| names.iter().map(move |name| [outer, ".", name].concat()));
        let paths: Vec<String> = paths.collect();
        usage.or_zero(&paths.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // Mistral's `num_cached_tokens` says what its servers had at hand; it is billed as any other prompt.
    let mut cached = detail(&["cached_tokens", "cache_read"])?;
    if cached == 0 {
        cached = usage.or_zero(&["prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens"])?;
    }
    let mut cache_write = detail(&["cache_write_tokens", "cache_creation_tokens", "cache_creation"])?;
    if cache_write == 0 {
        cache_write = usage.or_zero(&["cache_write_tokens", "cache_creation_input_tokens"])?;
    }
    let mut counts = Counts {
        prompt: usage.first(&["prompt_tokens", "input_tokens"])?,
        completion: usage.first(&["completion_tokens", "output_tokens"])?,
        total: usage.first(&["total_tokens"])?,
        cached,
        cache_write,
        reasoning: usage.or_zero(&[
            "completion_tokens_details.reasoning_tokens",
            "output_tokens_details.reasoning_tokens",
            "output_tokens_details.thinking_tokens",
            "output_token_details.reasoning",
            "reasoning_tokens",
        ])?,
        audio: detail(&["audio_tokens", "audio"])?,
        cached_audio: detail(&["cached_tokens_details.audio_tokens"])?,
    };
    // xAI counts reasoning beside the completion. Its total shows it.
    if let (Some(prompt), Some(completion)) = (counts.prompt, counts.completion)
        && counts.reasoning > 0
        && counts.total == Some(prompt + completion + counts.reasoning)
    {
        counts.completion = Some(completion + counts.reasoning);
    }
    Ok(counts)
}

/// Whose answer this is, as far as it says so.
pub(crate) fn provider(body: &Json) -> String {
    if body.at("x_groq").is_object() {
        return "groq".into();
    }
    // OpenRouter names the provider behind it in every answer.
    if body.text("id").starts_with("gen-") && body.at("provider").is_string() {
        return "openrouter".into();
    }
    let model = body.text("model").to_ascii_lowercase();
    let model = model.strip_prefix("ft:").unwrap_or(&model);
    let known = [
        ("gpt-", "openai"),
        ("chatgpt-", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("text-embedding-", "openai"),
        ("deepseek-", "deepseek"),
        ("grok-", "xai"),
    ];
    let known = known.iter().find(|(beginning, _)| model.starts_with(beginning) && !model.starts_with("gpt-oss"));
    known.map(|(_, provider)| (*provider).to_owned()).unwrap_or_default()
}
