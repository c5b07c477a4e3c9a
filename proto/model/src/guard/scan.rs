//! One pass over a text: a prefilter finds the few places where a rule may apply, and only those rules look.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::formats::FORMATS;
use super::keys::{FOREIGN, Key, STEMS, VENDORS};
use super::kind::{MARKER, MARKER_MAX, Span};
use super::text::Ahead;
use super::url::{HOOKS, LINKS};

/// What a literal found by the prefilter may be the sign of.
#[derive(Debug, Clone, Copy)]
enum Sign {
    Name,
    Format(usize),
    Jwt,
    Armour,
    Putty,
    Url,
    Oracle,
    Hook,
    Link,
    Telegram,
    Azure,
    Terraform,
    Card,
    Mailgun,
    Scheme,
    Curl,
    FlagP,
    Marker,
    Prefixed,
}

struct Prefilter {
    literals: AhoCorasick,
    signs: Vec<Sign>,
}

static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| {
    let mut signs: Vec<(&str, Sign)> = vec![
        ("eyJ", Sign::Jwt),
        ("ewog", Sign::Jwt),
        ("-----BEGIN", Sign::Armour),
        ("---- BEGIN", Sign::Armour),
        ("Private-Lines:", Sign::Putty),
        ("://", Sign::Url),
        ("jdbc:oracle:thin:", Sign::Oracle),
        (":AA", Sign::Telegram),
        ("Q~", Sign::Azure),
        (".atlasv1.", Sign::Terraform),
        ("card", Sign::Card),
        ("kreditkarte", Sign::Card),
        ("tarjeta", Sign::Card),
        ("visa", Sign::Card),
        ("amex", Sign::Card),
        ("maestro", Sign::Card),
        ("american express", Sign::Card),
        ("pan ", Sign::Card),
        ("pan:", Sign::Card),
        ("\"pan\"", Sign::Card),
        ("\"cc\"", Sign::Card),
        ("bearer ", Sign::Scheme),
        ("basic ", Sign::Scheme),
        ("digest ", Sign::Scheme),
        (" -u", Sign::Curl),
        (" -p", Sign::FlagP),
        ("--user", Sign::Curl),
        ("--proxy-user", Sign::Curl),
        (MARKER, Sign::Marker),
        ("_live_", Sign::Prefixed),
        ("_test_", Sign::Prefixed),
        ("_prod_", Sign::Prefixed),
        ("_pat_", Sign::Prefixed),
        ("_key_", Sign::Prefixed),
        ("_secret_", Sign::Prefixed),
        ("_token_", Sign::Prefixed),
        ("-live-", Sign::Prefixed),
        ("-prod-", Sign::Prefixed),
        ("-pat-", Sign::Prefixed),
        ("-key-", Sign::Prefixed),
        ("-secret-", Sign::Prefixed),
        ("-token-", Sign::Prefixed),
        ("-us", Sign::Mailgun),
    ];
    signs.extend(LINKS.iter().map(|link| (*link, Sign::Link)));
    signs.extend(HOOKS.iter().map(|hook| (*hook, Sign::Hook)));
    signs.extend(FORMATS.iter().enumerate().map(|(at, format)| (format.prefix, Sign::Format(at))));
    let names = STEMS.split_ascii_whitespace().chain(VENDORS.split_ascii_whitespace()).chain(FOREIGN);
    signs.extend(names.map(|name| (name, Sign::Name)));
    let literals = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(signs.iter().map(|(literal, _)| literal))
        .expect("a few hundred short literals fit a DFA");
    Prefilter { literals, signs: signs.into_iter().map(|(_, sign)| sign).collect() }
});

/// The state of one pass.
pub(super) struct Scan<'t> {
    pub(super) text: &'t [u8],
    spans: Vec<Span>,
    /// Everything before it is decided.
    floor: usize,
    /// The end of the name looked at last.
    pub(super) named: usize,
    /// That name and what it announces: texts repeat their names.
    pub(super) known: Option<(&'t [u8], Option<Key>)>,
    /// How far random words were looked for.
    pub(super) reached: usize,
    pub(super) armour_end: Ahead,
    quotes: [Ahead; 3],
    bare: Ahead,
    pub(super) at_sign: Ahead,
    pub(super) url_end: Ahead,
    element: Ahead,
}

/// What is to be removed from a text, as it stands. `nested`: it was wrapped already, so do not unwrap again.
pub(super) fn scan(text: &[u8], nested: bool) -> Vec<Span> {
    let mut scan = Scan {
        text,
        spans: Vec::new(),
        floor: 0,
        named: 0,
        known: None,
        reached: 0,
        armour_end: Ahead::default(),
        quotes: [Ahead::default(); 3],
        bare: Ahead::default(),
        at_sign: Ahead::default(),
        url_end: Ahead::default(),
        element: Ahead::default(),
    };
    for hit in PREFILTER.literals.find_overlapping_iter(text) {
        scan.look(PREFILTER.signs[hit.pattern().as_usize()], hit.start(), hit.end());
    }
    if !nested {
        scan.wrapped();
    }
    scan.spans
}

