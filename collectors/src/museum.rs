//! The museum: plugins as they were built against each released contract. They must keep loading, and keep saying what they
//! said. A piece is never built anew; a new release of the contract adds one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cases;
use crate::hostile::guest::{Guest, HONEST, MANIFEST, with_section};
use crate::kit::{self, Kit};

fn room() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/museum")
}

/// Every released contract has a piece.
const RELEASED: [&str; 1] = ["contract-1.0.0.wasm"];

#[test]
fn plugins_of_every_released_contract_load_and_say_what_they_said() {
    for piece in RELEASED {
        let component = fs::read(room().join(piece)).unwrap();
        assert_eq!(kit::inspect(&component).unwrap().cases, 2, "{piece}");
        let kit = Kit::load(&component).unwrap();
        for case in kit.cases() {
            assert_eq!(case.failure, None, "{piece}: {}", case.name);
        }
        for law in kit.laws() {
            assert_eq!(law.broken, None, "{piece}: {}", law.law);
        }
    }
}

/// How the piece of the present contract was made. It refuses to make one anew.
#[test]
#[ignore = "makes a piece of the museum, once for each release of the contract"]
fn make_the_piece_of_this_contract() {
    // `!` becomes an event of the kind that the manifest declares, everything else is dropped.
    let event = r#"(data (i32.const 900) "systemwebhook_sent")
        (data (i32.const 1024) "\84\03\00\00\06\00\00\00\8a\03\00\00\0c\00\00\00")"#;
    let emit = "(i32.store8 offset=4 (local.get $answer) (i32.const 0))
        (i32.store offset=8 (local.get $answer) (i32.const 1024))
        (i32.store offset=12 (local.get $answer) (i32.const 1))";
    let plugin =
        Guest { items: event, guilty: emit, ..HONEST }.with(&MANIFEST.replace("Does what it must not.", "Of 1.0.0."));
    let cases = serde_json::json!([
        {"name": "dropped", "content_type": "application/json", "payload": "YQ==",
            "outcome": {"drop": "NOT_LOGGED", "message": "fine"}},
        {"name": "event", "content_type": "application/json", "payload": "IQ==",
            "outcome": {"emit": [{"log": "system", "kind": "webhook_sent"}]}},
    ]);
    let path = room().join(RELEASED[RELEASED.len() - 1]);
    assert!(!path.exists(), "a piece is never built anew");
    fs::write(path, with_section(plugin, cases::SECTION, cases.to_string().as_bytes())).unwrap();
}
