//! The deployment's own secrets, found wherever they stand and in the encodings they travel in.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::kind::{Kind, Span};

/// A shorter literal would take ordinary words apart and is not looked for.
const SHORTEST: usize = 6;

/// The compiled list. Its `Debug` shows how many there are, never what they are.
#[derive(Default)]
pub(super) struct Literals {
    found: Option<AhoCorasick>,
}

impl std::fmt::Debug for Literals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Literals({})", self.found.as_ref().map_or(0, AhoCorasick::patterns_len))
    }
}

impl Literals {
    pub(super) fn new(literals: impl IntoIterator<Item = String>) -> Self {
        let forms: Vec<String> =
            literals.into_iter().filter(|literal| literal.len() >= SHORTEST).flat_map(forms).collect();
        if forms.is_empty() {
            return Self::default();
        }
        let found = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms);
        Self { found: Some(found.expect("a list of configured secrets is far below the automaton's size limit")) }
    }

    pub(super) fn find(&self, text: &[u8]) -> Vec<Span> {
        let hits = self.found.iter().flat_map(|found| found.find_iter(text));
        hits.map(|hit| Span::new(hit.start(), hit.end(), Kind::Literal)).collect()
    }
}

/// A literal as it is, and inside base64 at each of the three places it can begin.
fn forms(literal: String) -> Vec<String> {
    let mut forms = vec![];
    if literal.len() >= 12 {
        for shift in 0..3 {
            let bytes = [&b"\0\0"[..shift], literal.as_bytes()].concat();
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let text = engine.encode(&bytes);
                // the characters at both ends also hold bits of what stands beside it
                let whole = bytes.len() * 8 / 6;
                forms.push(text[[0, 2, 3][shift]..whole].to_owned());
            }
        }
    }
    forms.push(literal);
    forms
}
