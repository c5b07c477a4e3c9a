//! The global search where few words meet often: phrases, open ends and exclusions against the plain meaning.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use system_log_model::search::Search;

use super::random::rng;
use super::{Rig, brute, event, everything, first_page, lazy, noon};

const WORDS: [&str; 4] = ["connection", "refused", "by", "host"];

fn some_words(rng: &mut StdRng, most: usize) -> String {
    let count = rng.random_range(1..=most);
    let words: Vec<&str> = (0..count).map(|_| *WORDS.choose(rng).unwrap()).collect();
    words.join(" ")
}

fn term(rng: &mut StdRng) -> String {
    let minus = ["", "-"].choose(rng).unwrap();
    match rng.random_range(0..3) {
        0 => format!("{minus}\"{}\"", some_words(rng, 3)),
        1 => format!("{minus}{}", some_words(rng, 3).replace(' ', "_")),
        _ => format!("{minus}{}", &WORDS.choose(rng).unwrap()[..2]),
    }
}

#[test]
fn phrases_and_exclusions_are_what_they_mean() {
    let mut rng = rng(31);
    let rig = Rig::new(lazy());
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(rig.put((0..150).map(|_| event("acme", noon(), &some_words(&mut rng, 8))).collect()));
        rig.store.flush().unwrap();
    }
    for _ in 0..300 {
        let terms: Vec<String> = (0..rng.random_range(1..=3)).map(|_| term(&mut rng)).collect();
        let text = terms.join(" ");
        let mut query = everything("acme");
        query.filter.search = Search::parse(&text).unwrap();
        let expected = brute(&all, &query, rig.store.snapshot());
        assert_eq!(first_page(&rig.store, &query, 1_000).rows, expected, "{text}");
        assert_eq!(rig.store.count(&query, rig.store.snapshot()).unwrap(), expected.len() as u64, "{text}");
    }
}
