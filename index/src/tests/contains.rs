//! *contains* against brute force over any Unicode there is, from memory and from the days alike.

use proptest::prelude::*;
use proptest::sample::Index;
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::text::fold;

use super::{Rig, event, everything, first_page, lazy, noon};

/// The rule, as plainly as it can be written: each character's lower case, then a substring.
fn brute(text: &str, needle: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    lower(text).contains(&lower(needle))
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let any_character = proptest::collection::vec(any::<char>(), 0..24);
    // Characters whose case changes their length or that combine, so that folding is put to the test.
    let tricky = proptest::collection::vec(
        proptest::sample::select("aAİiIıßẞǅΣσςÉe\u{301}\u{307}%*'\" 😀".chars().collect::<Vec<_>>()),
        0..24,
    );
    let text = prop_oneof![any_character, tricky].prop_map(|chars| chars.into_iter().collect());
    proptest::collection::vec(text, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn contains_is_brute_force_over_any_unicode(
        texts in texts(),
        cuts in proptest::collection::vec((any::<Index>(), any::<Index>(), 1_usize..6, any::<bool>()), 8),
    ) {
        let rig = Rig::new(lazy());
        rig.put(texts.iter().map(|text| event("acme", noon(), text)).collect());
        for stage in ["in memory", "in a day", "in a closed day"] {
            match stage {
                "in a day" => rig.store.flush().unwrap(),
                "in a closed day" => {
                    rig.clock.set(noon().plus_micros(4 * MICROS_PER_DAY));
                    rig.store.settle().unwrap();
                }
                _ => {}
            }
            for (text, from, length, is_shouted) in &cuts {
                let chars: Vec<char> = text.get(&texts).chars().collect();
                let from = if chars.is_empty() { 0 } else { from.index(chars.len()) };
                let cut: String = chars.iter().skip(from).take(*length).collect();
                let needle = if *is_shouted { cut.to_uppercase() } else { cut };
                if needle.is_empty() {
                    continue;
                }
                let mut query = everything("acme");
                query.filter.contains.message = Some(fold(&needle).into_owned());
                let mut found: Vec<String> =
                    first_page(&rig.store, &query, 100).rows.into_iter().map(|row| row.event.message).collect();
                let mut expected: Vec<String> = texts.iter().filter(|text| brute(text, &needle)).cloned().collect();
                let count = rig.store.count(&query, rig.store.snapshot()).unwrap();
                prop_assert_eq!(count, expected.len() as u64, "{:?}, {}", needle, stage);
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected, "{:?}, applied {}", needle, stage);
            }
        }
    }
}
