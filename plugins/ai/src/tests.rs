//! Case files, laws, and the priced cases of real answers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use system_log_plugin::cases::{render, run_with};

use super::collect;

mod records;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// What becomes of a payload under a configuration, in the words of the case files.
fn outcome(config: &Value, payload: &Value) -> Value {
    let payload = payload.to_string().into_bytes();
    render(&run_with(&config.to_string(), "ai", "application/json", payload, collect))
}

/// Numbers that a price table and usage object made elsewhere agree on: 300 answers of eight providers.
#[test]
fn every_priced_answer_has_its_counts_and_its_cost_to_the_last_digit() {
    let lines = std::fs::read_to_string(folder().join("golden/usage_cost_cases.jsonl")).expect("the priced answers");
    let config = json!({"default_prices": true});
    let mut seen = 0;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("a priced answer");
        let record = json!({"id": "1", "kind": "chat", "model": case["model"], "provider": case["provider"],
            "response": case["body"]});
        for payload in [&record, &case["body"]] {
            let event = &outcome(&config, payload)["emit"][0];
            let (ai, expected) = (&event["ai"], &case["expect"]);
            for (ours, theirs) in [
                ("prompt_tokens", "input_tokens"),
                ("completion_tokens", "output_tokens"),
                ("total_tokens", "total_tokens"),
                ("cached_tokens", "cache_read_tokens"),
                ("cache_write_tokens", "cache_write_tokens"),
                ("reasoning_tokens", "reasoning_tokens"),
            ] {
                assert_eq!(ai[ours], expected[theirs], "{ours} of {line}");
            }
            let pico: i128 = expected["total_picousd"].as_str().and_then(|text| text.parse().ok()).expect("a cost");
            let computed = i64::try_from(crate::decimal::divide(pico, 1_000)).expect("a cost that fits");
            // One of OpenRouter's answers was charged at another rate than its list price: what it says wins.
            let told = case["model"] == "z-ai/glm-4.6";
            assert_eq!(ai["cost_nano_usd"], json!(if told { 14_000 } else { computed }), "{line}");
            assert_eq!(ai["model"], case["model"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 300);
}

#[test]
fn without_a_configured_price_no_cost_is_known() {
    let record =
        json!({"kind": "chat", "model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 20, "success": true});
    assert_eq!(outcome(&json!({}), &record)["emit"][0]["ai"]["cost_nano_usd"], Value::Null);
}

#[test]
fn no_word_of_a_prompt_or_an_answer_is_kept() {
    let secret = "the quick brown fox";
    let answer = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
        "choices": [{"message": {"content": secret}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
    let attributes = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": secret, "gen_ai.output.messages": secret, "gen_ai.system_instructions": secret,
        "gen_ai.prompt": secret, "gen_ai.completion": secret, "gen_ai.tool.call.arguments": secret,
        "gen_ai.tool.call.result": secret, "langfuse.observation.input": secret, "llm.prompts": secret});
    for payload in [
        answer.clone(),
        json!({"kind": "chat", "model": "gpt-4o", "response": answer, "prompt": secret, "input": secret, "messages": [secret]}),
        json!({"kind": "chat", "model": "gpt-4o", "response": secret, "answer": secret, "completion": secret}),
        json!({"id": "1", "call_type": "acompletion", "model": "gpt-4o", "response_cost": 0.1, "status": "success",
            "messages": [{"content": secret}], "response": answer, "metadata": {"requester_metadata": {"x": secret}}}),
        json!({"name": "chat", "attributes": attributes}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": secret}], "structuredContent": {"a": secret}}}),
        json!({"model": "claude-sonnet-4-5", "type": "message", "content": [{"type": "text", "text": secret}],
            "usage": {"input_tokens": 1, "output_tokens": 1}}),
    ] {
        let outcome = outcome(&json!({}), &payload);
        assert!(outcome["emit"].is_array(), "{outcome}");
        assert!(!outcome.to_string().contains(secret), "{outcome:#}");
    }
}
