//! What a plugin says about itself: read without running any of its code, strictly, with all mistakes at once.
//!
//! ```toml
//! name = "mailgun"
//! version = "1.0.0"
//! contract = "1"
//! description = "Delivery events of Mailgun."
//! sources = ["mailgun"]
//! content_types = ["application/json"]
//!
//! [[kinds]]               # a built-in kind needs no more than its key
//! log = "email"
//! name = "email_bounced"
//!
//! [[kinds]]               # a kind of its own also says what it means
//! log = "system"
//! name = "badge_printed"
//! category = "process"    # in the system log, and only there
//! severity = "info"
//! description = "A badge was printed."
//!
//! [limits]                # optional; may only lower what the host allows
//! memory_mib = 16
//! output_mib = 4
//! call_ms = 200
//! records = 64
//! ```

use std::sync::Arc;
use std::time::Duration;

use system_log_model::kind::{KindError, SYSTEM_LOG_VIEWED};
use system_log_model::{Catalogue, Category, Kind, Log, Severity};
use toml::{Table, Value};

use crate::limits::{CallLimits, MAX_CALL_RECORDS};

/// The custom section that holds it.
pub const SECTION: &str = "system-log:manifest";
/// Version of the contract this host implements.
pub const CONTRACT: &str = "1";

/// The source of the service's own events; no plugin may speak under it.
const RESERVED_SOURCE: &str = "system-log";
/// Names of plugins and sources: short enough for every log line and URL.
const MAX_NAME_BYTES: usize = 64;
/// A version: semantic ones with a long pre-release fit.
const MAX_VERSION_BYTES: usize = 64;
/// A description: a sentence or two.
const MAX_DESCRIPTION_BYTES: usize = 1_024;
const MIB: usize = 1024 * 1024;

/// A manifest without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Names of sources it accepts records under; at least one.
    pub sources: Vec<String>,
    /// Media types it reads; at least one.
    pub content_types: Vec<String>,
    /// Kinds it may emit, complete: built-in ones as the catalogue has them. At least one.
    pub kinds: Vec<Kind>,
    /// Limits it sets itself.
    pub limits: ManifestLimits,
}

/// Limits that a plugin sets itself, below the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManifestLimits {
    /// Linear memory, in bytes.
    pub memory_bytes: Option<usize>,
    /// What a call hands back, in bytes.
    pub output_bytes: Option<usize>,
    /// Time for a call.
    pub call: Option<Duration>,
    /// Records of a call.
    pub records: Option<usize>,
}

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", mistakes.join("; "))]
pub struct ManifestError {
    /// One sentence each.
    pub mistakes: Vec<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// All mistakes, each naming the key and the rule.
    pub fn parse(toml: &[u8]) -> Result<Self, ManifestError> {
        let fatal = |mistake: String| ManifestError { mistakes: vec![mistake] };
        let text = std::str::from_utf8(toml).map_err(|_| fatal("the manifest is not UTF-8".to_owned()))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| fatal(error.message().to_owned()))?;
        let mut reader = Reader { table, path: String::new(), mistakes: Vec::new() };
        let contract = reader.text("contract", MAX_VERSION_BYTES);
        if !contract.is_empty() && contract != CONTRACT {
            reader.wrong("contract", &format!("{contract:?}, but this host speaks {CONTRACT:?}"));
        }
        let manifest = Self {
            name: reader.name("name"),
            version: reader.text("version", MAX_VERSION_BYTES),
            description: reader.text("description", MAX_DESCRIPTION_BYTES),
            sources: reader.list(
                "sources",
                is_source,
                "a name of lower-case letters, digits, '-' and '_' that is not ours",
            ),
            content_types: reader.list("content_types", is_media_type, "a media type in lower case without parameters"),
            kinds: kinds(&mut reader),
            limits: limits(&mut reader),
        };
        reader.finish();
        if reader.mistakes.is_empty() { Ok(manifest) } else { Err(ManifestError { mistakes: reader.mistakes }) }
    }

    /// The host's limits, lowered as the manifest wishes.
    ///
    /// # Errors
    /// Each wish that would raise one.
    pub(crate) fn lower(&self, host: CallLimits) -> Result<CallLimits, ManifestError> {
        let mut limits = host;
        let mut mistakes = Vec::new();
        // `unit` is the key's own: a mistake is told as the author wrote it.
        let mut lower = |key: &str, unit: usize, wish: Option<usize>, host: usize| {
            if wish.is_some_and(|wish| wish > host) {
                let host = host / unit;
                mistakes.push(format!("limits.{key}: may only lower what the host allows, which is {host}"));
            }
            wish.unwrap_or(host)
        };
        limits.memory_bytes = lower("memory_mib", MIB, self.limits.memory_bytes, host.memory_bytes);
        limits.output_bytes = lower("output_mib", MIB, self.limits.output_bytes, host.output_bytes);
        let millis = |time: Duration| usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
        let call = lower("call_ms", 1, self.limits.call.map(millis), millis(host.call_cap));
        lower("records", 1, self.limits.records, MAX_CALL_RECORDS);
        limits.call_cap = Duration::from_millis(u64::try_from(call).unwrap_or(u64::MAX));
        if mistakes.is_empty() { Ok(limits) } else { Err(ManifestError { mistakes }) }
    }
}

