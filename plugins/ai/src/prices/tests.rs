//! Tables, tiers and classes.

use serde_json::json;

use super::*;

/// The example of the documentation, and what must not be mistaken for it.
fn table() -> Rc<Prices> {
    let config = json!({"prices": [
        {"models": ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"], "input_mtok": "3", "output_mtok": "15",
            "cache_read_mtok": "0.3", "tiers": [{"above": 200_000, "input_mtok": "6", "output_mtok": "22.5"}]},
        {"models": ["plain"], "input_mtok": "3", "output_mtok": "15"},
        {"models": ["audio"], "input_mtok": 0.3, "output_mtok": 2.5, "cache_read_mtok": "0.03", "input_audio_mtok": "1",
            "cache_audio_read_mtok": "0.1"},
        {"models": ["audio without cache price"], "input_mtok": "0.3", "output_mtok": "2.5", "cache_read_mtok": "0.03",
            "input_audio_mtok": "1"},
        {"models": ["embedding"], "input_mtok": "0.02"},
        {"models": ["fine"], "input_mtok": "0.08333333333333334", "output_mtok": "0.0000000000000001"},
        {"models": ["three tiers"], "input_mtok": "1", "output_mtok": "1", "tiers": [
            {"above": 100, "input_mtok": "2"}, {"above": 1_000, "input_mtok": "4", "cache_read_mtok": "3"}]},
        {"models": ["wrong"], "input_mtok": "-3", "output_mtok": "15"},
        {"models": ["wrong tier"], "input_mtok": "3", "tiers": [{"above": "much", "input_mtok": "3"}]},
        {"models": ["twice"], "input_mtok": "1"}, {"models": ["twice"], "input_mtok": "2"},
        {"models": ["dear"], "input_mtok": "1e30"},
        {"input_mtok": "1"}, 7
    ]});
    Prices::of(&config.to_string())
}

const fn counts(prompt: i64, completion: i64) -> Counts {
    Counts {
        prompt: Some(prompt),
        completion: Some(completion),
        total: None,
        cached: 0,
        cache_write: 0,
        reasoning: 0,
        audio: 0,
        cached_audio: 0,
    }
}

#[track_caller]
fn costs(model: &str, counts: Counts, nanos: i64) {
    assert_eq!(table().cost(&[model], &counts), Ok(nanos));
}

#[test]
fn names_are_exact_and_case_folded() {
    for name in ["claude-sonnet-4-5", "Claude-Sonnet-4-5-20250929", "CLAUDE-SONNET-4-5"] {
        costs(name, counts(1_000, 100), 4_500_000);
    }
    for name in ["", "claude", "claude-sonnet-4-5-20250930", "anthropic/claude-sonnet-4-5", "claude-sonnet-4-5 "] {
        assert_eq!(table().cost(&[name], &counts(1, 1)), Err("no price for this model".into()), "{name:?}");
    }
    assert_eq!(table().cost(&["alias", "plain"], &counts(1, 0)), Ok(3_000), "the second name has a price");
    costs("twice", counts(1, 0), 2_000);
}

#[test]
fn the_whole_request_moves_to_a_tier_above_its_mark() {
    costs("claude-sonnet-4-5", counts(200_000, 1), 600_015_000);
    costs("claude-sonnet-4-5", counts(200_001, 1), 1_200_028_500);
    let cached = Counts { cached: 200_000, ..counts(200_001, 0) };
    costs("claude-sonnet-4-5", cached, 60_006_000);
    costs("three tiers", counts(100, 0), 100_000);
    costs("three tiers", counts(101, 0), 202_000);
    costs("three tiers", counts(1_001, 0), 4_004_000);
    costs("three tiers", Counts { cached: 1_001, ..counts(1_001, 0) }, 3_003_000);
    costs("three tiers", Counts { cached: 101, ..counts(101, 0) }, 202_000);
}

