//! Credentials with a grammar of their own: `Authorization`, `Cookie`, and the same words in prose.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::entropy::Shape;
use super::kind::{Kind, MARKER, Span};
use super::scan::Scan;
use super::text::{goes_on, is_start, skip_blanks};

/// Schemes of `Authorization`, and whether one word follows or parameters do.
const SCHEMES: [(&str, Kind, bool); 20] = [
    ("basic ", Kind::BasicAuth, false),
    ("bearer ", Kind::Bearer, false),
    ("token ", Kind::Token, true),
    ("digest ", Kind::BasicAuth, true),
    ("oauth ", Kind::Token, true),
    ("hawk ", Kind::Token, true),
    ("aws4-hmac-sha256 ", Kind::Signature, true),
    ("aws ", Kind::Signature, false),
    ("hmac ", Kind::Signature, true),
    ("hmac-sha256 ", Kind::Signature, true),
    ("signature ", Kind::Signature, true),
    ("sharedkey ", Kind::Signature, false),
    ("sharedaccesssignature ", Kind::Signature, true),
    ("negotiate ", Kind::Token, false),
    ("ntlm ", Kind::Token, false),
    ("apikey ", Kind::ApiKey, false),
    ("api-key ", Kind::ApiKey, false),
    ("key ", Kind::ApiKey, false),
    ("ssws ", Kind::ApiKey, false),
    ("geniekey ", Kind::ApiKey, false),
];

/// The length of a value of `Authorization` that is a credential. A quoted one ends with its quote.
pub(super) fn credentials(value: &[u8], quoted: bool) -> Option<(usize, Kind)> {
    let (word, kind, parameters) = SCHEMES.iter().find(|(word, ..)| goes_on(value, 0, word))?;
    let from = skip_blanks(value, word.len(), 16);
    let first = value[from..].iter().take_while(|b| !ends_word(**b)).count();
    let token = &value[from..from + first];
    if token.starts_with(MARKER.as_bytes()) {
        return None;
    }
    let listed = if *parameters { parameter_list(&value[from..]) } else { 0 };
    if listed > 0 {
        return Some((if quoted { value.len() } else { from + listed }, *kind));
    }
    if token.len() < 4 {
        return None;
    }
    let shape = Shape::of(token);
    let telling = if *kind == Kind::BasicAuth {
        is_pair(token) || shape.machine_made()
    } else {
        shape.machine_made() || shape.random() || (shape.all_hex() && token.len() >= 16)
    };
    telling.then_some((if quoted { value.len() } else { from + first }, *kind))
}

/// The length of a scheme and one word that is all there is, whatever the word looks like: `Bearer my-own-token`. More
/// words are a sentence: `Bearer token is missing`.
pub(super) fn one_word(value: &[u8]) -> Option<(usize, Kind)> {
    let (scheme, kind) = [("bearer ", Kind::Bearer), ("basic ", Kind::BasicAuth), ("token ", Kind::Token)]
        .into_iter()
        .find(|(scheme, _)| goes_on(value, 0, scheme))?;
    let from = skip_blanks(value, scheme.len(), 16);
    let len = value[from..].iter().take_while(|b| !ends_word(**b)).count();
    let word = &value[from..from + len];
    let told =
        len >= 6 && word.iter().any(|b| b.is_ascii_digit() || *b == b'-') && !word.starts_with(MARKER.as_bytes());
    let rest = value[from + len..].trim_ascii_start();
    let alone = rest.first().is_none_or(|b| matches!(b, b'"' | b'\'' | b'`'));
    (told && alone).then_some((from + len, kind))
}

/// The length of `a=b, c="d", …`; 0 if it is none.
fn parameter_list(value: &[u8]) -> usize {
    let (mut at, mut end) = (0, 0);
    loop {
        let name =
            value[at..].iter().take(64).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        if name == 0 || value.get(at + name) != Some(&b'=') {
            return end;
        }
        at += name + 1;
        let quote = usize::from(value.get(at) == Some(&b'\\'));
        at += if value.get(at + quote) == Some(&b'"') {
            let inner = at + quote + 1;
            let len = memchr::memchr(b'"', &value[inner..]).unwrap_or(value.len() - inner);
            (inner + len + 1).min(value.len()) - at
        } else {
            value[at..]
                .iter()
                .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b',' | b'"' | b'\'' | b'\\'))
                .count()
        };
        end = at;
        at += value[at..].iter().take(16).take_while(|b| matches!(b, b',' | b' ')).count();
    }
}

const fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'\\' | b')' | b'&')
}

/// Base64 of `user:password`.
pub(super) fn is_pair(token: &[u8]) -> bool {
    let bare = token.trim_ascii_end();
    let bare = &bare[..bare.len() - bare.iter().rev().take_while(|b| **b == b'=').count()];
    if bare.len() > 4096 {
        return false;
    }
    STANDARD_NO_PAD
        .decode(bare)
        .or_else(|_| URL_SAFE_NO_PAD.decode(bare))
        .is_ok_and(|plain| plain.len() >= 3 && plain.contains(&b':') && plain.iter().all(|b| *b >= b' ' && *b != 0x7f))
}

