//! A plugin's own cases, packed into it by the build: payload in, outcome out. A plugin of the directory must do what they say
//! before it may serve.

// The SDK's own file: one rule, and the two workspaces share no crate.
#[path = "../../plugins/sdk/src/cases/render.rs"]
mod render;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use system_log_model::draft::{Outcome, Verdict};
use system_log_model::{Rejected, text};

use crate::admission::AdmissionError;
use crate::bindings::system_log::collector::types as claimed;
use crate::convert;
use crate::fault::Failure;
use crate::plugin::Plugin;

/// The custom section that holds them: a JSON array.
pub(crate) const SECTION: &str = "system-log:cases";
/// When every case is received, as in the SDK: 2026-11-22T10:00:00Z.
pub(crate) const RECEIVED_AT: i64 = 1_795_341_600_000_000;
/// Cases of a plugin, at most: they are run whenever it is loaded.
const MAX_CASES: usize = 2_000;
/// Of an outcome that differs, in a message.
const MAX_SHOWN_BYTES: usize = 2_048;
/// A difference is shown whole when it is no longer than this.
const MAX_LINE_BYTES: usize = 200;
/// Places of a longer one that are shown.
const MAX_PLACES: usize = 5;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The name the record comes in under; the manifest's first source unless given.
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) content_type: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// The operator's configuration.
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    /// In base64.
    payload: String,
    /// What must come out.
    pub(crate) outcome: Value,
}

/// Reads the section.
pub(crate) fn parse(section: &[u8]) -> Result<Vec<Case>, AdmissionError> {
    let wrong = |why: String| AdmissionError::Cases(why);
    let cases: Vec<Case> = serde_json::from_slice(section).map_err(|error| wrong(error.to_string()))?;
    if cases.len() > MAX_CASES {
        return Err(wrong(format!("{} cases, at most {MAX_CASES}", cases.len())));
    }
    match cases.iter().find(|case| STANDARD.decode(&case.payload).is_err()) {
        Some(case) => Err(wrong(format!("the payload of {:?} is not base64", case.name))),
        None => Ok(cases),
    }
}

impl Case {
    /// The payload itself.
    pub(crate) fn payload(&self) -> Vec<u8> {
        // `parse` has looked.
        STANDARD.decode(&self.payload).unwrap_or_default()
    }

    pub(crate) fn call(&self, plugin: &Plugin) -> claimed::Call {
        let source = if self.source.is_empty() { plugin.info.sources.first() } else { Some(&self.source) };
        let config = Value::Object(self.config.clone()).to_string();
        claimed::Call { source: source.cloned().unwrap_or_default(), config, received_at: RECEIVED_AT }
    }

    pub(crate) fn input(&self) -> claimed::Input {
        let header = |(name, value): &(String, String)| claimed::Header { name: name.clone(), value: value.clone() };
        claimed::Input {
            payload: self.payload(),
            content_type: self.content_type.clone(),
            headers: self.headers.iter().map(header).collect(),
        }
    }

    /// Whether that is what must come out, to the plugin's letter and by the host's rules.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn judge(&self, plugin: &Plugin, result: Result<Vec<claimed::Outcome>, Failure>) -> Result<(), String> {
        let mut outcomes = result.map_err(|failure| failure.to_string())?;
        let outcome = match (outcomes.pop(), outcomes.len()) {
            (Some(outcome), 0) => outcome,
            (None, _) => return Err("0 outcomes for 1 record".to_owned()),
            (Some(_), more) => return Err(format!("{} outcomes for 1 record", more + 1)),
        };
        let said = render(&outcome);
        if said != self.outcome {
            return Err(format!("it says {}", difference(&said, &self.outcome)));
        }
        match broken_rule(&convert::outcome(Ok(outcome), &plugin.kinds)) {
            Some(rule) => Err(rule),
            None => Ok(()),
        }
    }
}

/// Where two outcomes differ: the first few places when they are long, so that nobody has to look for them.
fn difference(said: &Value, wanted: &Value) -> String {
    let show = |value: &Value| text::tidy(value.to_string(), MAX_SHOWN_BYTES);
    let whole = format!("{}, not {}", show(said), show(wanted));
    let mut places = Vec::new();
    if whole.len() > MAX_LINE_BYTES {
        places_of(String::new(), said, wanted, &mut places);
    }
    if places.is_empty() { whole } else { places.join("; ") }
}

