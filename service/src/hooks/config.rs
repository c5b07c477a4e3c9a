//! `[[hooks]]` of the configuration: every mistake of every receiver at once.

use serde::Deserialize;
use system_log_model::OrgId;

use super::{Hook, Scheme, Secret, standard};
use crate::config::secret_of;

/// Longest last segment of a URL: random text of any sensible length.
const MAX_TOKEN_BYTES: usize = 256;
/// A URL that nothing else protects should not be guessed.
const GUESSABLE_TOKEN_BYTES: usize = 16;

/// A receiver, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookSection {
    source: String,
    token: String,
    org_id: Option<String>,
    verify: Option<String>,
    secrets: Vec<String>,
}

/// Checks all receivers; mistakes go to `wrong`, with the place of the receiver in the file.
#[must_use]
pub fn hooks(sections: Vec<HookSection>, wrong: &mut Vec<String>) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = Vec::new();
    for (at, mut section) in sections.into_iter().enumerate() {
        let place = format!("hooks[{at}]");
        section.token_by_reference(&place, wrong);
        let twin =
            hooks.iter().any(|hook| hook.source == section.source && hook.token.bytes == section.token.as_bytes());
        if twin {
            wrong.push(format!("{place}.token: another receiver of {} has it already", section.source));
        }
        hooks.extend(section.check(&place, wrong));
    }
    hooks
}

impl HookSection {
    /// A token may be written down or named: a `:` is no part of a URL's segment.
    fn token_by_reference(&mut self, place: &str, wrong: &mut Vec<String>) {
        if !self.token.contains(':') {
            return;
        }
        let token = secret_of(&format!("{place}.token"), &self.token, wrong).unwrap_or_default();
        self.token = String::from_utf8_lossy(&token).into_owned();
    }

    fn check(self, place: &str, wrong: &mut Vec<String>) -> Option<Hook> {
        let before = wrong.len();
        let is_segment = |text: &str| {
            let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(is_safe) && text != "." && text != ".."
        };
        for (field, text) in [("source", &self.source), ("token", &self.token)] {
            if !is_segment(text) {
                let rule = "letters, digits and - . _ ~, for it is a part of the URL";
                wrong.push(format!("{place}.{field}: required; 1 to {MAX_TOKEN_BYTES} {rule}"));
            }
        }
        let org = self.org_id.map(|org| OrgId::new(&org));
        let org = org.transpose().unwrap_or_else(|rule| {
            wrong.push(format!("{place}.org_id: {rule}"));
            None
        });
        let scheme = self.verify.as_deref().and_then(Scheme::from_name);
        let Some(scheme) = scheme else {
            let known = Scheme::ALL.map(Scheme::name).join(", ");
            wrong.push(format!("{place}.verify: required; one of {known}"));
            return None;
        };
        let secrets = secrets(scheme, &self.secrets, place, wrong);
        if scheme == Scheme::None && self.token.len() < GUESSABLE_TOKEN_BYTES {
            tracing::warn!("{place}: nothing but a short token protects this receiver");
        }
        let token = Secret::new(self.token.into_bytes());
        (wrong.len() == before).then_some(Hook { source: self.source, token, org, scheme, secrets })
    }
}

fn secrets(scheme: Scheme, references: &[String], place: &str, wrong: &mut Vec<String>) -> Vec<Secret> {
    match (scheme, references.is_empty()) {
        (Scheme::None, false) => wrong.push(format!("{place}.secrets: none are used with verify = \"none\"")),
        (Scheme::None, true) => {}
        (_, true) => wrong.push(format!("{place}.secrets: required; one or more of env:NAME or file:PATH")),
        _ => {}
    }
    let mut secrets = Vec::new();
    for (at, reference) in references.iter().enumerate() {
        let key = format!("{place}.secrets[{at}]");
        let Some(text) = secret_of(&key, reference, wrong) else { continue };
        match usable(scheme, text) {
            Ok(secret) => secrets.push(secret),
            Err(rule) => wrong.push(format!("{key}: {rule}")),
        }
    }
    secrets
}