#[test]
fn classes_have_their_price_or_that_of_the_input() {
    let classes = Counts { cached: 400, cache_write: 100, ..counts(1_000, 10) };
    costs("plain", classes, 3_150_000);
    costs("claude-sonnet-4-5", classes, 500 * 3_000 + 400 * 300 + 100 * 3_000 + 10 * 15_000);
    let audio = Counts { audio: 600, cached_audio: 200, ..classes };
    costs("plain", audio, 3_150_000);
    costs("audio", audio, 100 * 300 + 400 * 1_000 + 200 * 30 + 200 * 100 + 100 * 300 + 10 * 2_500);
    costs(
        "audio without cache price",
        audio,
        100 * 300 + 400 * 1_000 + 200 * 30 + 200 * 1_000 + 100 * 300 + 10 * 2_500,
    );
    costs("plain", Counts { reasoning: 10, ..counts(0, 10) }, 150_000);
    let without_completion = Counts { completion: None, total: Some(50), ..counts(50, 0) };
    costs("embedding", without_completion, 1_000);
}

#[test]
fn what_cannot_be_computed_is_not_known() {
    let why = |model: &str, counts: Counts| table().cost(&[model], &counts).expect_err("a cost");
    assert_eq!(why("plain", Counts::default()), "no usage");
    assert_eq!(why("plain", Counts { prompt: None, ..counts(0, 5) }), "no usage");
    assert_eq!(why("plain", Counts { completion: None, total: Some(9), ..counts(5, 0) }), "completion not told");
    for wrong in [
        Counts { cached: 11, ..counts(10, 1) },
        Counts { cached: 6, cache_write: 5, ..counts(10, 1) },
        Counts { audio: 11, ..counts(10, 1) },
        Counts { cached: 1, audio: 5, cached_audio: 2, ..counts(10, 1) },
        Counts { cached: 5, audio: 1, cached_audio: 2, ..counts(10, 1) },
    ] {
        assert_eq!(why("audio", wrong), "the classes of the prompt are more than the prompt", "{wrong:?}");
    }
    assert_eq!(why("embedding", counts(1, 1)), "no output_mtok for this model");
    assert_eq!(
        why("wrong", counts(1, 1)),
        "price table: prices[7].input_mtok: a decimal number of USD per million tokens"
    );
    assert_eq!(why("wrong tier", counts(1, 1)), "price table: prices[8].tiers[0].above: a whole number of tokens");
    assert_eq!(why("dear", counts(1 << 53, 0)), "too large to compute");
}

#[test]
fn a_sum_is_rounded_once_half_to_even() {
    // 83.33333333333334 nano-USD a token; 1e-13 a completion token.
    costs("fine", counts(1, 0), 83);
    costs("fine", counts(3, 0), 250);
    costs("fine", counts(0, 1), 0);
    let half = Prices::of(
        &json!({"prices": [{"models": ["half"], "input_mtok": "0.0005", "output_mtok": "0.0005"}]}).to_string(),
    );
    for (prompt, completion, nanos) in [(1, 0, 0), (1, 1, 1), (3, 0, 2), (5, 0, 2), (2, 1, 2), (4, 1, 2), (7, 0, 4)] {
        assert_eq!(half.cost(&["half"], &counts(prompt, completion)), Ok(nanos), "{prompt}+{completion}");
    }
}

#[test]
fn the_shipped_table_is_there_when_asked_for_and_gives_way() {
    let cost = |config: Value| Prices::of(&config.to_string()).cost(&["gpt-4o"], &counts(1_000, 0)).ok();
    assert_eq!(cost(json!({})), None);
    assert_eq!(cost(json!({"default_prices": false})), None);
    assert_eq!(cost(json!({"default_prices": true})), Some(2_500_000));
    let own = json!([{"models": ["gpt-4o"], "input_mtok": "1"}]);
    assert_eq!(cost(json!({"default_prices": true, "prices": own})), Some(1_000_000));
    for broken in ["", "null", "[]", "{\"prices\": 3}", "{\"prices\": [3]}", "{\"prices\": [{\"models\": \"x\"}]}"] {
        assert_eq!(Prices::of(broken).cost(&["x"], &counts(1, 1)), Err("no price for this model".into()), "{broken}");
    }
    let table: Value = serde_json::from_str(DEFAULT).expect("the shipped table");
    let entries = table["prices"].as_array().expect("prices");
    let names: Vec<&str> =
        entries.iter().flat_map(|entry| entry["models"].as_array()).flatten().filter_map(Value::as_str).collect();
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), distinct.len(), "no model twice");
    assert!(Prices::of(r#"{"default_prices": true}"#).by_model.values().all(|entry| entry.is_ok()));
}
