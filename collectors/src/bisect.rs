//! Blame: a batch that fails is halved, each half in a fresh store, until exactly the guilty records are left.
//!
//! Right because the contract makes plugins pure: a batch gives what its records give one by one. It knows nothing of
//! WebAssembly; a call is a function here.

use std::time::{Duration, Instant};

use system_log_model::DeadLettered;

use crate::fault::{Failure, Fault, Stage};
use crate::host::CollectError;

/// What one request may cost: how often a lone record is believed to have been unlucky, and when we stop trying.
pub(crate) struct Patience {
    /// Time left for failing calls.
    pub(crate) left: Duration,
    /// Factor of the one retry.
    pub(crate) retry_factor: u32,
}

/// Runs a slice with a multiple of its usual time.
type Call<'a, I, O> = dyn FnMut(&[I], u32) -> Result<Vec<O>, Failure> + 'a;

/// Settles a batch: one result for each input, in order. `cancelled` is asked before each call.
///
/// # Errors
/// [`CollectError::Stopped`] when cancelled, [`CollectError::Overloaded`] when there was no room to run anything.
pub(crate) fn settle<I, O>(
    inputs: &[I],
    patience: &mut Patience,
    cancelled: &dyn Fn() -> bool,
    call: &mut Call<'_, I, O>,
) -> Result<Vec<Result<O, Fault>>, CollectError> {
    let mut settled = Vec::with_capacity(inputs.len());
    Bisect { patience, cancelled, call, settled: &mut settled }.settle(inputs)?;
    Ok(settled)
}

struct Bisect<'a, I, O> {
    patience: &'a mut Patience,
    cancelled: &'a dyn Fn() -> bool,
    call: &'a mut Call<'a, I, O>,
    settled: &'a mut Vec<Result<O, Fault>>,
}

impl<I, O> Bisect<'_, I, O> {
    /// Recursive, at most log2 of a batch deep.
    fn settle(&mut self, inputs: &[I]) -> Result<(), CollectError> {
        if self.patience.left.is_zero() {
            self.blame(inputs, &Fault::out_of_patience());
            return Ok(());
        }
        let mut result = self.attempt(inputs, 1)?;
        if let Err(fault) = &result
            && fault.reason == DeadLettered::CollectorTimeout
            && is_final(inputs, fault)
        {
            result = self.attempt(inputs, self.patience.retry_factor)?;
        }
        match result {
            Ok(outcomes) => self.settled.extend(outcomes.into_iter().map(Ok)),
            Err(fault) if is_final(inputs, &fault) => self.blame(inputs, &fault),
            Err(_) => {
                let (left, right) = inputs.split_at(inputs.len() / 2);
                self.settle(left)?;
                self.settle(right)?;
            }
        }
        Ok(())
    }

    fn attempt(&mut self, inputs: &[I], stretch: u32) -> Result<Result<Vec<O>, Fault>, CollectError> {
        if (self.cancelled)() {
            return Err(CollectError::Stopped);
        }
        let begun = Instant::now();
        let fault = match (self.call)(inputs, stretch) {
            Ok(outcomes) if outcomes.len() == inputs.len() => return Ok(Ok(outcomes)),
            Ok(outcomes) => Fault::bad_output(format!("{} outcomes for {} records", outcomes.len(), inputs.len())),
            Err(Failure::Plugin(fault)) => fault,
            Err(Failure::NoSlot) => return Err(CollectError::Overloaded),
        };
        self.patience.left = self.patience.left.saturating_sub(begun.elapsed());
        Ok(Err(fault))
    }

    fn blame(&mut self, inputs: &[I], fault: &Fault) {
        self.settled.extend(inputs.iter().map(|_| Err(fault.clone())));
    }
}

