//! Secrets in other clothes: percent-encoded, escaped as in JSON or HTML, wrapped in base64.
//!
//! A text with escapes is read once more without them, with the same rules, and what is found is mapped back to the
//! bytes it came from. So every rule is written once, for plain text.

use super::blocks::{base64, is_private_der};
use super::issued::{is_mailgun, is_ngrok};
use super::kind::{Kind, Span};
use super::literals::Literals;
use super::scan::{Scan, scan};

/// How often escapes are undone: JSON in a string in a JSON string, once more percent-encoded.
const LAYERS: usize = 4;
/// Shortest base64 that is looked into.
const WRAPPED: usize = 24;
/// Longest base64 that is decoded; a longer one is judged by its beginning.
const DECODED: usize = 64 * 1024;

/// A text without one layer of escapes, and where each byte came from.
#[derive(Debug)]
pub(super) struct View {
    pub(super) text: Vec<u8>,
    origin: Vec<u32>,
    end: usize,
}

impl View {
    /// `None` if there is nothing to undo.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let first = memchr::memchr3_iter(b'%', b'\\', b'&', text).find(|at| escape(&text[*at..]).is_some())?;
        let mut view =
            Self { text: Vec::with_capacity(text.len()), origin: Vec::with_capacity(text.len()), end: text.len() };
        let mut at = 0;
        while at < text.len() {
            let (byte, len) = if at < first { (text[at], 1) } else { escape(&text[at..]).unwrap_or((text[at], 1)) };
            view.text.push(byte);
            view.origin.push(u32::try_from(at).unwrap_or(u32::MAX));
            at += len;
        }
        Some(view)
    }

    /// The text without the line breaks inside quotes that hold one token and nothing else.
    fn joined(text: &[u8]) -> Option<Self> {
        let mut cuts = Vec::new();
        // where the quoted token of the line before begins, if the line is all of it
        let mut open = None;
        for at in memchr::memchr_iter(b'\n', text) {
            let line = text[..at].strip_suffix(b"\r").map_or(at, <[u8]>::len);
            let left = text[..line].iter().rev().take(256).take_while(|b| is_token(**b)).count();
            let quoted = matches!(text[..line - left].last(), Some(b'"' | b'\'' | b'`'));
            let goes_on = open == Some(line - left) && cuts.last().is_some_and(|(_, end)| *end == line - left);
            let right = text[at + 1..].iter().take(256).take_while(|b| is_token(**b)).count();
            let ends = matches!(text.get(at + 1 + right), Some(b'"' | b'\'' | b'`' | b'\r' | b'\n'));
            open = None;
            if left > 0 && right > 0 && (quoted || goes_on) && ends {
                cuts.push((line, at + 1));
                open = Some(at + 1);
            }
        }
        Self::without(text, &cuts)
    }

    /// The text without control characters: what is stored has none either.
    fn tidied(text: &[u8]) -> Option<Self> {
        let hidden = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
        // no early end, so that the compiler looks at many bytes at once
        if !text.chunks(64).any(|chunk| chunk.iter().fold(false, |any, byte| any | hidden(*byte))) {
            return None;
        }
        let cuts: Vec<(usize, usize)> = (0..text.len()).filter(|at| hidden(text[*at])).map(|at| (at, at + 1)).collect();
        Self::without(text, &cuts)
    }

    fn without(text: &[u8], cuts: &[(usize, usize)]) -> Option<Self> {
        // Mostly: before anything is copied.
        if cuts.is_empty() {
            return None;
        }
        let mut view =
            Self { text: Vec::with_capacity(text.len()), origin: Vec::with_capacity(text.len()), end: text.len() };
        let mut at = 0;
        for (start, end) in cuts.iter().copied().chain([(text.len(), text.len())]) {
            view.text.extend_from_slice(&text[at..start]);
            view.origin.extend((at..start).map(|from| u32::try_from(from).unwrap_or(u32::MAX)));
            at = end;
        }
        Some(view)
    }

    fn origin(&self, at: usize) -> usize {
        self.origin.get(at).map_or(self.end, |at| *at as usize)
    }
}

