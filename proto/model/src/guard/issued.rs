//! Issued tokens whose sign is not at their beginning.

use super::entropy::Shape;
use super::kind::{Kind, Span};
use super::scan::Scan;
use super::text::is_start;

const fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~')
}

impl Scan<'_> {
    /// An Azure client secret: three characters, a digit, `Q~`, and 31 to 34 more. `Q~` stands at `at`.
    pub(super) fn azure(&mut self, at: usize) {
        let text = self.text;
        if at < 4 || !text[at - 1].is_ascii_digit() || !text[at - 4..at].iter().all(|b| is_body(*b)) {
            return;
        }
        let tail = text[at + 2..].iter().take(64).take_while(|b| is_body(**b)).count();
        if (30..=40).contains(&tail) && is_start(text, at - 4) {
            self.found(Span::new(at - 4, at + 2 + tail, Kind::Secret));
        }
    }

    /// 32 hexadecimal digits and `-us12`: a Mailchimp key. `-us` stands at `start..end`.
    pub(super) fn mailchimp(&mut self, start: usize, end: usize) {
        let text = self.text;
        let digits = text[end..].iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        if start < 32 || !(1..=2).contains(&digits) {
            return;
        }
        let from = start - 32;
        if text[from..start].iter().all(u8::is_ascii_hexdigit) && is_start(text, from) {
            self.found(Span::new(from, end + digits, Kind::ApiKey));
        }
    }

    /// `acme_live_…`: a short prefix, what it is for, and a random body. The middle stands at `start..end`.
    pub(super) fn prefixed(&mut self, start: usize, end: usize) {
        let text = self.text;
        let before =
            text[start.saturating_sub(13)..start].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        let from = start - before;
        let prefix = &text[from..start];
        if !(2..=12).contains(&before) || matches!(prefix, b"pk" | b"pub" | b"public" | b"cs" | b"price" | b"evt") {
            return;
        }
        let body = text[end..].iter().take(256).take_while(|b| is_body(**b)).count();
        let shape = Shape::of(&text[end..end + body]);
        let random = body >= 16 && shape.digits > 0 && shape.strangeness() >= 45 && shape.random();
        let hex = shape.all_hex() && body >= 32 && shape.letters() > 0;
        if (random || hex) && is_start(text, from) && !super::entropy::is_uuid(&text[end..end + body]) {
            self.found(Span::new(from, end + body, Kind::ApiKey));
        }
    }
}

/// `32hex-8hex-8hex`: a Mailgun key. It has no sign that a prefilter could look for, so runs of hexadecimal are judged
/// where base64 is looked for.
pub(super) fn is_mailgun(run: &[u8]) -> bool {
    run.len() == 50
        && run.iter().enumerate().all(|(at, byte)| match at {
            32 | 41 => *byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        })
}
