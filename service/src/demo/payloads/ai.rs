//! Uses of AI models and tools: our own records, with counts or around an answer as Anthropic sends it. What the models cost
//! is in [`config`]; one of them has no price, so that an unknown cost is seen too.

use serde_json::{Value, json};
use system_log_model::Timestamp;

use super::{PEOPLE, Random, merge};

const ERRORS: [&str; 3] = [
    "429 Too Many Requests: rate limit reached for requests per minute",
    "529 overloaded_error: Overloaded",
    "context_length_exceeded: the prompt is longer than the model's 128000 tokens",
];
const TOOLS: [&str; 3] = ["list_processes", "create_task", "search_blueprints"];

/// What the demo's models cost, as `[collectors.config.ai]` has it.
pub(in crate::demo) fn config() -> Value {
    json!({"prices": [
        {"models": ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"], "input_mtok": "3", "output_mtok": "15",
            "cache_read_mtok": "0.3", "cache_write_mtok": "3.75"},
        {"models": ["gpt-4o"], "input_mtok": "2.5", "output_mtok": "10", "cache_read_mtok": "1.25"},
        {"models": ["text-embedding-3-small"], "input_mtok": "0.02"},
    ]})
}

pub(super) fn usage(id: &str, at: Timestamp, random: &mut Random) -> String {
    let (actor, _, _) = *random.pick(&PEOPLE[..5]);
    let common = json!({
        "id": id,
        "occurred_at": at.to_string(),
        "latency_ms": 300 + random.below(9_000),
        "success": true,
        "actor": {"id": actor},
    });
    let more = match random.below(100) {
        0..50 => anthropic(id, random),
        50..72 => counted("chat", "gpt-4o", "openai", random),
        72..80 => json!({"kind": "embedding", "model": "text-embedding-3-small", "provider": "openai",
            "prompt_tokens": 200 + random.below(8_000), "completion_tokens": 0}),
        80..90 => json!({"kind": "mcp_tool_call", "provider": "demo-mcp", "tool_name": random.pick(&TOOLS)}),
        90..96 => json!({"kind": "chat", "model": "claude-sonnet-4-5", "provider": "anthropic", "success": false,
            "error": random.pick(&ERRORS)}),
        _ => counted("chat", "in-house-7b", "in-house", random),
    };
    merge(common, more).to_string()
}

fn counted(kind: &str, model: &str, provider: &str, random: &mut Random) -> Value {
    json!({"kind": kind, "model": model, "provider": provider, "prompt_tokens": 300 + random.below(20_000),
        "completion_tokens": 50 + random.below(2_000)})
}

fn anthropic(id: &str, random: &mut Random) -> Value {
    json!({
        "kind": "chat",
        "model": "claude-sonnet-4-5",
        "response": {
            "id": format!("msg_{id}"),
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [{"type": "text", "text": "is not kept"}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 20 + random.below(3_000),
                "cache_creation_input_tokens": random.below(2_000),
                "cache_read_input_tokens": random.below(60_000),
                "output_tokens": 50 + random.below(2_500),
            },
        },
    })
}
