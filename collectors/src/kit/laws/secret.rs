//! The law about secrets: they are the guard's to remove, and a plugin must not hide them from it – by taking one apart, or by
//! moving what stood under a telling name to where no name tells.

use serde_json::Value;
use system_log_model::draft::{Outcome, Verdict};
use system_log_model::{Draft, Event, Guard, OrgId, Timestamp};

use super::super::Batch;
use super::{answers, show_payload};
use crate::bindings::system_log::collector::types as claimed;
use crate::cases::RECEIVED_AT;
use crate::convert;
use crate::plugin::Plugin;

/// Bytes of a secret in a row that may survive.
const RUN: usize = 8;
/// What only its name makes a secret: no rule knows it by its form.
pub(in super::super) const NAMED: &str = "willow-harbour-lantern";
/// The names it is put under, in every object.
pub(in super::super) const NAMES: [&str; 8] =
    ["access_token", "api_key", "authorization", "client_secret", "passwd", "password", "secret", "token"];
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn none_left(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    // Put together here, so that no scanner takes it for a real one.
    let known = ["gh", "p_"].concat() + "aZ3kQ9xV7bN1mL5sD8fG2hJ4wE6rT0yUiOpC";
    let guard = Guard::new();
    for Batch { call, inputs } in batches {
        let sprinkled: Vec<claimed::Input> = inputs.iter().filter_map(|input| with_secrets(input, &known)).collect();
        for (input, outcome) in sprinkled.iter().zip(answers(plugin, call, &sprinkled)?) {
            for said in guarded(&guard, convert::outcome(Ok(outcome), &plugin.kinds), &call.source)? {
                let runs = [known.as_str(), NAMED].into_iter().flat_map(|secret| secret.as_bytes().windows(RUN));
                if let Some(run) = runs.map(String::from_utf8_lossy).find(|run| said.contains(&**run)) {
                    return Err(format!("{run:?} of a secret survives: {} becomes {said}", show_payload(input)));
                }
            }
        }
    }
    Ok(())
}

/// The record with secrets in it; `None` when it is neither JSON nor a form.
fn with_secrets(input: &claimed::Input, known: &str) -> Option<claimed::Input> {
    let payload = match serde_json::from_slice::<Value>(&input.payload) {
        Ok(mut payload) => {
            sprinkle(&mut payload, known);
            payload.to_string().into_bytes()
        }
        Err(_) if input.content_type == FORM => {
            let fields: String = NAMES.iter().map(|name| format!("&{name}={NAMED}")).collect();
            [&input.payload, fields.as_bytes()].concat()
        }
        Err(_) => return None,
    };
    Some(claimed::Input { payload, ..input.clone() })
}

/// Puts a secret behind every sentence, and others into every object under names that tell what they are. Words without a
/// space may be names that the plugin looks for, and stay.
fn sprinkle(value: &mut Value, known: &str) {
    match value {
        Value::String(text) if text.contains(' ') => *text = format!("{text} {known}"),
        Value::Array(items) => items.iter_mut().for_each(|item| sprinkle(item, known)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| sprinkle(member, known));
            members.insert("note".into(), format!("the token is {known}").into());
            members.extend(NAMES.map(|name| (name.to_owned(), NAMED.into())));
        }
        _ => {}
    }
}

/// All that is kept of an outcome, or told to the sender: events, reasons, names of types.
fn guarded(guard: &Guard, outcome: Outcome, source: &str) -> Result<Vec<String>, String> {
    let verdicts = match outcome {
        Outcome::One(verdict) => vec![verdict],
        Outcome::Page(verdicts) => verdicts,
    };
    let mut said = Vec::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Emit(drafts) => {
                for draft in drafts {
                    let clean = guard.clean(event(draft, source)).into_event();
                    said.push(serde_json::to_string(&clean).map_err(|error| error.to_string())?);
                }
            }
            Verdict::Drop(_, text) | Verdict::Reject(_, text) | Verdict::Unknown(text) | Verdict::Failed(_, text) => {
                said.push(guard.text(&text).into_owned());
            }
        }
    }
    Ok(said)
}

fn event(draft: Draft, source: &str) -> Event {
    let now = Timestamp::from_micros(RECEIVED_AT);
    Event {
        org: OrgId::new("kit").expect("a well-formed id"),
        log: draft.kind.log,
        kind: draft.kind.name.clone(),
        category: draft.kind.category,
        severity: draft.severity,
        occurred_at: now,
        received_at: now,
        message: draft.message,
        actor: draft.actor,
        recipient: draft.recipient,
        subject: draft.subject,
        source: source.into(),
        pre_auth: false,
        change: draft.change,
        webhook: draft.webhook,
        ai: draft.ai,
        attributes: draft.attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_name_tells_that_it_is_a_secret() {
        let guard = Guard::new();
        assert_eq!(guard.text(NAMED), NAMED);
        for name in NAMES {
            let field = format!(r#"{{"{name}":"{NAMED}"}}"#);
            let clean = guard.payload(field.as_bytes(), "application/json");
            assert!(!String::from_utf8_lossy(&clean).contains(&NAMED[..RUN]), "{name}");
        }
    }
}
