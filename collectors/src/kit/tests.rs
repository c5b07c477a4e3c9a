//! The kit finds out what a service would, and the built-in collectors obey every law.

use serde_json::json;

use super::*;
use crate::hostile::guest::{Guest, HONEST, MANIFEST, with_section};

fn packed(guest: &Guest<'_>, cases: &serde_json::Value) -> Kit {
    Kit::load(&with_section(guest.with(MANIFEST), cases::SECTION, cases.to_string().as_bytes())).unwrap()
}

fn case(payload: &str, outcome: &serde_json::Value) -> serde_json::Value {
    json!({"name": payload, "content_type": "application/json", "payload": payload, "outcome": outcome})
}

/// `a`, then `!`.
fn two() -> serde_json::Value {
    let fine = json!({"drop": "NOT_LOGGED", "message": "fine"});
    json!([case("YQ==", &fine), case("IQ==", &fine)])
}

fn broken(kit: &Kit) -> Vec<(&'static str, String)> {
    kit.laws().into_iter().filter_map(|law| Some((law.law, law.broken?))).collect()
}

#[test]
fn the_built_in_collectors_do_what_their_cases_say_and_obey_every_law() {
    for (name, component) in built_in() {
        let kit = Kit::load(component).unwrap();
        let cases = kit.cases();
        assert!(cases.len() > 5, "{name}: {} cases", cases.len());
        for case in cases {
            assert_eq!(case.failure, None, "{name}: {}", case.name);
            assert!(case.instructions > 1_000 && case.memory >= 65_536 && case.micros > 0.0, "{case:?}");
        }
        assert_eq!(broken(&kit), [], "{name}");
    }
}

#[test]
fn instructions_are_the_same_each_time() {
    let count = || packed(&HONEST, &two()).cases()[0].instructions;
    assert_eq!(count(), count());
}

#[test]
fn a_case_that_differs_says_how() {
    let kit = packed(&HONEST, &json!([case("YQ==", &json!({"unknown": "x"}))]));
    let why = kit.cases()[0].failure.clone().unwrap();
    assert_eq!(why, r#"it says {"drop":"NOT_LOGGED","message":"fine"}, not {"unknown":"x"}"#);
}

/// Each guest breaks one law, and the kit tells which.
#[test]
fn a_plugin_that_breaks_a_law_is_told_which() {
    // The message's first letter is the number of records.
    let counts = "(i32.store8 (i32.const 32) (i32.add (i32.const 64) (local.get $count)))";
    // The second guilty record of a call has a shorter message.
    let remembers = "(if (i32.load8_u (i32.const 64)) (then (i32.store offset=20 (local.get $answer) (i32.const 3))))
        (i32.store8 (i32.const 64) (i32.const 1))";
    let guests = [
        (Guest { guilty: remembers, ..HONEST }, "a record twice in one call gives the same twice"),
        (Guest { finish: counts, ..HONEST }, "a batch gives what its records give one by one, in order"),
        (Guest { guilty: "unreachable", ..HONEST }, "the same call gives the same answer"),
        (
            Guest { finish: "(if (i32.eqz (local.get $count)) (then unreachable))", ..HONEST },
            "no record at all is an answer without outcomes",
        ),
        (
            Guest { guilty: "(i32.store offset=12 (local.get $answer) (i32.const 3))", ..HONEST },
            "only declared kinds and words of the contract",
        ),
        // It traps when the last record of a call begins with a brace: of the garbage one does.
        (
            Guest {
                finish: "(if (local.get $count) (then (if (i32.eq (i32.const 123) (i32.load8_u (i32.load (local.get $input)))) (then unreachable))))",
                ..HONEST
            },
            "garbage is refused and never trapped on",
        ),
    ];
    for (guest, law) in guests {
        let broken = broken(&packed(&guest, &two()));
        assert!(broken.iter().any(|(told, _)| *told == law), "{law}: {broken:?}");
    }
    assert_eq!(broken(&packed(&Guest { guilty: remembers, ..HONEST }, &two())).len(), 1, "no other law sees it");
    assert_eq!(broken(&packed(&HONEST, &two())), []);
}

/// What stood under a telling name and is said under none, as an event's message and as a reason.
#[test]
fn a_plugin_that_moves_a_password_is_told() {
    let at = format!("{{\"{}\":\"", laws::NAMES[0]).len();
    let secret = format!("(i32.add (i32.load (local.get $input)) (i32.const {at}))");
    let bytes = laws::NAMED.len();
    let (items, emit) = crate::hostile::answers::event("webhook_sent");
    // The message of an event stands 56 bytes into it, that of a reason 16.
    let says = [
        format!("{emit} (i32.store (i32.const 1080) {secret}) (i32.store (i32.const 1084) (i32.const {bytes}))"),
        format!(
            "(i32.store offset=16 (local.get $answer) {secret}) (i32.store offset=20 (local.get $answer) (i32.const {bytes}))"
        ),
    ];
    for says in says {
        // A payload that begins with `{"` is one with the secrets: the case itself is `{}`.
        let finish = format!(
            "(if (local.get $count) (then (if (i32.eq (i32.const 0x227b) (i32.load16_u (i32.load (local.get $input)))) (then {says}))))"
        );
        let kit = packed(
            &Guest { items: &items, finish: &finish, ..HONEST },
            &json!([case("e30=", &json!({"drop": "NOT_LOGGED", "message": "fine"}))]),
        );
        let broken = broken(&kit);
        assert_eq!(
            broken.iter().map(|(law, _)| *law).collect::<Vec<_>>(),
            ["no secret of a payload is left in what it says"]
        );
        assert!(broken[0].1.contains("\"willow-h\" of a secret survives"), "{broken:?}");
    }
}

#[test]
fn the_bench_measures_every_size_of_batch() {
    let (_, webhook) = built_in()[0];
    let rows = Kit::load(webhook).unwrap().bench().unwrap();
    for of_case in rows.chunks(BATCHES.len()) {
        assert_eq!(of_case.iter().map(|row| row.records).collect::<Vec<_>>(), BATCHES);
    }
    let cases: Vec<&str> = rows.iter().step_by(BATCHES.len()).map(|row| row.case.as_str()).collect();
    assert_eq!(cases[1..], ["failed_503", "github_detail"], "{cases:?}");
    assert!(rows.iter().all(|row| row.fresh > 0.0 && row.warm > 0.0), "{rows:?}");
    assert!(packed(&HONEST, &two()).bench().is_err(), "no case that emits");
}

#[test]
fn a_plugin_is_inspected_without_being_run() {
    let plugin = Guest { start: "unreachable", ..HONEST }.with(MANIFEST);
    let inspection = inspect(&plugin).unwrap();
    assert_eq!((inspection.manifest.name.as_str(), inspection.bytes, inspection.cases), ("hostile", plugin.len(), 0));
    assert!(Kit::load(&plugin).unwrap_err().to_string().starts_with("does not start"));
}