/// The byte that an escape at the beginning stands for, and the escape's length. Only ASCII: no rule looks at other
/// text.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    const NAMED: [(&[u8], u8); 6] =
        [(b"&quot;", b'"'), (b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&apos;", b'\''), (b"&nbsp;", b' ')];
    let hex = |digits: &[u8]| {
        let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        (digits[0] != b'+' && (matches!(byte, b' '..=b'~') || matches!(byte, b'\n' | b'\r' | b'\t'))).then_some(byte)
    };
    match text {
        [b'%', high, low, ..] => Some((hex(&[*high, *low])?, 3)),
        [b'\\', sign @ (b'"' | b'\'' | b'/' | b'\\'), ..] => Some((*sign, 2)),
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        [b'\\', b't', ..] => Some((b'\t', 2)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((hex(&[*high, *low])?, 6)),
        [b'\\', b'x', high, low, ..] => Some((hex(&[*high, *low])?, 4)),
        [b'&', b'#', rest @ ..] => {
            let (radix, from) = if matches!(rest.first(), Some(b'x' | b'X')) { (16, 1) } else { (10, 0) };
            let len = rest[from..].iter().take(5).position(|b| *b == b';')?;
            let digits = std::str::from_utf8(&rest[from..from + len]).ok()?;
            let byte = u8::from_str_radix(digits, radix).ok()?;
            matches!(byte, b' '..=b'~').then_some((byte, 2 + from + len + 1))
        }
        [b'&', ..] => NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, byte)| (*byte, name.len())),
        _ => None,
    }
}

/// Everything to remove from a text, in order and without overlaps.
pub(super) fn find(text: &[u8], literals: &Literals) -> Vec<Span> {
    let mut spans = scan(text, false);
    spans.extend(literals.find(text));
    let mut views: Vec<View> = Vec::new();
    while views.len() < LAYERS {
        let last = views.last().map_or(text, |view| view.text.as_slice());
        let Some(view) = View::of(last).or_else(|| View::joined(last)).or_else(|| View::tidied(last)) else {
            break;
        };
        let mut found = scan(&view.text, false);
        found.extend(literals.find(&view.text));
        views.push(view);
        spans.extend(found.into_iter().map(|mut span| {
            for view in views.iter().rev() {
                (span.start, span.end) = (view.origin(span.start), view.origin(span.end));
            }
            span.bare_json &= views.len() == 1;
            span
        }));
    }
    merged(spans)
}

fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by_key(|span| (span.start, usize::MAX - span.end));
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

const fn is_token(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~' | b':' | b'=')
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

impl Scan<'_> {
    /// Looks into every long run of base64. A run is found by looking at every 24th byte only.
    pub(super) fn wrapped(&mut self) {
        let text = self.text;
        let mut at = WRAPPED - 1;
        let mut floor = 0;
        while at < text.len() {
            if !is_base64(text[at]) {
                floor = at + 1;
                at += WRAPPED;
                continue;
            }
            let start = at - text[floor..at].iter().rev().take_while(|b| is_base64(**b)).count();
            let end = run_end(text, at);
            if end - start >= WRAPPED {
                self.run(start, end);
            }
            floor = end;
            at = end + WRAPPED;
        }
    }

    /// A run as a whole, or its parts between slashes: in a path the alphabet's `/` is none.
    fn run(&mut self, start: usize, end: usize) {
        if self.discord(start, end) || self.unwrap(start, end) {
            return;
        }
        let mut from = start;
        for slash in memchr::memchr_iter(b'/', &self.text[start..end]).map(|len| start + len).chain([end]) {
            if slash - from >= WRAPPED && (from, slash) != (start, end) {
                self.unwrap(from, slash);
            }
            from = slash + 1;
        }
    }

    /// Whether the bytes wrap a text.
    fn unwrap(&mut self, start: usize, end: usize) -> bool {
        let run = &self.text[start..end];
        if is_mailgun(run) || is_ngrok(run) {
            self.found(Span::new(start, end, Kind::ApiKey));
            return true;
        }
        let clean: Vec<u8> = run.iter().take(DECODED).filter(|b| is_base64(**b)).copied().collect();
        let Some(head) = base64(&clean[..16]) else {
            return false;
        };
        if is_private_der(&head) && clean.len() >= 40 {
            self.found(Span::new(start, end, Kind::PrivateKey));
            return true;
        }
        if !head.iter().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
            return false;
        }
        let inner = base64(&clean).and_then(|plain| {
            let mailgun = || plain.split(|b| !is_base64(*b)).any(is_mailgun).then_some(Kind::ApiKey);
            scan(&plain, true).first().map(|span| span.kind).or_else(mailgun)
        });
        if let Some(kind) = inner {
            let padding = self.text[end..].iter().take(2).take_while(|b| **b == b'=').count();
            self.found(Span::new(start, end + padding, kind));
        }
        true
    }
}

/// The end of a run, over the line breaks of a wrapped block.
fn run_end(text: &[u8], from: usize) -> usize {
    let more = |at: usize| at + text[at..].iter().take_while(|b| is_base64(**b)).count();
    let mut end = more(from);
    loop {
        let skipped = match &text[end..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return end,
        };
        let next = more(end + skipped);
        // only a full line is wrapped, and base64 lines are full at 60 to 76
        let full = end >= 60 && text[end - 60..end].iter().all(|b| is_base64(*b));
        if !full || next - end - skipped < 4 {
            return end;
        }
        end = next;
    }
}