fn kinds(manifest: &mut Reader) -> Vec<Kind> {
    let built_in = Catalogue::built_in();
    let mut all: Vec<Kind> = Vec::new();
    for mut reader in manifest.tables("kinds") {
        if let Some(kind) = kind(&mut reader, &built_in) {
            if all.iter().any(|known| known.log == kind.log && known.name == kind.name) {
                reader.wrong("name", &format!("{:?} is declared twice in the log {}", kind.name, kind.log));
            }
            all.push(kind);
        }
        reader.finish();
        manifest.mistakes.append(&mut reader.mistakes);
    }
    all
}

fn kind(reader: &mut Reader, built_in: &Catalogue) -> Option<Kind> {
    let log = reader.word("log", Log::from_name, Log::ALL);
    let name = reader.text("name", MAX_NAME_BYTES);
    let (Some(log), false) = (log, name.is_empty()) else {
        // Whether the rest is required depends on these two: say nothing that may not be true.
        for key in ["category", "severity", "description"] {
            reader.table.remove(key);
        }
        return None;
    };
    let known = built_in.get(log, &name);
    let category = match reader.has("category") {
        true => reader.word("category", Category::from_name, Category::ALL),
        false => known.and_then(|kind| kind.category),
    };
    let severity = match (known, reader.has("severity")) {
        (Some(kind), false) => Some(kind.severity),
        _ => reader.word("severity", Severity::from_name, Severity::ALL),
    };
    let description = match (known, reader.has("description")) {
        (Some(kind), false) => kind.description.clone(),
        _ => reader.text("description", MAX_DESCRIPTION_BYTES).into(),
    };
    if name == SYSTEM_LOG_VIEWED {
        reader.wrong("name", &format!("{name:?} is written by the service alone"));
        return None;
    }
    let name: Arc<str> = name.into();
    let pre_auth = known.is_some_and(|kind| kind.pre_auth);
    if !reader.mistakes.is_empty() {
        return None;
    }
    let kind = Kind { log, name, category, severity: severity?, description, pre_auth };
    // The catalogue itself knows the rules for names and categories.
    match built_in.clone().declare(kind) {
        Ok(declared) => Some(Kind::clone(&declared)),
        Err(error) => {
            let key = if matches!(error, KindError::Category(_)) { "category" } else { "name" };
            reader.wrong(key, &error.to_string());
            None
        }
    }
}

