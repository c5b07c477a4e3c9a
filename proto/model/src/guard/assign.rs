//! From a sensitive name to its value: `name=value`, `"name": "value"`, `<name>value</name>`, `--name value`, …

use super::entropy::{Shape, is_open, is_random_word};
use super::header;
use super::keys::{Key, Strength, classify, joins};
use super::kind::{Kind, Span};
use super::scan::Scan;
use super::text::{breaks, ends_clause, goes_on, opens_line, skip_blanks};
use super::value::{Form, is_chosen_word, is_secret};

/// A name longer than this on one side of its keyword is no name.
const NAME: usize = 64;
/// How far from a keyword a bare random word is still called by it.
const REACH: usize = 80;

/// Where a value begins and how it is attached.
#[derive(Debug, Clone, Copy)]
struct Attached {
    start: usize,
    quote: Option<u8>,
    /// `<name>` came before: the value ends at `<`.
    element: bool,
    /// An argument of a call: `set("name", "value")`.
    called: bool,
    tight: bool,
    /// The name stands in quotes and the value does not.
    bare_json: bool,
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

impl Scan<'_> {
    /// A keyword stands at `from..to`: what name is it in, and does a secret follow?
    pub(super) fn name(&mut self, from: usize, to: usize) {
        if from < self.named {
            return;
        }
        let text = self.text;
        let left = text[from.saturating_sub(NAME)..from].iter().rev().take_while(|b| is_name(**b)).count();
        let right = text[to..].iter().take(NAME).take_while(|b| is_name(**b)).count();
        self.named = to + right;
        let end = to + right - text[to..to + right].iter().rev().take_while(|b| matches!(b, b'.' | b'-')).count();
        let begin = from - left;
        let start = begin + text[begin..from].iter().take_while(|b| matches!(b, b'.' | b'-')).count();
        let name = &text[self.joined(start)..end];
        let known = self.known.filter(|(known, _)| *known == name);
        let key = known.map_or_else(|| classify(name), |(_, key)| key);
        self.known = Some((name, key));
        let Some(key) = key else {
            return;
        };
        let flag = text[begin..start].ends_with(b"--") || (start == begin + 1 && text[begin] == b'-');
        match self.attached(start, end).or_else(|| self.told(end)) {
            Some(attached) => self.judge(key, start, attached),
            None => self.spaced(key, start, end, flag),
        }
    }

    /// The start of a two-word name that ends in the word at `start`.
    fn joined(&self, start: usize) -> usize {
        let text = self.text;
        if start < 3 || text[start - 1] != b' ' {
            return start;
        }
        let before = &text[start.saturating_sub(17)..start - 1];
        let len = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        let word = &before[before.len() - len..];
        if joins(word) { start - 1 - len } else { start }
    }

    /// What ties a value to the name that ends at `end`.
    fn attached(&self, start: usize, end: usize) -> Option<Attached> {
        let text = self.text;
        let mut at = end;
        let closers = text[at..].iter().take(3).take_while(|b| is_quote(**b) || matches!(b, b']' | b'}')).count();
        at += closers;
        let key_quoted = text[end..at].iter().any(|b| is_quote(*b));
        let blank = skip_blanks(text, at, 24);
        let (mut after, element) = match &text[blank..] {
            [b'>', ..] if blank == end && start > 0 && matches!(text[start - 1], b'<' | b':') => (blank + 1, true),
            [b':', b':', b'=', ..] | [b'|', b'|', b'=' | b':', ..] | [b'=', b'=', b'>', ..] => (blank + 3, false),
            [b':', b':', ..] => return None,
            [b'=', b'=' | b'>', ..] | [b':' | b'?' | b'|' | b'+', b'=', ..] | [b'-', b'>', ..] => (blank + 2, false),
            [b':' | b'=', ..] => (blank + 1, false),
            [b',', ..] if key_quoted => (blank + 1, false),
            [b'<', b'/', ..] if blank == end => (sibling(text, blank)?, true),
            [b'(', ..] if blank == end => (blank + 1, false),
            [b'\r' | b'\n', ..] if key_quoted && closers == 1 => (multipart(text, blank)?, true),
            _ if key_quoted && goes_on(text, blank, "value=") => (blank + 6, false),
            _ => return None,
        };
        let mut called = matches!(text[after - 1], b',' | b'(') && !element;
        if called && text[after - 1] == b',' {
            let pair = paired(text, after);
            let argument = start >= 2 && text[start - 2] == b'(';
            after = pair.or(argument.then_some(after))?;
            called = pair.is_none();
        }
        let mut value = skip_blanks(text, after, 24);
        if key_quoted || element {
            value += text[value..].iter().take(32).take_while(|b| b.is_ascii_whitespace()).count();
        }
        let tight = value == after && blank == end + closers;
        if text[after - 1] == b':' {
            value = listed(text, value).unwrap_or(value);
        }
        let (value, quote) = opened(text, value, key_quoted);
        if called && quote.is_none() {
            return None;
        }
        Some(Attached {
            called,
            start: value,
            quote,
            element,
            tight,
            bare_json: key_quoted && quote.is_none() && text[end] == b'"' && text[after - 1] == b':',
        })
    }

