//! Our own record, field by field.

use super::*;

/// A record with some fields changed; null removes one.
fn record(changes: Value) -> Value {
    let mut record = json!({"id": "r1", "occurred_at": "2026-11-22T10:00:00.123456Z", "kind": "chat", "model": "gpt-4o",
        "provider": "openai", "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "latency_ms": 812,
        "success": true, "actor": {"id": "u1"}});
    let (Some(fields), Value::Object(changes)) = (record.as_object_mut(), changes) else { panic!("objects") };
    fields.extend(changes);
    fields.retain(|_, value| !value.is_null());
    record
}

fn event(changes: Value) -> Value {
    let outcome = outcome(&json!({}), &record(changes));
    assert!(outcome["emit"][0].is_object(), "{outcome}");
    outcome["emit"][0].clone()
}

#[test]
fn each_kind_is_what_the_record_says_word_for_word() {
    for (kind, name) in [
        ("chat", "ai_chat"),
        ("mcp_tool_call", "ai_tool_call"),
        ("embedding", "ai_embedding"),
        ("embeddings", "ai_request"),
        ("Chat", "ai_request"),
        ("image", "ai_request"),
        ("rerank", "ai_request"),
    ] {
        let event = event(json!({"kind": kind}));
        assert_eq!((&event["kind"], &event["ai"]["operation"]), (&json!(name), &json!(kind)));
    }
}

#[test]
fn a_record_without_a_kind_is_what_its_answer_is() {
    let answer = json!({"object": "chat.completion", "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    assert_eq!(event(json!({"kind": null, "response": answer}))["kind"], "ai_chat");
    assert_eq!(event(json!({"kind": null, "response": {"embeddings": []}}))["kind"], "ai_embedding");
    assert_eq!(event(json!({"kind": null}))["kind"], "ai_request", "its counts do not say what was asked for");
    assert_eq!(event(json!({"kind": ""}))["kind"], "ai_request");
    assert_eq!(event(json!({"kind": null, "completion_tokens": null, "total_tokens": null}))["kind"], "ai_request");
    assert_eq!(
        event(json!({"kind": null, "prompt_tokens": null, "completion_tokens": null, "total_tokens": null}))["kind"],
        "ai_request"
    );
}

#[test]
fn counts_beside_an_answer_win_over_those_in_it() {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 8, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 5}});
    let ours = event(json!({"response": {"usage": usage}}))["ai"].clone();
    assert_eq!(
        (&ours["prompt_tokens"], &ours["completion_tokens"], &ours["total_tokens"]),
        (&json!(100), &json!(20), &json!(120))
    );
    assert_eq!(ours["cached_tokens"], 5, "what only the answer tells is taken from it");
    let without_total = event(json!({"total_tokens": null, "response": {"usage": usage}}))["ai"].clone();
    assert_eq!(without_total["total_tokens"], 120, "not the answer's");
    let none =
        json!({"prompt_tokens": null, "completion_tokens": null, "total_tokens": null, "response": {"usage": usage}});
    assert_eq!(event(none)["ai"]["total_tokens"], 15);
}

#[test]
fn a_failure_is_an_error_and_says_why() {
    for (changes, error) in [
        (json!({"success": false, "error": " rate limit "}), " rate limit "),
        (json!({"success": "false", "error": {"message": "no", "type": "t", "code": "401"}}), "no"),
        (json!({"success": 0}), ""),
        (json!({"success": null, "error": "timeout"}), "timeout"),
        (json!({"success": null, "response": {"error": {"message": "Busy", "type": "overloaded_error"}}}), "Busy"),
        (json!({"success": null, "response": {"__type": "ThrottlingException", "message": "Too many"}}), "Too many"),
        (json!({"success": null, "response": {"message": "invalid api token"}}), "invalid api token"),
        (json!({"success": null, "error": "ours", "response": {"error": {"message": "theirs"}}}), "ours"),
    ] {
        let event = event(changes.clone());
        assert_eq!(event["severity"], "error", "{changes}");
        assert_eq!(event["ai"]["success"], false, "{changes}");
        assert_eq!(event["ai"]["error"], error, "{changes}");
        assert_eq!(event["message"].as_str().unwrap_or_default(), error, "{changes}");
    }
    let fine = event(json!({}));
    assert_eq!((fine.get("severity"), fine.get("message"), &fine["ai"]["success"]), (None, None, &json!(true)));
    assert_eq!(event(json!({"success": null, "error": ""}))["ai"]["success"], true);
    assert_eq!(event(json!({"success": null, "error": null}))["ai"]["success"], true);
    assert_eq!(event(json!({"success": null, "http_status": 429}))["ai"]["success"], false);
}

