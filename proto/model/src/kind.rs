//! The catalogue: every kind of event there is. Its key is (log, name): `email_sent` stands in two logs with two meanings.
//!
//! To add a built-in kind, add a line to [`BUILT_IN`]. Plugins declare further kinds in their manifest; the service joins
//! them into one [`Catalogue`] (S8: nothing else is ever stored).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::vocabulary::{Category, Log, Severity};

/// One kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The log it stands in.
    pub log: Log,
    /// Its name, unique within the log: lower case, digits and `_`.
    pub name: Arc<str>,
    /// Set for the system log, and only there.
    pub category: Option<Category>,
    /// The severity unless the event says otherwise.
    pub severity: Severity,
    /// What it means, for administrators.
    pub description: Arc<str>,
    /// It happens before sign-in: without an organisation it is assigned by the e-mail address that was entered.
    pub pre_auth: bool,
}

type Row = (Log, Option<Category>, &'static str, Severity, &'static str);

/// The kind the service writes itself when somebody looks at the log.
pub const SYSTEM_LOG_VIEWED: &str = "system_log_viewed";

/// Kinds of the system log that happen before anybody is signed in.
const PRE_AUTH: [&str; 3] = ["login_failed", "password_reset_initiated", "password_reset_completed"];

use Category::{Billing, Email as Mail, Process, Security, Webhook};
use Log::{AiUsage, Email, System};
use Severity::{Error, Info, Warning};

/// Every built-in kind, in the order a reader sees them.
const BUILT_IN: &[Row] = &[
    (System, Some(Webhook), "webhook_sent", Info, "A webhook was answered with a 2xx status."),
    (System, Some(Webhook), "webhook_failed", Error, "A webhook failed: another status, or no answer."),
    (System, Some(Mail), "email_sent", Info, "The server attempted to send an e-mail."),
    (System, Some(Mail), "email_send_failed", Error, "An attempt to send failed before reaching the e-mail provider."),
    (System, Some(Mail), "smtp_send_failed", Error, "The configured SMTP transport rejected the message."),
    (System, Some(Billing), "billing_payment_succeeded", Info, "A charge succeeded."),
    (System, Some(Billing), "billing_payment_failed", Error, "A charge was rejected; the row says why."),
    (System, Some(Billing), "billing_subscription_created", Info, "A subscription was created."),
    (
        System,
        Some(Billing),
        "billing_subscription_updated",
        Info,
        "The plan or the quantity of a subscription changed.",
    ),
    (System, Some(Billing), "billing_subscription_expired", Warning, "A subscription lapsed."),
    (System, Some(Security), "login_failed", Warning, "A sign-in for an address of this organisation failed."),
    (System, Some(Security), "password_reset_initiated", Info, "A password-reset e-mail was requested."),
    (System, Some(Security), "password_reset_completed", Info, "A password was reset."),
    (System, Some(Security), "role_changed", Info, "An administrator changed a member's role."),
    (System, Some(Security), "email_address_changed", Info, "A member changed the e-mail address they sign in with."),
    (System, Some(Security), "blueprint_made_public", Warning, "A blueprint was made public."),
    (System, Some(Security), "kickoff_form_made_public", Warning, "A kickoff form was published."),
    (System, Some(Security), SYSTEM_LOG_VIEWED, Info, "Somebody looked at the system log or exported it."),
    (System, Some(Process), "process_auto_archived", Info, "The bot user archived a completed process."),
    (System, Some(Process), "task_auto_completed", Info, "The bot user completed a task."),
    (Email, None, "email_sent", Info, "The message was handed to the e-mail provider."),
    (Email, None, "email_delivered", Info, "The receiving server accepted the message."),
    (Email, None, "email_failed", Error, "A delivery attempt failed; a temporary failure is a warning."),
    (Email, None, "email_bounced", Error, "The receiving server rejected the message for good."),
    (Email, None, "email_unsubscribed", Info, "The recipient unsubscribed."),
    (Email, None, "email_complained", Warning, "The recipient marked the message as spam."),
    (Email, None, "email_send_failed", Error, "The message could not be handed to the e-mail provider."),
    (Email, None, "smtp_send_failed", Error, "The custom SMTP transport rejected the message."),
    (AiUsage, None, "ai_chat", Info, "A chat or completion request."),
    (AiUsage, None, "ai_tool_call", Info, "A tool call, for example over MCP."),
    (AiUsage, None, "ai_embedding", Info, "An embedding request."),
    (AiUsage, None, "ai_request", Info, "Another request to an AI model."),
];