fn places_of(path: String, said: &Value, wanted: &Value, places: &mut Vec<String>) {
    if said == wanted || places.len() >= MAX_PLACES {
        return;
    }
    match (said, wanted) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let of = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
            for name in names {
                let dot = if path.is_empty() { "" } else { "." };
                places_of(format!("{path}{dot}{name}"), &of(ours, name), &of(theirs, name), places);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                places_of(format!("{path}[{at}]"), ours, theirs, places);
            }
        }
        _ => {
            let show = |value: &Value| text::tidy(value.to_string(), MAX_SHOWN_BYTES);
            places.push(format!("{path}: {}, not {}", show(said), show(wanted)));
        }
    }
}

/// Runs all of them.
///
/// # Errors
/// The first that fails.
pub(crate) fn run(plugin: &Plugin, cases: &[Case]) -> Result<(), AdmissionError> {
    for case in cases {
        let result = plugin.sandbox.call(&case.call(plugin), &[case.input()], plugin.sandbox.limits.retry_factor);
        case.judge(plugin, result).map_err(|why| AdmissionError::Case { case: case.name.clone(), why })?;
    }
    Ok(())
}

/// The rule of the host that an outcome breaks.
pub(crate) fn broken_rule(outcome: &Outcome) -> Option<String> {
    let broken = |verdict: &Verdict| match verdict {
        Verdict::Failed(reason, message) => Some(format!("{}: {message}", reason.name())),
        Verdict::Reject(code @ Rejected::KindNotDeclared, message) => Some(format!("{}: {message}", code.name())),
        _ => None,
    };
    match outcome {
        Outcome::One(verdict) => broken(verdict),
        Outcome::Page(verdicts) => verdicts.iter().find_map(broken),
    }
}

/// An outcome as the case files have it: absent fields left out.
pub(crate) fn render(outcome: &claimed::Outcome) -> Value {
    match outcome {
        claimed::Outcome::One(one) => verdict(one),
        claimed::Outcome::Page(items) => json!({"page": items.iter().map(verdict).collect::<Vec<_>>()}),
    }
}

fn verdict(verdict: &claimed::Verdict) -> Value {
    match verdict {
        claimed::Verdict::Emit(events) => json!({"emit": events.iter().map(event).collect::<Vec<_>>()}),
        claimed::Verdict::Drop((reason, message)) => json!({"drop": reason, "message": message}),
        claimed::Verdict::Reject(claimed::Rejection { code, message }) => json!({"reject": code, "message": message}),
        claimed::Verdict::Unknown(name) => json!({"unknown": name}),
    }
}

render::render_events!(claimed::Event, claimed::AiUsage, org_hint, |event| {
    serde_json::from_str(&event.attributes).unwrap_or_else(|_| event.attributes.clone().into())
});

fn org_hint(hint: &claimed::OrgHint) -> Value {
    match hint {
        claimed::OrgHint::Org(org) => json!({"org": org}),
        claimed::OrgHint::Binding((kind, value)) => json!({"binding": [kind, value]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_difference_is_told_by_its_places() {
        let event = |kind: &str, severity: Value| json!({"emit": [{"kind": kind, "severity": severity, "message": "x".repeat(300)}]});
        assert_eq!(
            difference(&event("door_repoted", json!("error")), &event("door_reported", Value::Null)),
            r#"emit[0].kind: "door_repoted", not "door_reported"; emit[0].severity: "error", not null"#
        );
        assert_eq!(
            difference(&json!({"unknown": "a"}), &json!({"unknown": "b"})),
            r#"{"unknown":"a"}, not {"unknown":"b"}"#
        );
        let other = difference(&event("a", Value::Null), &json!({"unknown": "x".repeat(300)}));
        assert!(other.starts_with("emit: [{") && other.contains("; unknown: null, not \"xxx"), "{other}");
    }

    #[test]
    fn a_section_is_read_strictly() {
        let case =
            json!({"name": "a", "content_type": "application/json", "payload": "e30=", "outcome": {"unknown": "x"}});
        let cases = parse(json!([case]).to_string().as_bytes()).unwrap();
        assert_eq!((cases[0].payload(), &cases[0].outcome), (b"{}".to_vec(), &json!({"unknown": "x"})));
        let mut more = case.clone();
        more["surprise"] = json!(1);
        let mut binary = case.clone();
        binary["payload"] = json!("***");
        for bad in [json!({}), json!([more]), json!([binary]), json!([1]), json!(vec![case; MAX_CASES + 1])] {
            assert!(matches!(parse(bad.to_string().as_bytes()), Err(AdmissionError::Cases(_))));
        }
    }
}