    /// `API key provided: …`, `password you entered: …`: a few words about the name, the last of them before the separator.
    fn told(&self, end: usize) -> Option<Attached> {
        let text = self.text;
        let mut at = end;
        for _ in 0..3 {
            let from = skip_blanks(text, at, 2);
            let len = text[from..].iter().take(NAME).take_while(|b| b.is_ascii_alphabetic()).count();
            let word = &text[from..from + len];
            if from == at || len == 0 {
                return None;
            }
            at = from + len;
            match text.get(at) {
                Some(b':' | b'=') if is_telling(word) => {
                    let start = skip_blanks(text, at + 1, 4);
                    let (start, quote) = opened(text, start, false);
                    let attached =
                        Attached { start, quote, element: false, called: false, tight: false, bare_json: false };
                    return Some(attached);
                }
                Some(b'.') if text.get(at + 1) == Some(&b' ') => at += 1,
                Some(b' ') => {}
                _ => return None,
            }
        }
        None
    }

    fn judge(&mut self, key: Key, name: usize, attached: Attached) {
        let text = self.text;
        let start = attached.start;
        let end = match attached.quote {
            Some(quote) => self.closing(start, quote).unwrap_or_else(|| self.bare_end(start)),
            None if attached.element => self.element_end(start),
            None => self.bare_end(start),
        };
        let form = if attached.quote.is_some() || attached.element {
            Form::Quoted
        } else if attached.tight || attached.bare_json {
            Form::Tight
        } else if opens_line(text, name) && ends_line(text, end) {
            Form::Line
        } else {
            Form::Loose
        };
        if let Some(span) = self.by_header(key, form, start, end) {
            return self.found(span);
        }
        let kept = if form == Form::Quoted { end } else { end - closers(&text[start..end]) };
        // Amid prose a word that the sentence goes on after is only a secret if it is nothing like a word.
        let prose = form == Form::Loose && !ends_clause(text, end) && key.strength != Strength::Any;
        let value = &text[start..kept];
        let mut key = key;
        if attached.called && key.strength == Strength::Any {
            key.strength = Strength::Named;
        }
        // `set("token", "name")` may name anything; `secret:` and `token:` without a space are parts of a longer name
        let part = form == Form::Tight && !attached.bare_json && text[start - 1] != b'=';
        key.sure &= !(attached.called || part);
        let rules = attached.called && value.iter().any(|b| matches!(b, b'|' | b':'));
        let chosen = form == Form::Loose && self.chosen(key, start, kept);
        if chosen || (!rules && is_secret(key, form, value) && !(prose && value.len() < 12)) {
            let mut span = Span::new(start, kept, key.kind);
            span.bare_json = attached.bare_json;
            self.found(span);
        } else if form != Form::Tight {
            self.reach(key, start);
        }
    }