fn usable(scheme: Scheme, text: Vec<u8>) -> Result<Secret, &'static str> {
    match scheme {
        _ if text.is_empty() => Err("it is empty"),
        Scheme::StandardWebhooks => standard::secret(&text),
        Scheme::Basic => {
            let written = String::from_utf8_lossy(&text).into_owned();
            let (_, password) = written.split_once(':').ok_or("NAME:PASSWORD")?;
            Ok(Secret::new(text).written_as(password))
        }
        _ => Ok(Secret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        hooks: Vec<HookSection>,
    }

    fn check(text: &str) -> (Vec<Hook>, Vec<String>) {
        let mut wrong = Vec::new();
        let file: File = toml::from_str(text).unwrap();
        (hooks(file.hooks, &mut wrong), wrong)
    }

    #[test]
    fn every_mistake_of_every_receiver_is_told_at_once() {
        let (hooks, wrong) = check(
            r#"
            [[hooks]]
            token = "a b"
            org_id = "not an id"
            verify = "magic"
            [[hooks]]
            source = "mailgun"
            token = "t"
            verify = "mailgun"
            [[hooks]]
            source = "mailgun"
            token = "t"
            verify = "recurly"
            secrets = ["whatever", "env:NOWHERE_TO_BE_FOUND"]
            [[hooks]]
            source = "webhook"
            token = "u"
            verify = "none"
            secrets = ["env:PATH"]
            "#,
        );
        assert!(hooks.is_empty());
        let begins = |text: &str| wrong.iter().filter(|mistake| mistake.starts_with(text)).count();
        for (mistake, count) in [
            ("hooks[0].source: required", 1),
            ("hooks[0].token: required", 1),
            ("hooks[0].org_id: ", 1),
            ("hooks[0].verify: required; one of mailgun, recurly, standard-webhooks, github, basic, none", 1),
            ("hooks[1].secrets: required", 1),
            ("hooks[2].secrets[0]: env:NAME or file:PATH, never the secret itself", 1),
            ("hooks[2].secrets[1]: NOWHERE_TO_BE_FOUND is not set", 1),
            ("hooks[3].secrets: none are used", 1),
            ("hooks[", 8),
        ] {
            assert_eq!(begins(mistake), count, "{mistake} in {wrong:#?}");
        }
    }

    #[test]
    fn a_secret_must_be_one_of_its_scheme_and_a_url_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let good = file("good", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        let (short, empty, plain) = (file("short", "whsec_AAAA"), file("empty", "\n"), file("plain", "password"));
        let hook = |token: &str, verify: &str, secret: &str| {
            format!("[[hooks]]\nsource = \"s\"\ntoken = \"{token}\"\nverify = \"{verify}\"\nsecrets = [\"{secret}\"]\n")
        };
        let (hooks, wrong) = check(&hook(&file("token", "a-token\n"), "github", &file("key", "key")));
        assert!(hooks.len() == 1 && hooks[0].token.bytes == b"a-token", "a token may be named: {wrong:?}");
        let (_, wrong) = check(&hook("env:NOWHERE_TO_BE_FOUND", "github", &file("key", "key")));
        assert!(wrong[0].starts_with("hooks[0].token: NOWHERE_TO_BE_FOUND is not set"), "{wrong:?}");
        let (hooks, wrong) = check(&hook("a", "standard-webhooks", &good));
        assert_eq!((hooks.len(), wrong.len()), (1, 0), "{wrong:?}");
        assert!(!format!("{hooks:?}").contains("Mf"), "never printed");
        let text = hook("a", "standard-webhooks", &short)
            + &hook("b", "mailgun", &empty)
            + &hook("c", "basic", &plain)
            + &hook("d", "github", &plain)
            + &hook("d", "github", &plain);
        let (hooks, wrong) = check(&text);
        assert_eq!((hooks.len(), wrong.len()), (2, 4), "{wrong:?}");
        assert!(
            wrong[0].contains("24 to 64 bytes") && wrong[1].contains("empty") && wrong[2].contains("NAME:PASSWORD")
        );
        assert!(wrong[3].contains("hooks[4].token"));
    }
}
