//! Bearer tokens: JSON Web Tokens signed with a shared secret (HS256): a folder's own dev key, or a configured secret.
//!
//! Every failure has one answer; the reason is ours to know, not the caller's.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use system_log_model::{OrgId, Timestamp};

use super::{Caller, Role, Scope};

/// Issuer and audience of tokens made with a dev key.
pub const DEV_ISSUER: &str = "system-log-dev";
/// See [`DEV_ISSUER`].
pub const AUDIENCE: &str = "system-log";
/// A minted token is valid so long. From the command line's contract.
const LIFETIME_SECONDS: i64 = 24 * 3_600;
/// Clocks of issuer and service may differ by so much.
const LEEWAY_SECONDS: i64 = 30;
/// A longer token is not one of ours: the largest header line that proxies pass is of this order.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// HS256 wants a key as long as its digest (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

const DEV_KEY_FILE: &str = "dev.key";

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    org: String,
    role: String,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

/// Checks tokens of one issuer.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// Accepts HS256 tokens of that issuer and audience.
    #[must_use]
    pub fn new(secret: &[u8], issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are checked against the injected clock below; a claim of the wrong type does not deserialize.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { key: DecodingKey::from_secret(secret), validation }
    }

    /// The caller of a token that holds at `now`.
    #[must_use]
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Caller> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let (now, _) = now.to_seconds();
        let expired = claims.exp <= now.saturating_sub(LEEWAY_SECONDS);
        let early = claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS));
        if expired || early || claims.sub.is_empty() {
            return None;
        }
        let role = Role::from_name(&claims.role)?;
        Some(Caller {
            subject: claims.sub,
            name: claims.name,
            email: claims.email,
            role,
            scope: scope(role, &claims.org)?,
        })
    }
}

/// `*` reaches everything, but administrators and members always belong to one organisation.
fn scope(role: Role, org: &str) -> Option<Scope> {
    match (role, org) {
        (Role::Admin | Role::Member, "*") => None,
        (_, "*") => Some(Scope::All),
        (_, org) => OrgId::new(org).ok().map(Scope::One),
    }
}

/// Why a token cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The organisation does not fit the role.
    #[error("--org {org:?}: one organisation's id, or '*' for ingest, directory and operator tokens")]
    Org {
        /// As given.
        org: String,
    },
    /// The dev key cannot be read or made.
    #[error("the dev key of the data folder")]
    Key(#[from] io::Error),
    /// Signing failed.
    #[error("signing the token")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Whom a token is made for.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// One organisation's id, or `*`.
    pub org: &'a str,
    /// The role.
    pub role: Role,
    /// A user's id or a service's name.
    pub user: &'a str,
    /// For people to read.
    pub name: &'a str,
    /// E-mail address.
    pub email: &'a str,
}

/// Makes a token with a folder's dev key, valid for a day.
///
/// # Errors
/// [`MintError`].
pub fn mint(secret: &[u8], subject: &Subject<'_>, now: Timestamp) -> Result<String, MintError> {
    if scope(subject.role, subject.org).is_none() {
        return Err(MintError::Org { org: subject.org.to_owned() });
    }
    let claims = Claims {
        iss: DEV_ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: subject.user.to_owned(),
        org: subject.org.to_owned(),
        role: subject.role.name().into(),
        exp: now.to_seconds().0 + LIFETIME_SECONDS,
        nbf: None,
        name: subject.name.to_owned(),
        email: subject.email.to_owned(),
    };
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret))?)
}

/// A folder's dev key, made when there is none: random, readable by its owner only.
///
/// # Errors
/// The file cannot be read or written.
pub fn dev_key(data: &Path) -> io::Result<Vec<u8>> {
    secret_file(&data.join(DEV_KEY_FILE))
}

/// Thirty-two random bytes kept in a file, made on first use.
///
/// # Errors
/// The file cannot be read or written, or does not hold a key.
pub fn secret_file(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(key) if key.len() == MIN_SECRET_BYTES => return Ok(key),
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a key file of another length"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut key = vec![0; MIN_SECRET_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Written aside and linked into place: of two processes that make the key at once, one wins and both use its key.
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"an obviously fake secret of 32 b";

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T10:00:00Z").unwrap()
    }

    fn later(seconds: i64) -> Timestamp {
        now().plus_micros(seconds * 1_000_000)
    }

    fn subject(org: &str, role: Role) -> Subject<'_> {
        Subject { org, role, user: "u1", name: "Ada", email: "ada@example.com" }
    }

    fn verifier() -> Verifier {
        Verifier::new(SECRET, DEV_ISSUER, AUDIENCE)
    }

    #[test]
    fn a_minted_token_holds_for_a_day() {
        let token = mint(SECRET, &subject("acme", Role::Admin), now()).unwrap();
        let caller = verifier().verify(&token, later(3_600)).unwrap();
        assert_eq!((caller.subject.as_str(), caller.role), ("u1", Role::Admin));
        assert!(verifier().verify(&token, later(LIFETIME_SECONDS + 60)).is_none());
    }

    #[test]
    fn nobody_administers_every_organisation() {
        assert!(mint(SECRET, &subject("*", Role::Admin), now()).is_err());
        assert!(mint(SECRET, &subject("*", Role::Ingest), now()).is_ok());
    }

    #[test]
    fn forged_tokens_do_not_hold() {
        let good = mint(SECRET, &subject("acme", Role::Admin), now()).unwrap();
        let foreign = mint(b"another obviously fake 32 b key!", &subject("acme", Role::Admin), now()).unwrap();
        let unsigned = {
            use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
            let payload = good.split('.').nth(1).unwrap();
            format!("{}.{payload}.", B64.encode(r#"{"alg":"none","typ":"JWT"}"#))
        };
        let expiry_as_text = {
            let claims = serde_json::json!({"iss": DEV_ISSUER, "aud": AUDIENCE, "sub": "u", "org": "acme",
                "role": "admin", "exp": "2099-01-01"});
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
        };
        let no_expiry = {
            let claims =
                serde_json::json!({"iss": DEV_ISSUER, "aud": AUDIENCE, "sub": "u", "org": "acme", "role": "admin"});
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
        };
        assert!(verifier().verify(&good, now()).is_some());
        for bad in [foreign, unsigned, expiry_as_text, no_expiry, String::new(), "x".repeat(1 << 20)] {
            assert!(verifier().verify(&bad, now()).is_none());
        }
        assert!(Verifier::new(SECRET, "another-issuer", AUDIENCE).verify(&good, now()).is_none());
    }

    #[test]
    fn the_key_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(dev_key(folder.path()).unwrap(), dev_key(folder.path()).unwrap());
    }
}