#[test]
fn numbers_are_read_however_they_are_written() {
    let most = 1_i64 << 53;
    for (told, read) in
        [(json!(3), 3), (json!("3"), 3), (json!(3.0), 3), (json!("3.0"), 3), (json!(0), 0), (json!(most), most)]
    {
        assert_eq!(event(json!({"prompt_tokens": told}))["ai"]["prompt_tokens"], read, "{told}");
    }
    for (told, read) in [
        (json!(812), json!(812)),
        (json!("812"), json!(812)),
        (json!(811.6), json!(812)),
        (json!(812.5), json!(812)),
        (json!(0), json!(0)),
        (json!(-1), Value::Null),
        (json!("NaN"), Value::Null),
        (json!(1e300), Value::Null),
        (json!([1]), Value::Null),
    ] {
        assert_eq!(event(json!({"latency_ms": told}))["ai"]["latency_ms"], read, "{told}");
    }
    for (told, nanos) in [
        (json!(0.0123), json!(12_300_000)),
        (json!("0.0123"), json!(12_300_000)),
        (json!(0), json!(0)),
        (json!("0.0000000005"), json!(0)),
        (json!("0.0000000015"), json!(2)),
        (json!(0.000_225_000_000_000_000_02), json!(225_000)),
        (json!(""), Value::Null),
        (Value::Null, Value::Null),
    ] {
        assert_eq!(event(json!({"cost_usd": told}))["ai"]["cost_nano_usd"], nanos, "{told}");
    }
}

#[test]
fn a_wrong_number_is_rejected_with_field_and_rule() {
    let tokens = "a whole number of tokens, from 0 to 2^53";
    let usd = "a decimal number of USD, from 0 to 9 billion";
    let answer = json!({"usage": {"input_tokens": -3, "output_tokens": 1}});
    for (changes, message) in [
        (json!({"prompt_tokens": -1}), format!("prompt_tokens: {tokens}")),
        (json!({"completion_tokens": "many"}), format!("completion_tokens: {tokens}")),
        (json!({"total_tokens": 1.5}), format!("total_tokens: {tokens}")),
        (json!({"prompt_tokens": (1_i64 << 53) + 1}), format!("prompt_tokens: {tokens}")),
        (json!({"prompt_tokens": 1e20}), format!("prompt_tokens: {tokens}")),
        (json!({"prompt_tokens": true}), format!("prompt_tokens: {tokens}")),
        (json!({"prompt_tokens": [1]}), format!("prompt_tokens: {tokens}")),
        (json!({"cached_tokens": -5}), format!("cached_tokens: {tokens}")),
        (json!({"response": answer}), format!("response.usage.input_tokens: {tokens}")),
        (json!({"cost_usd": -0.1}), format!("cost_usd: {usd}")),
        (json!({"cost_usd": "free"}), format!("cost_usd: {usd}")),
        (json!({"cost_usd": 1e10}), format!("cost_usd: {usd}")),
        (json!({"cost_usd": {"total": 1}}), format!("cost_usd: {usd}")),
        (json!({"success": "perhaps"}), "success: true or false".into()),
        (json!({"model": ["gpt-4o"]}), "model: a text".into()),
        (json!({"kind": {}}), "kind: a text".into()),
    ] {
        let outcome = outcome(&json!({}), &record(changes.clone()));
        assert_eq!(outcome, json!({"reject": "MALFORMED_PAYLOAD", "message": message}), "{changes}");
    }
}

#[test]
fn a_total_is_summed_when_it_is_missing_and_kept_when_it_is_told() {
    assert_eq!(event(json!({"total_tokens": null}))["ai"]["total_tokens"], 120);
    let told = event(json!({"total_tokens": 150}));
    assert_eq!((&told["ai"]["total_tokens"], &told["attributes"]["total_mismatch"]), (&json!(150), &json!(true)));
    assert_eq!(event(json!({}))["attributes"].get("total_mismatch"), None);
}

#[test]
fn a_payload_that_is_none_of_ours_says_what_is_missing() {
    let no_object = json!({"reject": "MALFORMED_PAYLOAD", "message": "payload: a JSON object, or a list of them"});
    let no_kind = json!({"reject": "MISSING_FIELD", "message": "kind: required"});
    for (payload, expected) in [
        (json!({}), no_kind.clone()),
        (json!({"type": "checkout.session"}), json!({"unknown": "checkout.session"})),
        (json!("text"), no_object.clone()),
        (json!([1, {}]), json!({"page": [no_object, no_kind]})),
    ] {
        assert_eq!(outcome(&json!({}), &payload), expected, "{payload}");
    }
}

#[test]
fn names_of_an_organisation_are_hints() {
    assert_eq!(event(json!({"org_id": "acme"}))["org_hints"], json!([{"org": "acme"}]));
    assert_eq!(event(json!({})).get("org_hints"), None);
}
