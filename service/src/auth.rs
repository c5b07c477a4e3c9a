//! Who is calling: roles, the organisations they reach, and what each route demands.
//!
//! One layer ([`layer`]) authenticates every route; handlers find the [`Caller`] in the request and never look at tokens.

pub mod api_key;
pub mod layer;
pub mod policy;
pub mod rate;
pub mod token;

use std::sync::Arc;

use system_log_model::OrgId;

use self::api_key::Grant;
use crate::status::Refusal;

/// What a token was given for. One token has one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads one organisation's logs.
    Admin,
    /// Runs the service: collectors, dead letters, keys.
    Operator,
    /// Sends events.
    Ingest,
    /// Keeps members and bindings up to date.
    Directory,
    /// An ordinary user of an organisation: always refused.
    Member,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Operator, Self::Ingest, Self::Directory, Self::Member];

    /// The name in tokens and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Ingest => "ingest",
            Self::Directory => "directory",
            Self::Member => "member",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The organisations a token reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them; `*` in the token. Never an administrator's.
    All,
    /// One.
    One(OrgId),
    /// Those of an API key.
    Key(Arc<Grant>),
}

impl Scope {
    /// Whether it reaches that organisation.
    #[must_use]
    pub fn allows(&self, org: &OrgId) -> bool {
        match self {
            Self::All => true,
            Self::One(own) => own == org,
            Self::Key(grant) => grant.orgs.is_empty() || grant.orgs.contains(org),
        }
    }

    /// The same for every token and key that reaches the same organisations.
    #[must_use]
    pub fn reach(&self) -> String {
        let mut orgs: Vec<&str> = match self {
            Self::All => Vec::new(),
            Self::One(org) => vec![org.as_str()],
            Self::Key(grant) => grant.orgs.iter().map(OrgId::as_str).collect(),
        };
        orgs.sort_unstable();
        orgs.dedup();
        orgs.join(",")
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's subject: a user's id, or a service's name.
    pub subject: String,
    /// For people to read; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// What the token is for.
    pub role: Role,
    /// Whom it reaches.
    pub scope: Scope,
}

impl Caller {
    /// The one organisation of an administrator.
    ///
    /// # Errors
    /// `ROLE_REQUIRED` for a token that names none; such a token reads nothing (S4).
    pub fn org(&self) -> Result<&OrgId, Refusal> {
        match &self.scope {
            Scope::One(org) => Ok(org),
            Scope::All | Scope::Key(_) => Err(Refusal::role_required("admin of one organisation")),
        }
    }

    /// Whether it may send records under that name. Roles may under any; keys name theirs.
    #[must_use]
    pub fn may_send(&self, source: &str) -> bool {
        match &self.scope {
            Scope::Key(grant) => grant.sources.iter().any(|own| own == source),
            Scope::All | Scope::One(_) => true,
        }
    }

    /// Reads an organisation id of a request and checks that the token reaches it.
    ///
    /// # Errors
    /// `INVALID_ORG_ID` for a malformed id, `ORG_NOT_ALLOWED` for a foreign one.
    pub fn reach(&self, field: &str, org: &str) -> Result<OrgId, Refusal> {
        let org = OrgId::new(org).map_err(|rule| Refusal::invalid("INVALID_ORG_ID", field, rule.to_string()))?;
        if self.scope.allows(&org) { Ok(org) } else { Err(Refusal::org_not_allowed(field)) }
    }
}

/// The caller that the layer put into a request.
///
/// # Errors
/// `INTERNAL` when there is none: a route without the layer is a mistake of ours, never an anonymous caller.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Refusal> {
    let found = request.extensions().get::<Caller>().cloned();
    found.ok_or_else(|| Refusal::internal(&"a route without the authentication layer"))
}
