//! Auth0 tenant logs, as an example of a collector for somebody else's product. `README.md` walks through it.
//!
//! This file finds the log entries in a payload; [`entry`] says what an entry means; [`roles`] reads paths of the
//! Management API.

mod entry;
mod roles;

use serde_json::Value;
use system_log_plugin::{Call, Json, Outcome, Record, Verdict, export_collector, test_cases};

/// One payload: an entry, or a batch of them in any of the formats a log stream can be set to.
#[must_use]
pub fn collect(_: &Call, record: &Record) -> Outcome {
    let json = match record.json() {
        Ok(json) => json,
        Err(reject) => return lines(&record.payload).unwrap_or(Outcome::One(reject)),
    };
    match (json.value(), json.at("logs")) {
        (Value::Array(entries), _) | (_, Value::Array(entries)) => page(entries.iter().map(|entry| {
            let entry = Json::over(entry);
            entry::read(&entry)
        })),
        _ => Outcome::One(entry::read(&json)),
    }
}

/// JSON Lines: a broken line costs its own entry only. `None` when it is one line, or when no line is JSON.
fn lines(payload: &[u8]) -> Option<Outcome> {
    let lines = payload.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let entries: Vec<Result<Json, Verdict>> = lines.map(Json::parse).collect();
    if entries.len() < 2 || entries.iter().all(Result::is_err) {
        return None;
    }
    Some(page(entries.into_iter().map(|entry| entry.map_or_else(|reject| reject, |entry| entry::read(&entry)))))
}

fn page(verdicts: impl Iterator<Item = Verdict>) -> Outcome {
    let verdicts: Vec<Verdict> = verdicts.collect();
    if verdicts.is_empty() {
        return Outcome::One(Verdict::not_logged("a batch without entries"));
    }
    Outcome::Page(verdicts)
}

export_collector!(collect);
test_cases!(collect, "auth0");
