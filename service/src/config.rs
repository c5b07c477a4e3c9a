//! Configuration: the command line over a TOML file over documented defaults. Unknown keys are refused and all mistakes are
//! reported at once, before a port is bound.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use system_log_collectors::SigningKey;
use system_log_model::retention::RETENTION_DAYS;

use crate::auth::rate::DEFAULT_PER_SECOND;
use crate::auth::token::{AUDIENCE, MIN_SECRET_BYTES};
use crate::hooks::Hook;
use crate::hooks::config::{HookSection, hooks};

/// More is no limit: nobody sends so much.
const MAX_PER_SECOND: u32 = 1_000_000;
/// See [`Config::literals`].
const MIN_LITERAL_BYTES: usize = 12;

/// Everything a server needs to be built.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where log, store, index and keys live.
    pub data: PathBuf,
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener: metrics and probes.
    pub admin_listen: SocketAddr,
    /// Accept tokens of the folder's dev key, reflection without a token.
    pub dev: bool,
    /// Tokens of a configured issuer.
    pub issuer: Option<Issuer>,
    /// Handed to the plugins by name.
    pub collectors: BTreeMap<String, serde_json::Value>,
    /// Requests a second of one caller; without it as many as he likes.
    pub requests_per_second: Option<u32>,
    /// Receivers of providers' webhooks.
    pub hooks: Vec<Hook>,
    /// Where more plugins lie.
    pub collector_directory: Option<PathBuf>,
    /// When there are any, each of those plugins must be signed by one of them.
    pub collector_keys: Vec<SigningKey>,
}

/// An issuer whose tokens are signed with a shared secret.
#[derive(Clone)]
pub struct Issuer {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// HS256 key.
    pub secret: Vec<u8>,
}

/// Never prints the secret.
impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("issuer", &self.issuer).field("audience", &self.audience).finish_non_exhaustive()
    }
}

/// The file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    auth: AuthSection,
    collectors: CollectorsSection,
    hooks: Vec<HookSection>,
    limits: LimitsSection,
    retention: RetentionSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetentionSection {
    days: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    requests_per_second: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthSection {
    issuer: Option<String>,
    audience: Option<String>,
    hs256_secret: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CollectorsSection {
    directory: Option<PathBuf>,
    signing_keys: Vec<String>,
    config: BTreeMap<String, serde_json::Value>,
}

/// What is wrong with a configuration: every mistake, one a line.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", .0.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Flags {
    /// `--data`
    pub data: PathBuf,
    /// `--listen`
    pub listen: String,
    /// `--admin-listen`
    pub admin_listen: String,
    /// `--dev`
    pub dev: bool,
    /// `--config`
    pub config: Option<PathBuf>,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let file = flags.config.as_deref().map(read).transpose().unwrap_or_else(|mistake| {
            wrong.push(mistake);
            None
        });
        let file = file.unwrap_or_default();
        let listen = address("--listen", &flags.listen, &mut wrong);
        let admin_listen = address("--admin-listen", &flags.admin_listen, &mut wrong);
        if flags.dev {
            for (flag, address) in [("--listen", listen), ("--admin-listen", admin_listen)] {
                if address.is_some_and(|address| !address.ip().is_loopback()) {
                    wrong.push(format!(
                        "{flag}: with --dev only a loopback address, because anybody may read the dev key"
                    ));
                }
            }
        }
        let issuer = file.auth.issuer(&mut wrong);
        let hooks = hooks(file.hooks, &mut wrong);
        let given_rate = file.limits.rate(&mut wrong);
        file.retention.check(&mut wrong);
        // In development a load test is no attack.
        let requests_per_second = given_rate.or((!flags.dev).then_some(DEFAULT_PER_SECOND));
        let collector_keys = file.collectors.keys(&mut wrong);
        if issuer.is_none() && !flags.dev && wrong.is_empty() {
            wrong.push("[auth]: issuer and hs256_secret are needed without --dev, or nobody could sign in".into());
        }
        match (listen, admin_listen) {
            (Some(listen), Some(admin_listen)) if wrong.is_empty() => Ok(Self {
                data: flags.data,
                listen,
                admin_listen,
                dev: flags.dev,
                issuer,
                collectors: file.collectors.config,
                requests_per_second,
                hooks,
                collector_directory: file.collectors.directory,
                collector_keys,
            }),
            _ => Err(ConfigError(wrong)),
        }
    }
}

fn read(path: &Path) -> Result<File, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn address(flag: &str, text: &str, wrong: &mut Vec<String>) -> Option<SocketAddr> {
    let parsed = text.replace("localhost", "127.0.0.1").parse();
    parsed.map_err(|_| wrong.push(format!("{flag} {text:?}: an address and a port, like 127.0.0.1:8080"))).ok()
}

impl AuthSection {
    fn issuer(self, wrong: &mut Vec<String>) -> Option<Issuer> {
        let (issuer, secret) = match (self.issuer, self.hs256_secret) {
            (None, None) => return None,
            (Some(issuer), Some(secret)) => (issuer, secret),
            _ => {
                wrong.push("[auth]: issuer and hs256_secret belong together".into());
                return None;
            }
        };
        let secret = secret_of("auth.hs256_secret", &secret, wrong)?;
        if secret.len() < MIN_SECRET_BYTES {
            wrong.push(format!("auth.hs256_secret: at least {MIN_SECRET_BYTES} bytes"));
            return None;
        }
        Some(Issuer { issuer, audience: self.audience.unwrap_or_else(|| AUDIENCE.into()), secret })
    }
}

