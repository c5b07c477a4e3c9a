//! Secrets with an inner structure: JSON web tokens and armoured private keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

use super::formats::quoted_rest;
use super::kind::{Kind, Span};
use super::scan::Scan;
use super::text::{breaks, is_start};

/// A longer header is no header.
const JWT_HEADER: usize = 4096;

const fn is_url64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=' | b'+' | b'/')
}

/// Decodes either alphabet, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let bare = &text[..text.len() - text.iter().rev().take_while(|b| **b == b'=').count()];
    // a last character too many cannot be decoded and holds no byte
    let whole = if bare.len() % 4 == 1 { &bare[..bare.len() - 1] } else { bare };
    let decoded = STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole));
    decoded.ok().or_else(|| {
        // bits left over in the last character are no reason to keep a secret
        let whole = &whole[..whole.len() / 4 * 4];
        STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole)).ok()
    })
}

/// A header of a JWT or JWE says how it was made.
fn is_jwt_header(part: &[u8]) -> bool {
    let json = base64(part).and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    json.is_some_and(|json| ["alg", "typ", "enc", "kid", "cty", "jku"].iter().any(|name| json.get(name).is_some()))
}

impl Scan<'_> {
    /// `eyJ` stands at `at`.
    pub(super) fn jwt(&mut self, at: usize) {
        let text = self.text;
        if !is_start(text, at) {
            return;
        }
        let mut header = Vec::new();
        let mut end = at;
        let mut split = false;
        while header.len() < JWT_HEADER {
            match text.get(end) {
                Some(byte) if is_url64(*byte) => header.push(*byte),
                Some(b'.') => break,
                _ => match breaks(text, end) {
                    0 => return,
                    skipped => {
                        split = true;
                        end += skipped;
                        continue;
                    }
                },
            }
            end += 1;
        }
        if text.get(end) != Some(&b'.') || !is_jwt_header(&header) {
            return;
        }
        let more = |mut end: usize| {
            while text.get(end).is_some_and(|b| is_url64(*b) || *b == b'.') {
                end += 1;
            }
            end
        };
        let mut stop = more(end);
        // split before its payload: the lines that follow belong to it
        while split && breaks(text, stop) > 0 && more(stop + breaks(text, stop)) - stop >= 8 {
            stop = more(stop + breaks(text, stop));
        }
        let stop = quoted_rest(text, stop, more).unwrap_or(stop);
        let dots = text[at..stop].iter().rev().take_while(|b| **b == b'.').count();
        if stop - at >= 24 {
            self.found(Span::new(at, stop - dots.saturating_sub(1), Kind::Jwt));
        }
    }

    /// `-----BEGIN` ends at `from` and begins at `at`.
    pub(super) fn armour(&mut self, at: usize, from: usize) {
        let text = self.text;
        let label = &text[from..(from + 64).min(text.len())];
        let Some(len) = memmem::find(label, b"---") else {
            return;
        };
        let words: Vec<u8> = label[..len].iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        if memmem::find(&words, b"PRIVATE KEY").is_none() {
            return;
        }
        let after = from + len;
        let closing = |from: usize| {
            memmem::find(&text[from..], b"---END")
                .or_else(|| memmem::find(&text[from..], b"--- END"))
                .map(|at| from + at)
        };
        let end = match self.armour_end.next(after, closing) {
            // past the label and its dashes
            Some(end) => {
                let tail = &text[end + 6..(end + 96).min(text.len())];
                let label = memmem::find(tail, b"---").unwrap_or(0);
                let dashes = tail[label..].iter().take_while(|b| **b == b'-').count();
                end + 6 + label + dashes
            }
            // cut off: nothing after it is worth the risk, but for a quote that closes it
            None => match at.checked_sub(1).map(|before| text[before]) {
                Some(quote @ (b'"' | b'\'')) => self.closing(after, quote).unwrap_or(text.len()),
                _ => text.len(),
            },
        };
        self.found(Span::new(at, end, Kind::PrivateKey));
    }

    /// `Private-Lines:` of a PuTTY key: up to its MAC.
    pub(super) fn putty(&mut self, from: usize) {
        let text = self.text;
        let end = memmem::find(&text[from..], b"Private-MAC").map_or(text.len(), |len| from + len);
        self.found(Span::new(from, end, Kind::PrivateKey));
    }
}

/// DER of a private key (PKCS#1, PKCS#8, SEC 1, PKCS#12): a sequence that begins with a small version number. Public
/// keys and certificates begin with another sequence.
pub(super) fn is_private_der(der: &[u8]) -> bool {
    let rest = match der {
        [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] => rest,
        [0x30, len, rest @ ..] if *len < 0x80 && *len >= 0x20 => rest,
        _ => return false,
    };
    matches!(rest, [0x02, 0x01, 0 | 1 | 3, 0x30 | 0x02 | 0x04, ..])
}
