//! Laws that every plugin must obey, tried on its own cases and on garbage. The host relies on each of them.

mod secret;

use serde_json::Value;
use system_log_model::text;

use super::Batch;
use crate::bindings::system_log::collector::types as claimed;
use crate::cases::{RECEIVED_AT, broken_rule, render};
use crate::convert;
use crate::limits::MAX_CALL_BYTES;
use crate::plugin::Plugin;

#[cfg(test)]
pub(super) use secret::{NAMED, NAMES};

/// A law, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawReport {
    /// What it says.
    pub law: &'static str,
    /// How it was broken; `None` when it holds.
    pub broken: Option<String>,
}

/// How often a payload is cut and altered.
const CUTS: usize = 20;

type Law = fn(&Plugin, &[Batch]) -> Result<(), String>;

const LAWS: [(&str, Law); 7] = [
    ("the same call gives the same answer", deterministic),
    ("a batch gives what its records give one by one, in order", split_invariant),
    ("a record twice in one call gives the same twice", no_memory),
    ("no record at all is an answer without outcomes", nothing_in_nothing_out),
    ("only declared kinds and words of the contract", declared),
    ("no secret of a payload is left in what it says", secret::none_left),
    ("garbage is refused and never trapped on", garbage),
];

pub(super) fn all(plugin: &Plugin, batches: &[Batch]) -> Vec<LawReport> {
    LAWS.iter().map(|(law, try_it)| LawReport { law, broken: try_it(plugin, batches).err() }).collect()
}

/// Outcomes as JSON, in calls that a service would make too.
fn ask(plugin: &Plugin, call: &claimed::Call, inputs: &[claimed::Input]) -> Result<Vec<Value>, String> {
    Ok(answers(plugin, call, inputs)?.iter().map(render).collect())
}

fn answers(plugin: &Plugin, call: &claimed::Call, inputs: &[claimed::Input]) -> Result<Vec<claimed::Outcome>, String> {
    let mut all = Vec::with_capacity(inputs.len());
    let mut rest = inputs;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |input: &&claimed::Input| {
            bytes += input.payload.len();
            bytes <= MAX_CALL_BYTES
        };
        let count = rest.iter().take(plugin.call_records).take_while(fits).count().max(1);
        let (part, later) = rest.split_at(count);
        let told = plugin.sandbox.call(call, part, 1).map_err(|failure| failure.to_string())?;
        if told.len() != part.len() {
            return Err(format!("{} outcomes for {} records", told.len(), part.len()));
        }
        all.extend(told);
        rest = later;
    }
    Ok(all)
}

fn deterministic(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    for Batch { call, inputs } in batches {
        same("the second time", inputs, &ask(plugin, call, inputs)?, &ask(plugin, call, inputs)?)?;
    }
    Ok(())
}

fn split_invariant(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    for Batch { call, inputs } in batches {
        let whole = ask(plugin, call, inputs)?;
        let mut alone = Vec::new();
        for input in inputs {
            alone.extend(ask(plugin, call, std::slice::from_ref(input))?);
        }
        same("alone", inputs, &whole, &alone)?;
        let (left, right) = inputs.split_at(inputs.len() / 3);
        same("in two parts", inputs, &whole, &[ask(plugin, call, left)?, ask(plugin, call, right)?].concat())?;
        let backwards: Vec<claimed::Input> = inputs.iter().rev().cloned().collect();
        let mut told = ask(plugin, call, &backwards)?;
        told.reverse();
        same("in another order", inputs, &whole, &told)?;
    }
    Ok(())
}

/// A plugin that remembers what it has seen answers well to each record once, in any order, and otherwise to its repetition:
/// two senders may well say the same in one request.
fn no_memory(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    for Batch { call, inputs } in batches {
        let twice: Vec<claimed::Input> = inputs.iter().flat_map(|input| [input.clone(), input.clone()]).collect();
        let expected: Vec<Value> = ask(plugin, call, inputs)?.into_iter().flat_map(|one| [one.clone(), one]).collect();
        same("twice in one call", &twice, &expected, &ask(plugin, call, &twice)?)?;
    }
    Ok(())
}