impl LimitsSection {
    fn rate(&self, wrong: &mut Vec<String>) -> Option<u32> {
        let rate = self.requests_per_second?;
        let rate = u32::try_from(rate).ok().filter(|rate| (1..=MAX_PER_SECOND).contains(rate));
        if rate.is_none() {
            wrong.push(format!("limits.requests_per_second: 1 to {MAX_PER_SECOND}"));
        }
        rate
    }
}

impl RetentionSection {
    /// It may be written down, not chosen: what is promised to readers holds for every server.
    fn check(&self, wrong: &mut Vec<String>) {
        if self.days.is_some_and(|days| days != RETENTION_DAYS) {
            wrong.push(format!("retention.days: {RETENTION_DAYS}, which is what the contract promises; nothing else"));
        }
    }
}

impl Config {
    /// The secrets that must not stand in any event. Short ones could be words, which events are full of.
    #[must_use]
    pub fn literals(&self) -> Vec<String> {
        let issuer = self.issuer.iter().map(|issuer| String::from_utf8_lossy(&issuer.secret).into_owned());
        let hooks = self.hooks.iter().flat_map(|hook| hook.secrets.iter().map(|secret| secret.written().to_owned()));
        issuer.chain(hooks).filter(|secret| secret.len() >= MIN_LITERAL_BYTES).collect()
    }
}

impl CollectorsSection {
    fn keys(&self, wrong: &mut Vec<String>) -> Vec<SigningKey> {
        if let Some(directory) = self.directory.as_ref().filter(|directory| !directory.is_dir()) {
            wrong.push(format!("collectors.directory: {} is not a folder that can be read", directory.display()));
        }
        if self.directory.is_none() && !self.signing_keys.is_empty() {
            wrong.push("collectors.signing_keys: of no use without collectors.directory".into());
        }
        let key = |(index, text): (usize, &String)| {
            SigningKey::parse(text).map_err(|rule| wrong.push(format!("collectors.signing_keys[{index}]: {rule}"))).ok()
        };
        self.signing_keys.iter().enumerate().filter_map(key).collect()
    }
}

/// A secret by reference: `env:NAME` or `file:PATH`, never the secret itself.
pub(crate) fn secret_of(key: &str, reference: &str, wrong: &mut Vec<String>) -> Option<Vec<u8>> {
    let secret = match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map(String::into_bytes).map_err(|_| format!("{name} is not set")),
        Some(("file", path)) => fs::read(path).map_err(|error| format!("{path}: {error}")),
        _ => Err("env:NAME or file:PATH, never the secret itself".to_owned()),
    };
    let secret = secret.map_err(|mistake| wrong.push(format!("{key}: {mistake}"))).ok()?;
    Some(secret.trim_ascii().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(dev: bool, listen: &str) -> Flags {
        Flags { data: "data".into(), listen: listen.into(), admin_listen: "127.0.0.1:0".into(), dev, config: None }
    }

    #[test]
    fn dev_listens_on_loopback_only() {
        assert!(Config::load(flags(true, "127.0.0.1:0")).is_ok());
        let error = Config::load(flags(true, "0.0.0.0:8080")).unwrap_err();
        assert!(error.0[0].starts_with("--listen: with --dev only a loopback"), "{error}");
    }

    #[test]
    fn every_mistake_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "[auth]\nissuer = \"me\"\n").unwrap();
        let flags = Flags { config: Some(path.clone()), ..flags(false, "nowhere") };
        assert_eq!(Config::load(flags.clone()).unwrap_err().0.len(), 2);
        fs::write(&path, "[auht]\n").unwrap();
        assert!(Config::load(flags).unwrap_err().to_string().contains("auht"));
    }

    #[test]
    fn the_retention_may_be_named_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let load = |text: &str| {
            fs::write(&path, text).unwrap();
            Config::load(Flags { config: Some(path.clone()), ..flags(true, "127.0.0.1:0") })
        };
        assert!(load("[retention]\ndays = 90\n").is_ok());
        let wrong = load("[retention]\ndays = 30\n").unwrap_err().0;
        assert!(wrong[0].starts_with("retention.days: 90"), "{wrong:?}");
    }

    #[test]
    fn a_plugin_directory_must_be_there_and_keys_must_be_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let load = |text: &str| {
            fs::write(&path, text).unwrap();
            Config::load(Flags { config: Some(path.clone()), ..flags(true, "127.0.0.1:0") })
        };
        let here = folder.path().display();
        assert!(load(&format!("[collectors]\ndirectory = \"{here}\"\n")).unwrap().collector_directory.is_some());
        let wrong = load("[collectors]\ndirectory = \"no/such/folder\"\nsigning_keys = [\"AAAA\"]\n").unwrap_err().0;
        assert!(wrong[0].starts_with("collectors.directory: no/such/folder is not a folder"), "{wrong:?}");
        assert!(wrong[1].starts_with("collectors.signing_keys[0]: the 32 bytes"), "{wrong:?}");
        let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let wrong = load(&format!("[collectors]\nsigning_keys = [\"{key}\"]\n")).unwrap_err().0;
        assert_eq!(wrong, ["collectors.signing_keys: of no use without collectors.directory"]);
    }

    #[test]
    fn secrets_are_given_by_reference() {
        let mut wrong = Vec::new();
        assert!(secret_of("k", "hunter2hunter2", &mut wrong).is_none());
        assert!(wrong[0].contains("never the secret itself"));
    }
}
