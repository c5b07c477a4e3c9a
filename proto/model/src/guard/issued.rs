//! Issued tokens whose sign is not at their beginning.

use super::blocks::base64;
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

    /// 14 characters, `.atlasv1.` and 60 and more: a token of Terraform. The middle stands at `start..end`.
    pub(super) fn terraform(&mut self, start: usize, end: usize) {
        let text = self.text;
        let tail = text[end..].iter().take(128).take_while(|b| is_body(**b)).count();
        let Some(from) = start.checked_sub(14).filter(|_| tail >= 40) else {
            return;
        };
        if text[from..start].iter().all(u8::is_ascii_alphanumeric) && is_start(text, from) {
            self.found(Span::new(from, end + tail, Kind::Token));
        }
    }

    /// A bot's token of Discord: its number in base64, then 6 and at least 27 characters. Those stand at `start..end`; the
    /// number of an old account is too short to be looked for.
    pub(super) fn discord(&mut self, start: usize, end: usize) -> bool {
        let text = self.text;
        let part = |to: usize| {
            let part = text[to.saturating_sub(64)..to].iter().rev();
            to - part.take_while(|b| is_body(**b) && **b != b'.').count()
        };
        let dot = |at: usize| at.checked_sub(1).filter(|at| text[*at] == b'.');
        let Some(middle) = dot(start).filter(|_| end - start >= 27) else { return false };
        let Some(number) = dot(part(middle)).filter(|dot| (5..=8).contains(&(middle - dot - 1))) else { return false };
        let first = part(number);
        let digits = (22..=28).contains(&(number - first))
            && base64(&text[first..number]).is_some_and(|plain| plain.iter().all(u8::is_ascii_digit));
        if digits {
            self.found(Span::new(first, end, Kind::Token));
        }
        digits
    }

    /// The number of a payment card after the word: 13 to 19 digits, in groups or not, whose check digit is right. Numbers
    /// without the word are ids. The word stands at `..end`.
    pub(super) fn card(&mut self, end: usize) {
        let text = self.text;
        let near = &text[end..text.len().min(end + 32)];
        let Some(first) = near.iter().position(u8::is_ascii_digit) else {
            return;
        };
        let start = end + first;
        if let Some(len) = card_number(&text[start..]) {
            let mut span = Span::new(start, start + len, Kind::Secret);
            span.bare_json = text[..start].trim_ascii_end().ends_with(b"\":");
            self.found(span);
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

/// The length of the number of a payment card that a text begins with: 13 to 19 digits, in groups or not.
fn card_number(text: &[u8]) -> Option<usize> {
    let (mut digits, mut end) = (Vec::with_capacity(19), 0);
    for (at, byte) in text.iter().take(32).enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits.push(byte - b'0');
                end = at + 1;
            }
            b' ' | b'-' if at > 0 && text[at - 1].is_ascii_digit() => {}
            _ => break,
        }
    }
    let fits = (13..=19).contains(&digits.len()) && (2..=6).contains(&digits[0]) && has_check_digit(&digits);
    fits.then_some(end)
}

/// Whether a text is the number of a payment card and nothing else.
pub(super) fn is_card_number(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    card_number(text) == Some(text.len())
}

/// Luhn's check.
fn has_check_digit(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().map(|(at, digit)| match u32::from(*digit) {
        digit if at % 2 == 0 => digit,
        digit => digit * 2 - if digit > 4 { 9 } else { 0 },
    });
    sum.sum::<u32>() % 10 == 0
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

/// An authtoken of ngrok: 27 letters and digits that begin with the time, `_`, and about 20 more. It has no sign either.
pub(super) fn is_ngrok(run: &[u8]) -> bool {
    let (id, secret) = match run.split_at_checked(27) {
        Some((id, [b'_', secret @ ..])) if (17..=24).contains(&secret.len()) => (id, secret),
        _ => return false,
    };
    let mixed = |part: &[u8]| {
        part.iter().all(u8::is_ascii_alphanumeric)
            && part.iter().any(u8::is_ascii_digit)
            && part.iter().any(u8::is_ascii_uppercase)
            && part.iter().any(u8::is_ascii_lowercase)
    };
    (b'1'..=b'4').contains(&id[0]) && mixed(id) && mixed(secret)
}

#[cfg(test)]
mod tests {
    use crate::Guard;

    #[test]
    fn the_number_of_a_card_goes_and_other_numbers_stay() {
        let guard = Guard::new();
        // numbers that issuers made for tests
        for number in ["4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005"] {
            let clean = guard.text(&format!("card {number} declined")).into_owned();
            assert_eq!(clean, "card [redacted:secret] declined");
            let json = format!(r#"{{"card_number":"{number}","n":1}}"#);
            assert_eq!(guard.text(&json), r#"{"card_number":"[redacted:secret]","n":1}"#);
        }
        assert_eq!(guard.text(r#"{"card":4111111111111111}"#), r#"{"card":"[redacted:secret]"}"#);
        for kept in ["card 4111111111111112 declined", "order 4111111111111111", "card ending in 1111", "cards: 12"] {
            assert_eq!(guard.text(kept), kept);
        }
    }

    #[test]
    fn a_bots_token_goes_with_all_its_parts() {
        // numbers of 17 to 20 digits
        for number in [
            "MTIzNDU2Nzg5MDEyMzQ1Njc",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4OQ",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA",
        ] {
            for tail in ["aB3-".repeat(9), "aB3_".repeat(7)[..27].to_owned(), "aB3x".repeat(10)[..38].to_owned()] {
                let token = format!("{number}.Gabc12.{tail}");
                for (text, clean) in [
                    (format!("bot {token} gone"), "bot [redacted:token] gone"),
                    (format!(r#"{{"x":"{token}"}}"#), r#"{"x":"[redacted:token]"}"#),
                ] {
                    assert_eq!(Guard::new().text(&text), clean);
                }
                let address = format!("a.Gabc12.{tail}");
                assert_eq!(Guard::new().text(&address), address);
            }
            assert_eq!(Guard::new().text(&format!("user {number} left")), format!("user {number} left"));
        }
    }
}
