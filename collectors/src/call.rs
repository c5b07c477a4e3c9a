//! One call: a fresh store, two deadlines, and nothing left behind.
//!
//! It runs on a worker thread, synchronously, and knows neither requests nor which record is to blame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use crate::bindings::system_log::collector::types::{Call, Input, Outcome};
use crate::bindings::{Collector, CollectorPre};
use crate::fault::{Failure, Fault, Stage};
use crate::guest::{self, Guest};
use crate::limits::{CallLimits, ticks};

/// A compiled plugin, ready to be instantiated.
pub(crate) struct Sandbox {
    engine: Engine,
    plugin: Arc<str>,
    pre: CollectorPre<Guest>,
    pub(crate) limits: CallLimits,
}

impl Sandbox {
    /// Links a component against the contract. Types are compared structurally here.
    pub(crate) fn new(plugin: Arc<str>, component: &Component, limits: CallLimits) -> wasmtime::Result<Self> {
        let engine = component.engine().clone();
        let pre = CollectorPre::new(guest::linker(&engine)?.instantiate_pre(component)?)?;
        Ok(Self { engine, plugin, pre, limits })
    }

    /// Whether it starts at all. Only ever asked while loading.
    pub(crate) fn probe(&self) -> Result<(), Failure> {
        guarded(|| self.start(self.limits.retry_factor).map(drop))
    }

    /// Calls the plugin once. `stretch` multiplies both deadlines.
    pub(crate) fn call(&self, call: &Call, inputs: &[Input], stretch: u32) -> Result<Vec<Outcome>, Failure> {
        guarded(|| {
            let (mut store, collector) = self.start(stretch)?;
            let budget = self.limits.call(inputs.len()).saturating_mul(stretch);
            // Armed now and not before: time spent waiting or instantiating is not the call's.
            store.set_epoch_deadline(ticks(budget));
            let called = collector.system_log_collector_collect().call_collect(&mut store, call, inputs);
            called.map_err(|error| self.failed(&error, Stage::Call, &store, budget))
        })
    }

    fn start(&self, stretch: u32) -> Result<(Store<Guest>, Collector), Failure> {
        let mut store = guest::store(&self.engine, &self.plugin, &self.limits);
        let budget = self.limits.start.saturating_mul(stretch);
        store.set_epoch_deadline(ticks(budget));
        match self.pre.instantiate(&mut store) {
            Ok(collector) => Ok((store, collector)),
            Err(error) => Err(self.failed(&error, Stage::Start, &store, budget)),
        }
    }

    /// The backtrace goes to the operator's log only: names of functions, never memory.
    fn failed(
        &self,
        error: &wasmtime::Error,
        stage: Stage,
        store: &Store<Guest>,
        budget: std::time::Duration,
    ) -> Failure {
        tracing::debug!(collector = %self.plugin, ?stage, error = ?error, "a call failed");
        Failure::of(error, stage, store.data().refused(), budget)
    }
}

/// A panic on our side while serving a guest counts against the call, not against the thread: the store is gone either way.
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        tracing::error!("the host panicked while it ran a collector");
        Err(Failure::Plugin(Fault::host_panicked()))
    })
}
