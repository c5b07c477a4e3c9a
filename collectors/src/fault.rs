//! How a call fails, told apart so that an operator knows whom to ask. It must not hold anything of a payload.

use std::time::Duration;

use system_log_model::DeadLettered;
use wasmtime::{PoolConcurrencyLimitError, Trap};

/// Where a call failed. A failure before the first record was read says nothing about any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While instantiating, start function included.
    Start,
    /// In the call itself, or while its answer was read.
    Call,
}

/// A call that failed through the plugin's fault, as far as one can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What to call it.
    pub(crate) reason: DeadLettered,
    /// A sentence for the developer.
    pub(crate) message: String,
    /// Where.
    pub(crate) stage: Stage,
}

impl Fault {
    /// The answer is against the contract.
    pub(crate) fn bad_output(message: impl Into<String>) -> Self {
        Self { reason: DeadLettered::CollectorBadOutput, message: message.into(), stage: Stage::Call }
    }

    /// The host itself failed while it served the plugin. Nobody's payload may cost us a thread.
    pub(crate) fn host_panicked() -> Self {
        let message = "the host failed while running the collector".to_owned();
        Self { reason: DeadLettered::CollectorTrapped, message, stage: Stage::Call }
    }

    /// Not tried: the request has lost too much time already.
    pub(crate) fn out_of_patience() -> Self {
        let message = "not tried: the collector failed too long on other records of this request".to_owned();
        Self { reason: DeadLettered::CollectorQuarantined, message, stage: Stage::Call }
    }

    /// Not tried: the collector is switched off for a while.
    pub(crate) fn quarantined(why: &str) -> Self {
        Self { reason: DeadLettered::CollectorQuarantined, message: format!("not tried: {why}"), stage: Stage::Call }
    }

    /// Sorts out what wasmtime says. `growth_refused` is what our own limiter saw: the one sure sign of memory.
    pub(crate) fn of(error: &wasmtime::Error, stage: Stage, growth_refused: Option<String>, budget: Duration) -> Self {
        let (reason, message) = match (growth_refused, error.downcast_ref::<Trap>()) {
            (Some(what), _) => (DeadLettered::CollectorOutOfMemory, what),
            (None, Some(Trap::Interrupt)) => {
                let message = format!("cut after {} ms", budget.as_millis());
                (DeadLettered::CollectorTimeout, message)
            }
            (None, Some(trap)) if is_lifting(*trap) => (DeadLettered::CollectorBadOutput, trap.to_string()),
            (None, Some(trap)) => (DeadLettered::CollectorTrapped, trap.to_string()),
            // Everything that is no trap happens while the answer is read: bad UTF-8, pointers into nowhere, too much.
            (None, None) if stage == Stage::Call => (DeadLettered::CollectorBadOutput, error.root_cause().to_string()),
            (None, None) => (DeadLettered::CollectorTrapped, error.root_cause().to_string()),
        };
        Self { reason, message, stage }
    }
}

/// Traps of the canonical ABI: the code ran through, but its answer cannot be read.
const fn is_lifting(trap: Trap) -> bool {
    matches!(
        trap,
        Trap::InvalidChar
            | Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer
    )
}

/// Why a call has no result: the plugin's fault, or nobody's.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The plugin's.
    Plugin(Fault),
    /// No slot of the pool was free: the request is refused as a whole.
    NoSlot,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin(fault) => write!(f, "{}: {}", fault.reason.name(), fault.message),
            Self::NoSlot => f.write_str("no room in the instance pool"),
        }
    }
}

impl Failure {
    pub(crate) fn of(error: &wasmtime::Error, stage: Stage, growth: Option<String>, budget: Duration) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoSlot;
        }
        Self::Plugin(Fault::of(error, stage, growth, budget))
    }
}