impl Scan<'_> {
    fn look(&mut self, sign: Sign, start: usize, end: usize) {
        if start < self.floor {
            return;
        }
        match sign {
            Sign::Name => self.name(start, end),
            Sign::Format(at) => {
                let format = &FORMATS[at];
                if let Some(stop) = format.end(self.text, start) {
                    self.found(Span::new(start, stop, format.kind));
                }
            }
            Sign::Jwt => self.jwt(start),
            Sign::Armour => self.armour(start, end),
            Sign::Putty => self.putty(end),
            Sign::Url => self.url(end),
            Sign::Oracle => self.oracle(end),
            Sign::Link => self.link(end),
            Sign::Hook => self.hook(end),
            Sign::Telegram => self.telegram(start),
            Sign::Azure => self.azure(start),
            Sign::Terraform => self.terraform(start, end),
            Sign::Card => self.card(end),
            Sign::Mailgun => self.mailchimp(start, end),
            Sign::Scheme => self.scheme(start),
            Sign::Curl => self.curl(start + usize::from(self.text[start] == b' '), end),
            Sign::FlagP => self.flag_p(start, end),
            Sign::Marker => {
                let tail = &self.text[end..(end + MARKER_MAX).min(self.text.len())];
                if let Some(len) = tail.iter().position(|b| *b == b']') {
                    self.floor = end + len + 1;
                }
            }
            Sign::Prefixed => self.prefixed(start, end),
        }
    }

    /// Takes a secret; what lies before its end is decided.
    pub(super) fn found(&mut self, span: Span) {
        if span.start < span.end {
            self.floor = self.floor.max(span.end);
            self.spans.push(span);
        }
    }

    /// The closing quote of a text that begins at `from`.
    pub(super) fn closing(&mut self, from: usize, quote: u8) -> Option<usize> {
        let text = self.text;
        let slot = match quote {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        self.quotes[slot].next(from, |from| {
            memchr::memchr_iter(quote, &text[from..]).map(|len| from + len).find(|at| !is_escaped(text, from, *at))
        })
    }

    /// The end of a value without quotes.
    pub(super) fn bare_end(&mut self, from: usize) -> usize {
        let text = self.text;
        self.bare.next(from, |from| (from..text.len()).find(|at| ends_bare(text, *at))).unwrap_or(text.len())
    }

    /// The end of an element's text, or of a part of a multipart form.
    pub(super) fn element_end(&mut self, from: usize) -> usize {
        let text = self.text;
        if from >= 2 && text[from - 1] == b'\n' && text[from - 2] != b'>' {
            return self.line_end(from);
        }
        self.element.next(from, |from| memchr::memchr(b'<', &text[from..]).map(|len| from + len)).unwrap_or(text.len())
    }

    /// The start of the line that `to` is in, not too far away.
    pub(super) fn line_start(&self, to: usize) -> usize {
        let stop = to.saturating_sub(256);
        memchr::memrchr2(b'\n', b'\r', &self.text[stop..to]).map_or(stop, |at| stop + at + 1)
    }

    /// The end of the line that `from` is in, not too far away.
    pub(super) fn line_end(&self, from: usize) -> usize {
        let text = self.text;
        let stop = (from + 8192).min(text.len());
        memchr::memchr2(b'\n', b'\r', &text[from..stop]).map_or(stop, |len| from + len)
    }
}

/// An odd number of backslashes stands before it.
fn is_escaped(text: &[u8], from: usize, at: usize) -> bool {
    text[from.max(at.saturating_sub(16))..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// A value without quotes ends at white space and quotes; at `&`, `;` and `,` only if another pair, or nothing,
/// follows, because passwords contain them.
fn ends_bare(text: &[u8], at: usize) -> bool {
    match text[at] {
        byte if byte.is_ascii_whitespace() => true,
        b'"' | b'\'' | b'`' | b'<' | b'>' => true,
        b'\\' => matches!(text.get(at + 1), Some(b'"' | b'\'' | b'n' | b'r' | b't')),
        b'&' | b';' | b',' | b'|' => {
            let rest = &text[at + 1..];
            let name = rest.iter().take(48).take_while(|b| b.is_ascii_alphanumeric() || b"_-.[]%".contains(b)).count();
            match rest.get(name) {
                None => true,
                Some(b'=' | b':') => name > 0,
                Some(byte) => name == 0 && (byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'&' | b'}')),
            }
        }
        _ => false,
    }
}