fn limits(manifest: &mut Reader) -> ManifestLimits {
    let Some(value) = manifest.table.remove("limits") else { return ManifestLimits::default() };
    let Value::Table(table) = value else {
        manifest.wrong("limits", "a table");
        return ManifestLimits::default();
    };
    let mut reader = Reader { table, path: "limits.".to_owned(), mistakes: Vec::new() };
    let limits = ManifestLimits {
        memory_bytes: reader.number("memory_mib").map(|mib| mib.saturating_mul(MIB)),
        output_bytes: reader.number("output_mib").map(|mib| mib.saturating_mul(MIB)),
        call: reader.number("call_ms").map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))),
        records: reader.number("records"),
    };
    reader.finish();
    manifest.mistakes.append(&mut reader.mistakes);
    limits
}

fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    text.len() <= MAX_NAME_BYTES && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(good)
}

fn is_source(text: &str) -> bool {
    is_name(text) && text != RESERVED_SOURCE
}

fn is_media_type(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"/.+-_".contains(&b);
    let halves = text.split_once('/').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty());
    halves && text.matches('/').count() == 1 && text.bytes().all(good)
}

/// Takes keys out of a table one by one; what is left at the end is unknown.
struct Reader {
    table: Table,
    path: String,
    mistakes: Vec<String>,
}

impl Reader {
    fn wrong(&mut self, key: &str, rule: &str) {
        self.mistakes.push(format!("{}{key}: {rule}", self.path));
    }

    fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A required text; empty after a mistake.
    fn text(&mut self, key: &str, max: usize) -> String {
        match self.table.remove(key) {
            Some(Value::String(text)) if (1..=max).contains(&text.len()) && !text.chars().any(char::is_control) => text,
            Some(_) => {
                self.wrong(key, &format!("a text of 1 to {max} bytes without control characters"));
                String::new()
            }
            None => {
                self.wrong(key, "required");
                String::new()
            }
        }
    }

    fn name(&mut self, key: &str) -> String {
        let name = self.text(key, MAX_NAME_BYTES);
        if !name.is_empty() && !is_name(&name) {
            self.wrong(key, "lower-case letters, digits, '-' and '_', beginning with a letter");
        }
        name
    }

    fn word<T: Copy + std::fmt::Display>(&mut self, key: &str, read: fn(&str) -> Option<T>, all: &[T]) -> Option<T> {
        let word = self.text(key, MAX_NAME_BYTES);
        let read = read(&word);
        if read.is_none() && !word.is_empty() {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            self.wrong(key, &format!("one of {}", words.join(", ")));
        }
        read
    }

    /// A required list of distinct texts, each by the rule.
    fn list(&mut self, key: &str, good: fn(&str) -> bool, rule: &str) -> Vec<String> {
        let Some(Value::Array(items)) = self.table.remove(key) else {
            self.wrong(key, "required, a list of texts");
            return Vec::new();
        };
        if items.is_empty() {
            self.wrong(key, "at least one");
        }
        let mut list: Vec<String> = Vec::new();
        for item in items {
            match item {
                Value::String(text) if list.contains(&text) => self.wrong(key, &format!("{text:?} stands there twice")),
                Value::String(text) if good(&text) => list.push(text),
                other => self.wrong(key, &format!("{other} is not {rule}")),
            }
        }
        list
    }

    /// A required list of tables, each with a reader of its own.
    fn tables(&mut self, key: &str) -> Vec<Self> {
        let items = match self.table.remove(key) {
            Some(Value::Array(items)) if !items.is_empty() => items,
            _ => {
                self.wrong(key, "required, at least one table");
                return Vec::new();
            }
        };
        let mut readers = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Table(table) => {
                    readers.push(Self { table, path: format!("{key}[{index}]."), mistakes: Vec::new() });
                }
                _ => self.wrong(key, "a list of tables"),
            }
        }
        readers
    }

    /// An optional positive number.
    fn number(&mut self, key: &str) -> Option<usize> {
        let value = self.table.remove(key)?;
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
        if number.is_none() {
            self.wrong(key, "a whole number above 0");
        }
        number
    }

    fn finish(&mut self) {
        let left: Vec<String> = self.table.keys().cloned().collect();
        for key in left {
            self.wrong(&key, "unknown key");
        }
    }
}

#[cfg(test)]
mod tests;