/// All kinds known to one running service.
#[derive(Debug, Clone)]
pub struct Catalogue {
    kinds: Vec<Arc<Kind>>,
    by_key: BTreeMap<(Log, Arc<str>), usize>,
}

/// Why a plugin's kind cannot join the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// Not lower-case letters, digits and `_`, or over 64 characters.
    #[error("kind name {0:?}: 1 to 64 lower-case letters, digits and '_', beginning with a letter")]
    Name(String),
    /// A category where none may be, or none where one must be.
    #[error("kind {0:?}: the system log needs a category, no other log has one")]
    Category(String),
    /// Declared differently elsewhere.
    #[error("kind {0:?} is already declared with another category or severity")]
    Conflict(String),
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Catalogue {
    /// The kinds every installation has.
    #[must_use]
    pub fn built_in() -> Self {
        let mut catalogue = Self { kinds: Vec::new(), by_key: BTreeMap::new() };
        for (log, category, name, severity, description) in BUILT_IN {
            catalogue.push(Kind {
                log: *log,
                name: (*name).into(),
                category: *category,
                severity: *severity,
                description: (*description).into(),
                pre_auth: *log == System && PRE_AUTH.contains(name),
            });
        }
        catalogue
    }

    fn push(&mut self, kind: Kind) -> Arc<Kind> {
        let kind = Arc::new(kind);
        self.by_key.insert((kind.log, kind.name.clone()), self.kinds.len());
        self.kinds.push(kind.clone());
        kind
    }

    /// Adds a plugin's own kind; declaring the same one again is fine.
    ///
    /// # Errors
    /// [`KindError`] when name or category break the rules, or an existing kind of that key differs.
    pub fn declare(&mut self, kind: Kind) -> Result<Arc<Kind>, KindError> {
        let name = kind.name.to_string();
        let mut bytes = name.bytes();
        let good = (1..=64).contains(&name.len())
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !good {
            return Err(KindError::Name(name));
        }
        if (kind.log == System) != kind.category.is_some() {
            return Err(KindError::Category(name));
        }
        match self.get(kind.log, &name) {
            None => Ok(self.push(kind)),
            Some(known) if known.category == kind.category && known.severity == kind.severity => Ok(known.clone()),
            Some(_) => Err(KindError::Conflict(name)),
        }
    }

    /// The kind of that name in that log.
    #[must_use]
    pub fn get(&self, log: Log, name: &str) -> Option<&Arc<Kind>> {
        self.by_key.get(&(log, Arc::from(name))).and_then(|index| self.kinds.get(*index))
    }

    /// All kinds of a log, in the order a reader sees them.
    pub fn of(&self, log: Log) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.iter().filter(move |kind| kind.log == log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_two_meanings_in_two_logs() {
        let all = Catalogue::built_in();
        assert_eq!(all.get(System, "email_sent").unwrap().category, Some(Mail));
        assert_eq!(all.get(Email, "email_sent").unwrap().category, None);
        assert!(all.get(AiUsage, "email_sent").is_none());
        assert_eq!((all.of(System).count(), all.of(Email).count(), all.of(AiUsage).count()), (20, 8, 4));
    }

    #[test]
    fn only_the_system_log_has_categories() {
        let all = Catalogue::built_in();
        assert!(Log::ALL.iter().all(|log| { all.of(*log).all(|kind| kind.category.is_some() == (*log == System)) }));
    }

    #[test]
    fn a_plugin_cannot_redefine_a_kind() {
        let mut all = Catalogue::built_in();
        let mut kind = Kind::clone(all.get(System, "role_changed").unwrap());
        assert!(all.declare(kind.clone()).is_ok(), "declaring what is there already");
        kind.severity = Error;
        assert_eq!(all.declare(kind.clone()), Err(KindError::Conflict("role_changed".into())));
        kind.category = None;
        assert_eq!(all.declare(kind.clone()), Err(KindError::Category("role_changed".into())));
        kind.name = "Role Changed".into();
        assert!(matches!(all.declare(kind), Err(KindError::Name(_))));
    }
}
