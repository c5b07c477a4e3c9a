//! Providers' webhooks: what is configured, and how a delivery proves that it is genuine. What the payload means is not known
//! here: a genuine delivery walks the same road as a record over gRPC.
//!
//! | scheme | proof | file |
//! |---|---|---|
//! | `mailgun` | a signature over time and token, which do not cover the body: each token is good once | [`mailgun`] |
//! | `recurly` | a signature over time and body | [`recurly`] |
//! | `standard-webhooks` | a signature over id, time and body; Svix's names too | [`standard`] |
//! | `github` | a signature over the body | [`github`] |
//! | `basic` | name and password | [`basic`] |
//! | `none` | the URL alone | |

pub mod basic;
pub mod config;
pub mod github;
mod mac;
pub mod mailgun;
pub mod receive;
pub mod recurly;
pub mod standard;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use system_log_index::Mark;
use system_log_model::{OrgId, Timestamp};

/// A sender's clock may be ahead by so much, and signatures over a time are good for so long after it. Both official
/// clients of Recurly and the Standard Webhooks specification say five minutes.
const TOLERANCE: Duration = Duration::from_secs(300);

/// How deliveries are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's; the file's first lines say what they are")]
pub enum Scheme {
    Mailgun,
    Recurly,
    StandardWebhooks,
    Github,
    Basic,
    None,
}

/// What a delivery is verified with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bytes: Vec<u8>,
    written: String,
}

impl Secret {
    /// The bytes a signature is made with.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { written: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// The same, written in another way.
    #[must_use]
    pub fn written_as(self, text: &str) -> Self {
        Self { written: text.to_owned(), ..self }
    }

    /// As it would stand in a text that leaks it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A configured receiver.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The name its records come in under.
    pub source: String,
    /// Last segment of its URL.
    pub token: Secret,
    /// Whose records they are; without it the payload's hint decides.
    pub org: Option<OrgId>,
    /// How they are verified.
    pub scheme: Scheme,
    /// All of them are good: a new one is added before the old one is taken away.
    pub secrets: Vec<Secret>,
}

/// What came in.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// As the provider wrote them.
    pub headers: &'a HeaderMap,
    /// To the byte.
    pub body: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// A header that is there once, as text.
    fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        values.next().is_none().then(|| first.to_str().ok()).flatten()
    }
}

/// A delivery that is the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genuine {
    /// What stands for it, and from when its signature is too old to be taken. `None`: the scheme signs nothing, so that
    /// nothing tells a repeated delivery from a new one.
    pub once: Option<(Mark, Timestamp)>,
    /// The provider's own name of the delivery, if the signature covers it; empty otherwise.
    pub idempotency_key: String,
}

/// Why a delivery is refused: for our own log, never for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// There is no signature where the scheme has one, or several.
    #[error("no signature")]
    Missing,
    /// A part of the signature is not of the scheme's form.
    #[error("a malformed signature")]
    Malformed,
    /// No key made it.
    #[error("a signature that no configured key made")]
    Mismatch,
    /// Signed too long ago.
    #[error("a signature that is too old")]
    Stale,
    /// Signed in the future.
    #[error("a signature from the future")]
    Early,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 6] =
        [Self::Mailgun, Self::Recurly, Self::StandardWebhooks, Self::Github, Self::Basic, Self::None];

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mailgun => "mailgun",
            Self::Recurly => "recurly",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Github => "github",
            Self::Basic => "basic",
            Self::None => "none",
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// Whether a delivery is genuine, in a time that says nothing about the keys.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(self, secrets: &[Secret], delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
        match self {
            Self::Mailgun => mailgun::verify(secrets, delivery, now),
            Self::Recurly => recurly::verify(secrets, delivery, now),
            Self::StandardWebhooks => standard::verify(secrets, delivery, now),
            Self::Github => github::verify(secrets, delivery, now),
            Self::Basic => basic::verify(secrets, delivery),
            Self::None => Ok(Genuine { once: None, idempotency_key: String::new() }),
        }
    }
}

impl Hook {
    /// See [`Scheme::verify`].
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
        self.scheme.verify(&self.secrets, delivery, now)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Checks when something was signed, and says when it is too old.
fn fresh(signed: Timestamp, now: Timestamp, window: Duration) -> Result<Timestamp, Forged> {
    let until = signed.plus_micros(micros(window));
    if now > until {
        return Err(Forged::Stale);
    }
    if signed > now.plus_micros(micros(TOLERANCE)) {
        return Err(Forged::Early);
    }
    Ok(until)
}

/// A whole number of seconds as providers write it: digits, no more than a time has.
fn seconds(text: &str) -> Option<Timestamp> {
    let is_number = (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().and_then(|seconds| Timestamp::from_seconds(seconds, 0))
}