/// Whether halving can tell us nothing more: a lone record, or a plugin that failed before it read the first one.
fn is_final<I>(inputs: &[I], fault: &Fault) -> bool {
    inputs.len() == 1 || fault.stage == Stage::Start
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &dyn Fn() -> bool = &|| false;

    fn patience() -> Patience {
        Patience { left: Duration::from_secs(3_600), retry_factor: 4 }
    }

    fn fault(reason: DeadLettered, stage: Stage) -> Failure {
        Failure::Plugin(Fault { reason, message: "test".into(), stage })
    }

    #[test]
    fn exactly_the_guilty_record_is_blamed_in_few_calls() {
        for guilty in [0, 1, 100, 127, 128, 255] {
            let mut calls = 0;
            let inputs: Vec<usize> = (0..256).collect();
            let settled = settle(&inputs, &mut patience(), NEVER, &mut |slice: &[usize], _| {
                calls += 1;
                let trapped = slice.contains(&guilty);
                if trapped { Err(fault(DeadLettered::CollectorTrapped, Stage::Call)) } else { Ok(slice.to_vec()) }
            });
            for (index, result) in settled.unwrap().into_iter().enumerate() {
                assert_eq!(result.is_err(), index == guilty, "record {index}");
                assert!(result.is_err() || result == Ok(index), "in order");
            }
            assert!(calls <= 2 * 8 + 1, "{calls} calls");
        }
    }

    #[test]
    fn a_lone_timeout_is_tried_once_more_and_then_believed() {
        let mut stretches = Vec::new();
        let slow = |stretches: &mut Vec<u32>, needs: u32| {
            settle(&[7], &mut patience(), NEVER, &mut |slice: &[i32], stretch| {
                stretches.push(stretch);
                let late = stretch < needs;
                if late { Err(fault(DeadLettered::CollectorTimeout, Stage::Call)) } else { Ok(slice.to_vec()) }
            })
            .unwrap()
        };
        assert_eq!(slow(&mut stretches, 3), [Ok(7)], "unlucky, not guilty");
        assert_eq!(stretches, [1, 4]);
        assert!(slow(&mut stretches, 99)[0].is_err());
        assert_eq!(stretches, [1, 4, 1, 4], "once");
    }

    #[test]
    fn a_trap_is_not_tried_again() {
        let mut calls = 0;
        let settled = settle(&[7], &mut patience(), NEVER, &mut |_: &[i32], _| -> Result<Vec<i32>, Failure> {
            calls += 1;
            Err(fault(DeadLettered::CollectorTrapped, Stage::Call))
        });
        assert!(settled.unwrap()[0].is_err());
        assert_eq!(calls, 1);
    }

    #[test]
    fn a_plugin_that_does_not_start_is_not_bisected() {
        let mut calls = 0;
        let settled = settle(&[0; 256], &mut patience(), NEVER, &mut |_: &[i32], _| -> Result<Vec<i32>, Failure> {
            calls += 1;
            Err(fault(DeadLettered::CollectorTimeout, Stage::Start))
        });
        assert!(settled.unwrap().iter().all(Result::is_err));
        assert_eq!(calls, 2, "one try and one retry for all");
    }

    #[test]
    fn a_wrong_number_of_outcomes_is_a_fault_of_the_batch() {
        let settled = settle(&[1, 2, 3, 4], &mut patience(), NEVER, &mut |slice: &[i32], _| {
            let keep = |record: &&i32| **record != 3;
            Ok(slice.iter().filter(keep).copied().collect())
        });
        let settled = settled.unwrap();
        assert_eq!(settled[..2], [Ok(1), Ok(2)]);
        assert_eq!(settled[2].as_ref().unwrap_err().reason, DeadLettered::CollectorBadOutput);
        assert_eq!(settled[3], Ok(4));
    }

    #[test]
    fn patience_ends() {
        let mut patience = Patience { left: Duration::from_nanos(1), retry_factor: 1 };
        let mut calls = 0;
        let settled = settle(&[0; 256], &mut patience, NEVER, &mut |_: &[i32], _| -> Result<Vec<i32>, Failure> {
            calls += 1;
            Err(fault(DeadLettered::CollectorTrapped, Stage::Call))
        });
        let settled = settled.unwrap();
        assert!(settled.iter().all(|r| r.as_ref().is_err_and(|f| f.reason == DeadLettered::CollectorQuarantined)));
        assert_eq!((settled.len(), calls), (256, 1));
    }

    #[test]
    fn a_cancelled_batch_runs_nothing() {
        let stopped = settle(&[1], &mut patience(), &|| true, &mut |slice: &[i32], _| Ok(slice.to_vec()));
        assert_eq!(stopped.unwrap_err(), CollectError::Stopped);
    }
}
