//! From the plugin's outcome to ours. Each verdict is believed or replaced on its own: a page keeps its good items.

use system_log_model::draft::{Outcome, Verdict};
use system_log_model::{DeadLettered, Dropped, Rejected, limits, text};

use crate::bindings::system_log::collector::types as claimed;
use crate::event;
use crate::fault::Fault;
use crate::limits::{MAX_REASON_BYTES, MAX_TYPE_NAME_BYTES};
use crate::plugin::Kinds;

/// Reasons a plugin may drop for; that nobody is known by an address is the host's to say.
const DROPPED: [Dropped; 3] = [Dropped::MonitoringNoise, Dropped::NotLogged, Dropped::NoAttemptedEmail];
/// Reasons a plugin may reject for; all others are the host's.
const REJECTED: [Rejected; 2] = [Rejected::MalformedPayload, Rejected::MissingField];

/// What the host believes of one record's result.
pub(crate) fn outcome(settled: Result<claimed::Outcome, Fault>, kinds: &Kinds) -> Outcome {
    match settled {
        Err(fault) => Outcome::One(Verdict::Failed(fault.reason, reason(fault.message))),
        Ok(claimed::Outcome::One(one)) => match events(&one) {
            0..=limits::MAX_EVENTS_PER_RECORD => Outcome::One(verdict(one, kinds)),
            count => Outcome::One(too_many(count)),
        },
        Ok(claimed::Outcome::Page(items)) => {
            // An item that is no event costs a result all the same.
            let count = items.iter().map(|item| events(item).max(1)).sum();
            if count > limits::MAX_EVENTS_PER_RECORD {
                return Outcome::One(too_many(count));
            }
            Outcome::Page(items.into_iter().map(|item| verdict(item, kinds)).collect())
        }
    }
}

fn events(verdict: &claimed::Verdict) -> usize {
    if let claimed::Verdict::Emit(events) = verdict { events.len() } else { 0 }
}

/// Events are stored together or not at all, so the first bad one decides.
fn verdict(verdict: claimed::Verdict, kinds: &Kinds) -> Verdict {
    match verdict {
        claimed::Verdict::Emit(events) if events.is_empty() => bad("emit: no events".to_owned()),
        claimed::Verdict::Emit(events) => {
            let drafts = events.into_iter().map(|event| event::draft(event, kinds)).collect();
            match drafts {
                Ok(drafts) => Verdict::Emit(drafts),
                Err(instead) => instead,
            }
        }
        claimed::Verdict::Drop((code, message)) => match DROPPED.into_iter().find(|known| known.name() == code) {
            Some(code) => Verdict::Drop(code, reason(message)),
            None => unknown_code("drop", &code),
        },
        claimed::Verdict::Reject(claimed::Rejection { code, message }) => {
            match REJECTED.into_iter().find(|known| known.name() == code) {
                Some(code) => Verdict::Reject(code, reason(message)),
                None => unknown_code("reject", &code),
            }
        }
        claimed::Verdict::Unknown(name) => Verdict::Unknown(text::tidy(name, MAX_TYPE_NAME_BYTES)),
    }
}

fn unknown_code(verdict: &str, code: &str) -> Verdict {
    bad(format!("{verdict}: {:?} is no reason of the contract", text::cut(code, MAX_TYPE_NAME_BYTES)))
}

fn too_many(count: usize) -> Verdict {
    bad(format!("{count} events of one record, at most {}", limits::MAX_EVENTS_PER_RECORD))
}

fn bad(message: String) -> Verdict {
    Verdict::Failed(DeadLettered::CollectorBadOutput, message)
}

fn reason(message: String) -> String {
    text::tidy(message, MAX_REASON_BYTES)
}

#[cfg(test)]
mod tests;
