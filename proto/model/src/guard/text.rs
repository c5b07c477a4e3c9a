//! Small looks at bytes that several rules share.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// A set of short words of ours, asked for every name: nobody else puts anything in, so the hash may be a quick one.
pub(super) type WordSet = HashSet<&'static str, BuildHasherDefault<Fnv>>;

/// Fowler, Noll and Vo's hash, 1a.
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A token may begin here: nothing before it belongs to it. Escapes such as `%3D`, `\n` and `\u0022` end before it,
/// though they end in letters or digits.
pub(super) fn is_start(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub(6)..at];
    match before {
        [] => true,
        [.., b'\\', b'n' | b'r' | b't' | b'"'] => true,
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [b'\\', b'u', rest @ ..] if rest.len() == 4 && rest.iter().all(u8::is_ascii_hexdigit) => true,
        [.., last] => !(last.is_ascii_alphanumeric() || *last == b'_'),
    }
}

/// Length of the line break at `at`, real or written `\n`, with the indentation after it; 0 if there is none.
pub(super) fn breaks(text: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        end += match &text[end.min(text.len())..] {
            [b'\r' | b'\n', ..] => 1,
            [b'\\', b'r' | b'n', ..] => 2,
            _ => break,
        };
        if end - at > 8 {
            break;
        }
    }
    if end > at {
        let indented = text[end..].iter().take(16).take_while(|b| matches!(b, b' ' | b'\t')).count();
        end += indented;
    }
    end - at
}

/// Skips spaces and tabs, at most `most`.
pub(super) fn skip_blanks(text: &[u8], at: usize, most: usize) -> usize {
    let rest = &text[at.min(text.len())..];
    at + rest.iter().take(most).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Whether `text` goes on with `word` at `at`, in any case.
pub(super) fn goes_on(text: &[u8], at: usize, word: &str) -> bool {
    text.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether nothing but indentation or a list dash stands before `at` on its line.
pub(super) fn opens_line(text: &[u8], at: usize) -> bool {
    for &byte in text[at.saturating_sub(24)..at].iter().rev() {
        match byte {
            b' ' | b'\t' | b'-' | b'"' | b'\'' => {}
            b'\n' | b'\r' => return true,
            _ => return false,
        }
    }
    at < 24
}

/// Whether the clause ends at `at`: the line, or a sign that begins another pair.
pub(super) fn ends_clause(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        None | Some(b'\n' | b'\r' | b',' | b';' | b'&' | b'"' | b'\'' | b'`' | b'<' | b'|' | b'}' | b']' | b')') => {
            true
        }
        Some(b' ' | b'\t') => matches!(text.get(skip_blanks(text, at, 64)), None | Some(b'\n' | b'\r' | b'#')),
        Some(_) => false,
    }
}

/// The next place at or after a moving point where something is, found without looking at any byte twice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ahead {
    from: usize,
    at: Option<usize>,
    known: bool,
}

impl Ahead {
    /// `find` looks from a place on and answers where the thing is.
    pub(super) fn next(&mut self, from: usize, find: impl FnOnce(usize) -> Option<usize>) -> Option<usize> {
        let still = self.known && from >= self.from && self.at.is_none_or(|at| from <= at);
        if !still {
            self.from = from;
            self.at = find(from);
            self.known = true;
        }
        self.at
    }
}
