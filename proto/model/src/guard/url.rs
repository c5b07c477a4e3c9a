//! Secrets in URLs: the password before `@`, and addresses that are secrets themselves. Query parameters go by name.

use super::assign::is_made;
use super::entropy::Shape;
use super::keys::{Key, Strength};
use super::kind::{Kind, MARKER, Span};
use super::scan::Scan;
use super::value::{Form, is_secret};

/// Addresses whose path lets anybody in.
pub(super) const HOOKS: [&str; 8] = [
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
    "hooks.zapier.com/hooks/catch/",
    "chat.googleapis.com/v1/spaces/",
];

/// Ends of paths behind which a link's token lets anybody in.
pub(super) const LINKS: [&str; 14] = [
    "/reset/",
    "/reset-password/",
    "/reset_password/",
    "/password-reset/",
    "/password_reset/",
    "/invite/",
    "/invitation/",
    "/invitations/",
    "/magic-link/",
    "/magic_link/",
    "/verify-email/",
    "/confirm-email/",
    "/confirmation/",
    "/activate/",
];

/// Longest authority that is read.
const AUTHORITY: usize = 1024;

const fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'|' | b'{' | b'}')
}

/// What stands for a password without being one.
pub(super) fn is_no_password(secret: &[u8]) -> bool {
    const ANY: Key = Key { strength: Strength::Any, kind: Kind::UrlPassword, counts: false, sure: false };
    secret.starts_with(MARKER.as_bytes())
        || secret.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.'))
        || secret.starts_with(b"$")
        || (secret.len() < 24 && secret.starts_with(b"<"))
        || (secret.starts_with(b"{") && !is_secret(ANY, Form::Quoted, secret))
}

/// The password in the userinfo of a URL whose `://` ends at `from`: its bytes, if there is one.
fn userinfo(text: &[u8], from: usize, run: usize) -> Option<(usize, usize)> {
    let strict = text[from..run].iter().position(|b| matches!(b, b'/' | b'?' | b'#')).map_or(run, |len| from + len);
    let colon = text[from..strict].iter().position(|b| *b == b':').map(|len| from + len);
    // userinfo may hold any sign unescaped; a port may not
    let at = last_at(text, from, strict).map(|at| beyond(text, at, strict, run)).or_else(|| {
        let colon = colon?;
        let port = text[colon + 1..strict].iter().all(u8::is_ascii_digit);
        (!port && strict < run).then(|| last_at(text, from, run)).flatten()
    })?;
    match colon.filter(|colon| *colon < at) {
        Some(colon) => (at > colon + 1 && !is_no_password(&text[colon + 1..at])).then_some((colon + 1, at)),
        None => {
            let user = &text[from..at];
            let shape = Shape::of(user);
            let made = user.len() >= 16 && (shape.random() || (shape.all_hex() && user.len() >= 24));
            made.then_some((from, at))
        }
    }
}

/// A password with both `@` and `/` in it: what follows its first `@` is then no full host name, and what follows its
/// last one is.
fn beyond(text: &[u8], at: usize, strict: usize, run: usize) -> usize {
    let full = |host: &[u8]| host.iter().any(|b| matches!(b, b'.' | b':')) || host == b"localhost";
    let last = last_at(text, strict, run).filter(|_| !full(&text[at + 1..strict]));
    last.filter(|last| {
        let host = text[last + 1..run].iter().take_while(|b| !matches!(b, b'/' | b'?' | b'#')).count();
        full(&text[last + 1..last + 1 + host])
    })
    .unwrap_or(at)
}

fn last_at(text: &[u8], from: usize, to: usize) -> Option<usize> {
    text[from..to].iter().rposition(|b| *b == b'@').map(|len| from + len)
}

/// A webhook's URL as it is kept: in full, but for the password before `@`.
pub(super) fn kept(url: &str) -> Option<String> {
    let text = url.as_bytes();
    let from = memchr::memmem::find(text, b"://")? + 3;
    let run = from + text[from..].iter().take_while(|b| !ends_url(**b)).count();
    let (start, end) = userinfo(text, from, run)?;
    Some([&url[..start], Kind::UrlPassword.marker(), &url[end..]].concat())
}

impl Scan<'_> {
    /// `://` ends at `from`.
    pub(super) fn url(&mut self, from: usize) {
        let text = self.text;
        // both are looked for once, however many URLs there are
        let at = self.at_sign.next(from, |from| memchr::memchr(b'@', &text[from..]).map(|len| from + len));
        let Some(at) = at.filter(|at| *at < from + AUTHORITY) else {
            return;
        };
        let run = self.url_end.next(from, |from| text[from..].iter().position(|b| ends_url(*b)).map(|len| from + len));
        let run = run.unwrap_or(text.len()).min(from + AUTHORITY);
        if at >= run {
            return;
        }
        if let Some((start, end)) = userinfo(text, from, run) {
            self.found(Span::new(start, end, Kind::UrlPassword));
        }
    }

    /// The path after a hook's address.
    pub(super) fn hook(&mut self, from: usize) {
        let text = self.text;
        let path = |most: usize| {
            text[from..].iter().take(most).take_while(|b| !ends_url(**b) && !matches!(b, b')' | b',' | b';')).count()
        };
        // decided by its beginning, so that a text of nothing but hooks is read once
        let head = &text[from..from + path(64)];
        if head.len() >= 8 && !head.starts_with(MARKER.as_bytes()) && head.iter().any(u8::is_ascii_digit) {
            self.found(Span::new(from, from + path(usize::MAX), Kind::Secret));
        }
    }

    /// The token of a link, one or two segments behind where a path ends; a made one, since ids stand there too.
    pub(super) fn link(&mut self, from: usize) {
        let text = self.text;
        let segment = |from: usize| {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.' | b'~');
            from + text[from..].iter().take(512).take_while(|b| is_token(**b)).count()
        };
        let end = segment(from);
        let next = (text.get(end) == Some(&b'/')).then(|| (end + 1, segment(end + 1)));
        for (start, end) in [(from, end)].into_iter().chain(next) {
            let token = &text[start..end];
            let full_stops = token.iter().rev().take_while(|b| **b == b'.').count();
            let (token, end) = (&token[..token.len() - full_stops], end - full_stops);
            // Django writes when it was made before it.
            if is_made(token) || token.rsplit(|b| *b == b'-').next().is_some_and(is_made) {
                self.found(Span::new(start, end, Kind::Token));
            }
        }
    }

    /// `123456789:AA…`, a Telegram bot's token, whose `:AA` stands at `at`; `bot` may precede it.
    pub(super) fn telegram(&mut self, at: usize) {
        let text = self.text;
        let digits = text[at.saturating_sub(17)..at].iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let tail = text[at + 1..]
            .iter()
            .take(64)
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            .count();
        if (5..=16).contains(&digits) && (33..=38).contains(&tail) {
            self.found(Span::new(at - digits, at + 1 + tail, Kind::Token));
        }
    }

    /// `jdbc:oracle:thin:user/password@…`, at the end of the prefix.
    pub(super) fn oracle(&mut self, from: usize) {
        let text = self.text;
        let stop = (from + 256).min(text.len());
        let run = text[from..stop].iter().position(|b| ends_url(*b)).map_or(stop, |len| from + len);
        let slash = text[from..run].iter().position(|b| *b == b'/').map(|len| from + len);
        let at = last_at(text, from, run);
        if let Some((slash, at)) = slash.zip(at).filter(|(slash, at)| slash + 1 < *at)
            && !is_no_password(&text[slash + 1..at])
        {
            self.found(Span::new(slash + 1, at, Kind::UrlPassword));
        }
    }
}