fn same(when: &str, inputs: &[claimed::Input], first: &[Value], second: &[Value]) -> Result<(), String> {
    match first.iter().zip(second).position(|(first, second)| first != second) {
        None if first.len() == second.len() => Ok(()),
        None => Err(format!("{when}: {} outcomes, not {}", second.len(), first.len())),
        Some(at) => {
            let show = |value: &Value| text::tidy(value.to_string(), 1_024);
            let payload = show_payload(&inputs[at]);
            Err(format!("{payload} {when} is {}, not {}", show(&second[at]), show(&first[at])))
        }
    }
}

fn nothing_in_nothing_out(plugin: &Plugin, _: &[Batch]) -> Result<(), String> {
    let told = plugin.sandbox.call(&empty_call(plugin), &[], 1).map_err(|failure| failure.to_string())?;
    if told.is_empty() { Ok(()) } else { Err(format!("{} outcomes", told.len())) }
}

fn declared(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    for Batch { call, inputs } in batches {
        for (input, outcome) in inputs.iter().zip(answers(plugin, call, inputs)?) {
            if let Some(rule) = broken_rule(&convert::outcome(Ok(outcome), &plugin.kinds)) {
                return Err(format!("{}: {rule}", show_payload(input)));
            }
        }
    }
    Ok(())
}

fn garbage(plugin: &Plugin, batches: &[Batch]) -> Result<(), String> {
    let call = empty_call(plugin);
    let pure =
        [Vec::new(), vec![0xff; 64], b"[".repeat(100_000), b"\0\0\0\0".to_vec(), b"null".to_vec(), b"{}".to_vec()];
    for content_type in &plugin.info.content_types {
        let input = |payload: Vec<u8>| claimed::Input { payload, content_type: content_type.clone(), headers: vec![] };
        let inputs: Vec<claimed::Input> = pure.iter().cloned().map(input).collect();
        for (input, outcome) in inputs.iter().zip(each(plugin, &call, &inputs)?) {
            if matches!(outcome, claimed::Outcome::One(claimed::Verdict::Emit(_))) {
                return Err(format!("{} as {content_type} becomes an event", show_payload(input)));
            }
        }
    }
    for Batch { call, inputs } in batches {
        for input in inputs {
            let (whole, step) = (&input.payload, 1 + input.payload.len() / CUTS);
            let cut = (0..whole.len()).step_by(step).map(|end| whole[..end].to_vec());
            let altered = (0..whole.len()).step_by(step).map(|at| {
                let mut copy = whole.clone();
                copy[at] ^= 0x15;
                copy
            });
            let damaged = |payload| claimed::Input { payload, ..input.clone() };
            each(plugin, call, &cut.chain(altered).map(damaged).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// Answers to all of them; when that fails, the one that is to blame.
fn each(plugin: &Plugin, call: &claimed::Call, inputs: &[claimed::Input]) -> Result<Vec<claimed::Outcome>, String> {
    answers(plugin, call, inputs).map_err(|whole| {
        let fails = |input: &claimed::Input| {
            let told = answers(plugin, call, std::slice::from_ref(input));
            told.err().map(|why| format!("{}: {why}", show_payload(input)))
        };
        inputs.iter().find_map(fails).unwrap_or(whole)
    })
}

fn empty_call(plugin: &Plugin) -> claimed::Call {
    let source = plugin.info.sources.first().cloned().unwrap_or_default();
    claimed::Call { source, config: "{}".to_owned(), received_at: RECEIVED_AT }
}

fn show_payload(input: &claimed::Input) -> String {
    let text = String::from_utf8_lossy(&input.payload[..input.payload.len().min(200)]).into_owned();
    format!("the payload {text:?}")
}
