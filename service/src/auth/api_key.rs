//! API keys as bearer tokens: `slk_` and 256 random bits. What is stored is the digest, so whoever reads the store cannot use
//! it; finding the digest in a map says nothing about a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use system_log_model::api_key::KeyDigest;
use system_log_model::{ApiKey, KeyScope, OrgId};

use super::{Caller, Role, Scope};

/// How every secret begins: scanners of leaked secrets know it by that.
pub const PREFIX: &str = "slk_";
const SECRET_BYTES: usize = 32;

/// What a key allows: for whom, and which sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Empty for all.
    pub orgs: Vec<OrgId>,
    /// The names it may send records under.
    pub sources: Vec<String>,
}

/// A new secret. `None` only when the machine has no random numbers.
#[must_use]
pub fn new_secret() -> Option<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What of a secret is stored.
#[must_use]
pub fn digest(secret: &str) -> KeyDigest {
    Sha256::digest(secret.as_bytes()).into()
}

/// Who calls with a key. A key may have several scopes; a caller has one role: the wanted one if the key has it.
#[must_use]
pub fn caller(key: ApiKey, wanted: Option<Role>) -> Caller {
    let role_of = |scope: &KeyScope| match scope {
        KeyScope::Ingest(_) => Role::Ingest,
        KeyScope::Directory => Role::Directory,
    };
    let has = |role: Role| key.scopes.iter().any(|scope| role_of(scope) == role);
    let any = key.scopes.first().map_or(Role::Member, role_of);
    let role = wanted.filter(|role| has(*role)).unwrap_or(any);
    let sources = key.scopes.into_iter().filter_map(|scope| match scope {
        KeyScope::Ingest(source) => Some(source),
        KeyScope::Directory => None,
    });
    let grant = Grant { orgs: key.orgs, sources: sources.collect() };
    let subject = format!("key/{}", key.id);
    Caller { subject, name: key.name, email: String::new(), role, scope: Scope::Key(grant.into()) }
}