/// The length of `a=b; c=d` as `Cookie` and `Set-Cookie` have it.
pub(super) fn cookies(value: &[u8], quoted: bool) -> Option<usize> {
    let mut at = 0;
    let mut end = None;
    loop {
        let name = value[at..]
            .iter()
            .take(128)
            .take_while(|b| b.is_ascii_alphanumeric() || b"_-.$*+!~^#%&'|`".contains(b))
            .count();
        let more = at + name;
        if name == 0 {
            break;
        }
        let pair = value.get(more) == Some(&b'=');
        if !pair && end.is_none() {
            break;
        }
        let len =
            value[more..].iter().take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b';' | b'"' | b'\\')).count();
        end = Some(more + if pair { len } else { 0 });
        at = more + len;
        if value.get(at) != Some(&b';') {
            break;
        }
        at = skip_blanks(value, at + 1, 8);
    }
    let end = end?;
    if value.starts_with(MARKER.as_bytes()) {
        return None;
    }
    Some(if quoted { value.len() } else { end })
}

impl Scan<'_> {
    /// `Bearer …`, `Basic …` and `Digest …` outside a header.
    pub(super) fn scheme(&mut self, at: usize) {
        let text = self.text;
        if !is_start(text, at) {
            return;
        }
        let limit = self.line_end(at);
        let near = &text[at..limit.min(at + 512)];
        if goes_on(text, at, "digest ") && memchr::memmem::find(near, b"response=").is_none() {
            return;
        }
        if let Some((len, kind)) = credentials(&text[at..limit], false) {
            self.found(Span::new(at, at + len, kind));
        }
    }

    /// `mysql -pSECRET`, `sshpass -p SECRET`, at the flag's end. Other programs mean a path or a port by it.
    pub(super) fn flag_p(&mut self, from: usize, to: usize) {
        let text = self.text;
        if text[from + 1] != b'-' || text[from + 2] != b'p' {
            return;
        }
        let before = &text[self.line_start(from)..from];
        let sshpass = memchr::memmem::rfind(before, b"sshpass");
        let mysql =
            [&b"mysql"[..], b"mariadb"].into_iter().filter_map(|name| memchr::memmem::rfind(before, name)).max();
        // a folder is no command, and a command ends where the next one begins
        let command = |at: usize| at == 0 || before[..at].ends_with(b"bin/") || before[at - 1] != b'/';
        let same = |at: usize| command(at) && !before[at..].iter().any(|b| matches!(b, b';' | b'|' | b'&'));
        let spaced = sshpass.is_some_and(|at| same(at) && before[at..].iter().filter(|b| **b == b' ').count() < 2);
        if !(spaced || mysql.is_some_and(same) || sshpass.is_some_and(same)) {
            return;
        }
        let mut at = if spaced { skip_blanks(text, to, 4) } else { to };
        let quote = text.get(at).copied().filter(|b| matches!(b, b'"' | b'\''));
        at += usize::from(quote.is_some());
        let end = match quote {
            Some(quote) => self.closing(at, quote),
            None => Some(self.bare_end(at)),
        };
        let Some(end) = end.filter(|end| *end > at && *end < at + 512) else {
            return;
        };
        let port = text[at..end].contains(&b':') && text[at..end].iter().all(|b| b.is_ascii_digit() || *b == b':');
        if !port && !super::url::is_no_password(&text[at..end]) && text[at] != b'-' {
            self.found(Span::new(at, end, Kind::Password));
        }
    }

    /// `curl -u user:password`, at the flag's end.
    pub(super) fn curl(&mut self, from: usize, to: usize) {
        let text = self.text;
        if !text[from.saturating_sub(1)..from].iter().all(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'')) {
            return;
        }
        if !matches!(text.get(to), Some(b' ' | b'=' | b'"' | b'\'')) {
            return;
        }
        let mut at = skip_blanks(text, to + usize::from(text[to] == b'='), 4);
        let quote = text.get(at).copied().filter(|b| matches!(b, b'"' | b'\''));
        at += usize::from(quote.is_some());
        let end = match quote {
            Some(quote) => self.closing(at, quote),
            None => Some(self.bare_end(at)),
        };
        let Some(end) = end.filter(|end| *end < at + 512) else {
            return;
        };
        let Some(colon) = text[at..end].iter().position(|b| *b == b':') else {
            return;
        };
        let mut start = at + colon + 1;
        let mut end = end;
        // only the password is quoted: `-u ann:'…'`
        if quote.is_none()
            && start == end
            && let Some(inner @ (b'"' | b'\'')) = text.get(end).copied()
        {
            start += 1;
            end = self.closing(start, inner).filter(|end| *end < start + 512).unwrap_or(end);
        }
        let Some(secret) = text.get(start..end) else {
            return;
        };
        let curl = memchr::memmem::rfind(&text[from.saturating_sub(512)..from], b"curl").is_some();
        let shape = Shape::of(secret);
        let told = curl || (shape.digits > 0 && shape.letters() > 0);
        let name_like = told && text[at..at + colon].iter().all(|b| b.is_ascii_graphic());
        if name_like
            && secret.len() >= 3
            && !secret.contains(&b' ')
            && !super::url::is_no_password(secret)
            && !secret.starts_with(b"//")
        {
            self.found(Span::new(start, end, Kind::Password));
        }
    }
}