    /// `password: word` amid other text: a word that ends the clause, or that another pair follows, is what was chosen.
    fn chosen(&self, key: Key, start: usize, end: usize) -> bool {
        let text = self.text;
        let behind = matches!(text[..start], [.., name, b':' | b'=', b' '] if is_name(name) || is_quote(name));
        let next = skip_blanks(text, end, 8);
        let pair = || {
            let name = text[next..].iter().take(NAME).take_while(|b| is_name(**b)).count();
            name > 0 && matches!(text.get(next + name), Some(b'=' | b':'))
        };
        behind
            && key.sure
            && key.strength == Strength::Any
            && is_chosen_word(&text[start..end])
            && (ends_clause(text, end) || (next > end && pair()))
    }

    /// `Authorization` and `Cookie` have values with a grammar of their own.
    fn by_header(&self, key: Key, form: Form, start: usize, end: usize) -> Option<Span> {
        let scheme = matches!(key.strength, Strength::Cookie | Strength::Header)
            || self.text[start..].iter().take(24).any(|b| *b == b' ');
        if !scheme {
            return None;
        }
        let limit = if form == Form::Quoted { end } else { self.line_end(start) };
        let value = &self.text[start..limit];
        let (len, kind) = match key.strength {
            Strength::Cookie => (header::cookies(value, form == Form::Quoted)?, Kind::Cookie),
            Strength::Header => header::credentials(value, form == Form::Quoted).or_else(|| header::one_word(value))?,
            _ => header::credentials(value, form == Form::Quoted)?,
        };
        Some(Span::new(start, start + len, kind))
    }

    /// No separator: a flag, SQL, `.netrc`, "password is …", or a random word within reach.
    fn spaced(&mut self, key: Key, start: usize, end: usize, flag: bool) {
        let text = self.text;
        let next = skip_blanks(text, end, 8);
        if next == end || next >= text.len() {
            return;
        }
        let is = ["is ", "was ", "to "].into_iter().find(|word| goes_on(text, next, word));
        let value = is.map_or(next, |word| next + word.len());
        let (value, quote) = opened(text, value, false);
        let stop = match quote {
            Some(quote) => self.closing(value, quote).filter(|end| *end < value + 256),
            None => Some(self.bare_end(value)),
        };
        let Some(stop) = stop.filter(|stop| *stop > value) else {
            return self.reach(key, next);
        };
        let word = &text[value..stop];
        let word = &word[..word.len() - closers(word)];
        let login = key.strength == Strength::Any && quote.is_none() && is_netrc(text, start);
        // a compound name needs no verb: `access token 0123…`
        let made = key.strength == Strength::Named && is_made(word);
        let form = match quote {
            _ if flag || login || made => Form::Tight,
            Some(_) if key.strength == Strength::Any => Form::Quoted,
            _ => Form::Loose,
        };
        let told = flag || login || made || (key.strength == Strength::Any && (quote.is_some() || is.is_some()));
        if told && key.strength != Strength::Weak && !word.contains(&b' ') && is_secret(key, form, word) {
            return self.found(Span::new(value, value + word.len(), key.kind));
        }
        self.reach(key, next);
    }

    /// Random words a little after a keyword are what it speaks of, unless another name claims them.
    fn reach(&mut self, key: Key, from: usize) {
        if matches!(key.strength, Strength::Session | Strength::Cookie) {
            return;
        }
        let text = self.text;
        let stop = (from + REACH).min(text.len());
        let mut at = from.max(self.reached);
        let mut claimed = false;
        while at < stop && !matches!(text[at], b'\n' | b'\r') {
            let len = text[at..].iter().take_while(|b| !splits(**b)).take(512).count();
            let word = &text[at..at + len];
            let word = word.strip_suffix(b".").unwrap_or(word);
            let assigned = word.iter().position(|b| *b == b'=').is_some_and(|equals| equals + 2 < word.len());
            if !claimed && !assigned && is_random_word(word) {
                self.found(Span::new(at, at + word.len(), key.kind));
            }
            if len > 0 {
                claimed = matches!(word.last(), Some(b':' | b'='));
            }
            at += len.max(1);
        }
        self.reached = self.reached.max(at);
    }
}

