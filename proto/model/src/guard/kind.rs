//! What a secret was, which is all that remains of it.

/// The kind of a removed secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Password,
    Token,
    Jwt,
    PrivateKey,
    BasicAuth,
    Bearer,
    Cookie,
    UrlPassword,
    ApiKey,
    Secret,
    Session,
    Signature,
    Literal,
}

/// How every marker begins.
pub(super) const MARKER: &str = "[redacted:";

/// No marker is longer.
pub(super) const MARKER_MAX: usize = 24;

impl Kind {
    /// What stands in the secret's place.
    pub(super) const fn marker(self) -> &'static str {
        match self {
            Self::Password => "[redacted:password]",
            Self::Token => "[redacted:token]",
            Self::Jwt => "[redacted:jwt]",
            Self::PrivateKey => "[redacted:private_key]",
            Self::BasicAuth => "[redacted:basic_auth]",
            Self::Bearer => "[redacted:bearer]",
            Self::Cookie => "[redacted:cookie]",
            Self::UrlPassword => "[redacted:url_password]",
            Self::ApiKey => "[redacted:api_key]",
            Self::Secret => "[redacted:secret]",
            Self::Session => "[redacted:session]",
            Self::Signature => "[redacted:signature]",
            Self::Literal => "[redacted:literal]",
        }
    }
}

/// A secret found: the bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// The value was a bare JSON scalar: its marker needs quotes, or the text is no JSON any more.
    pub(super) bare_json: bool,
}

impl Span {
    pub(super) const fn new(start: usize, end: usize, kind: Kind) -> Self {
        Self { start, end, kind, bare_json: false }
    }
}
