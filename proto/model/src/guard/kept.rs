//! What must stay as it is: 0 changes.

use proptest::prelude::*;

use super::Guard;

/// What looks like a secret, or speaks of one, and is none.
const KEPT: &str = include_str!("kept.txt");

/// Ordinary lines of ordinary programs.
const LINES: &str = include_str!("lines.txt");

fn changed(texts: &str) -> Vec<String> {
    let guard = Guard::new();
    texts
        .lines()
        .filter(|line| guard.text(line) != *line)
        .map(|line| format!("{line}\n -> {}", guard.text(line)))
        .collect()
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let changed = changed(KEPT);
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn ordinary_lines_stay() {
    let changed = changed(LINES);
    assert!(changed.is_empty(), "{}", changed.join("\n"));
    assert!(matches!(Guard::new().text(LINES), std::borrow::Cow::Borrowed(_)), "{}", Guard::new().text(LINES));
}

proptest! {
    #[test]
    fn cleaning_twice_is_cleaning_once(
        parts in prop::collection::vec(prop_oneof![
            Just("password".to_owned()), Just("\"token\"".to_owned()), Just(": ".to_owned()), Just("=".to_owned()),
            Just("Authorization: Bearer ".to_owned()), Just("://u:".to_owned()), Just("@h".to_owned()),
            Just("Cookie: a=b; ".to_owned()), Just("\\\"".to_owned()), Just("\"".to_owned()), Just("%3D".to_owned()),
            Just("[redacted:".to_owned()), Just("]".to_owned()), Just("<secret>".to_owned()), Just("\n".to_owned()),
            Just("&".to_owned()), Just("--user ".to_owned()), Just("eyJ".to_owned()), Just("é".to_owned()),
            "[a-zA-Z0-9]{1,40}", "\\PC{0,12}",
        ], 0..24)
    ) {
        let guard = Guard::new();
        let text = parts.concat();
        let once = guard.text(&text).into_owned();
        prop_assert_eq!(guard.text(&once), once.as_str(), "{}", text);
    }

    #[test]
    fn any_bytes_are_payload(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let guard = Guard::new();
        for media in ["application/json", "application/x-www-form-urlencoded", "text/plain", ""] {
            let once = guard.payload(&bytes, media);
            prop_assert_eq!(guard.payload(&once, media), once.clone());
        }
    }
}