/// What is said of a secret right before it is shown.
fn is_telling(word: &[u8]) -> bool {
    const WORDS: [&str; 22] = [
        "entered",
        "expired",
        "found",
        "given",
        "got",
        "header",
        "invalid",
        "passed",
        "presented",
        "provided",
        "received",
        "rejected",
        "revoked",
        "sent",
        "set",
        "specified",
        "submitted",
        "supplied",
        "unknown",
        "used",
        "valid",
        "value",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

const fn splits(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || is_quote(byte)
        || matches!(byte, b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'|')
}

/// The value of a part of a multipart form: it stands after an empty line.
fn multipart(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    rest.starts_with(b"\r\n\r\n").then_some(at + 4).or_else(|| rest.starts_with(b"\n\n").then_some(at + 2))
}

/// `<key>name</key><string>value</string>`: the start of the value.
fn sibling(text: &[u8], at: usize) -> Option<usize> {
    let close = at + text[at..].iter().take(48).position(|b| *b == b'>')? + 1;
    let open = close + text[close..].iter().take(32).take_while(|b| b.is_ascii_whitespace()).count();
    if text.get(open) != Some(&b'<') || text.get(open + 1) == Some(&b'/') {
        return None;
    }
    Some(open + text[open..].iter().take(48).position(|b| *b == b'>')? + 1)
}

/// `"name": "DB_PASSWORD", "value": "…"`: past the second name.
fn paired(text: &[u8], after: usize) -> Option<usize> {
    let mut at = after + text[after..].iter().take(32).take_while(|b| b.is_ascii_whitespace()).count();
    for word in ["\"value\"", "'value'", "value"] {
        if goes_on(text, at, word) {
            at = skip_blanks(text, at + word.len(), 8);
            return matches!(text.get(at), Some(b':' | b'=')).then_some(at + 1);
        }
    }
    None
}

/// Past an opening quote, with what may stand before it in code.
fn opened(text: &[u8], at: usize, lists: bool) -> (usize, Option<u8>) {
    let mut from = at;
    if lists && text.get(from) == Some(&b'[') {
        from += 1 + text[from + 1..].iter().take(32).take_while(|b| b.is_ascii_whitespace()).count();
    }
    if matches!(text.get(from), Some(b'b' | b'r' | b'u' | b'f' | b'@' | b'$' | b'L'))
        && text.get(from + 1).is_some_and(|b| is_quote(*b))
    {
        from += 1;
    }
    match text.get(from) {
        Some(quote) if is_quote(*quote) => {
            let triple = text[from..].starts_with(&[*quote; 3]);
            (from + if triple { 3 } else { 1 }, Some(*quote))
        }
        _ => (at, None),
    }
}

fn ends_line(text: &[u8], at: usize) -> bool {
    let at = skip_blanks(text, at, 64);
    matches!(text.get(at), None | Some(b'\n' | b'\r' | b'#'))
}

/// Closing signs at the end that belong to the text around the value.
fn closers(value: &[u8]) -> usize {
    let trailing =
        value.iter().rev().take_while(|b| matches!(b, b')' | b']' | b'}' | b'.' | b',' | b';' | b':')).count();
    let inside =
        trailing > 0 && value[..value.len() - trailing].iter().take(256).any(|b| matches!(b, b'(' | b'[' | b'{'));
    if inside { 0 } else { trailing }
}

/// Long, machine-made, and in no form that ids have.
pub(super) fn is_made(word: &[u8]) -> bool {
    let shape = Shape::of(word);
    word.len() >= 20 && !is_open(word) && (shape.machine_made() || (shape.all_hex() && shape.letters() > 3))
}

/// The first item of a YAML list.
fn listed(text: &[u8], at: usize) -> Option<usize> {
    let line = at + breaks(text, at);
    let item = matches!(&text[at..], [b'\n' | b'\r', ..]) && text[line - 1] == b' ';
    (item && text[line..].starts_with(b"- ")).then_some(line + 2)
}

/// `login … password …`, as in `.netrc`.
fn is_netrc(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub(96)..at];
    before.windows(6).any(|w| w == b"login ")
}
