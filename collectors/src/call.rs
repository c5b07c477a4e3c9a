//! One call: a fresh store, two deadlines, and nothing left behind.
//!
//! It runs on a worker thread, synchronously, and knows neither requests nor which record is to blame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use crate::bindings::system_log::collector::types::{Call, Input, Outcome};
use crate::bindings::{Collector, CollectorPre};
use crate::fault::{Failure, Fault, Stage};
use crate::guest::{self, Guest};
use crate::limits::{CallLimits, ticks};
use crate::stats::Stats;

/// A compiled plugin, ready to be instantiated.
pub(crate) struct Sandbox {
    engine: Engine,
    plugin: Arc<str>,
    pre: CollectorPre<Guest>,
    pub(crate) limits: CallLimits,
    pub(crate) stats: Stats,
    /// Its engine counts instructions.
    is_counting: bool,
}

/// What one call took.
pub(crate) struct Measured {
    pub(crate) result: Result<Vec<Outcome>, Failure>,
    pub(crate) instructions: u64,
    /// Most linear memory, in bytes.
    pub(crate) memory: usize,
}

/// Instructions before a call that is counted: more than any deadline allows.
const COUNTED_FROM: u64 = u64::MAX / 2;

/// An instance that lives on between calls: the bench compares. No record that matters ever meets one.
pub(crate) struct Warm {
    store: Store<Guest>,
    collector: Collector,
}

impl Sandbox {
    /// Links a component against the contract. Types are compared structurally here.
    pub(crate) fn new(plugin: Arc<str>, component: &Component, limits: CallLimits) -> wasmtime::Result<Self> {
        let engine = component.engine().clone();
        let pre = CollectorPre::new(guest::linker(&engine)?.instantiate_pre(component)?)?;
        Ok(Self { engine, plugin, pre, limits, stats: Stats::default(), is_counting: false })
    }

    /// The same for a component of an engine that counts instructions.
    pub(crate) fn counting(plugin: Arc<str>, component: &Component, limits: CallLimits) -> wasmtime::Result<Self> {
        Ok(Self { is_counting: true, ..Self::new(plugin, component, limits)? })
    }

    /// Whether it starts at all. Only ever asked while loading.
    pub(crate) fn probe(&self) -> Result<(), Failure> {
        guarded(|| self.start(self.limits.retry_factor).map(drop))
    }

    /// Calls the plugin once. `stretch` multiplies both deadlines.
    pub(crate) fn call(&self, call: &Call, inputs: &[Input], stretch: u32) -> Result<Vec<Outcome>, Failure> {
        let begun = Instant::now();
        let mut memory = 0;
        let called = guarded(|| {
            let (mut store, collector) = self.start(stretch)?;
            let called = self.enter(&mut store, &collector, call, inputs, stretch);
            memory = store.data().memory_peak();
            called
        });
        self.stats.called(begun.elapsed(), memory, called.as_ref().err());
        called
    }

    fn enter(
        &self,
        store: &mut Store<Guest>,
        collector: &Collector,
        call: &Call,
        inputs: &[Input],
        stretch: u32,
    ) -> Result<Vec<Outcome>, Failure> {
        let budget = self.limits.call(inputs.len()).saturating_mul(stretch);
        // Armed now and not before: time spent waiting or instantiating is not the call's.
        store.set_epoch_deadline(ticks(budget));
        let called = collector.system_log_collector_collect().call_collect(&mut *store, call, inputs);
        called.map_err(|error| self.failed(&error, Stage::Call, store, budget))
    }

    /// Calls the plugin once and counts. Only for an engine that does.
    pub(crate) fn measure(&self, call: &Call, inputs: &[Input]) -> Measured {
        let (mut left, mut memory) = (COUNTED_FROM, 0);
        let result = guarded(|| {
            let (mut store, collector) = self.start(self.limits.retry_factor)?;
            let called = self.enter(&mut store, &collector, call, inputs, self.limits.retry_factor);
            left = store.get_fuel().unwrap_or(left);
            memory = store.data().memory_peak();
            called
        });
        Measured { result, instructions: COUNTED_FROM - left, memory }
    }

    /// An instance for [`Self::call_warm`].
    pub(crate) fn warm(&self) -> Result<Warm, Failure> {
        guarded(|| self.start(1).map(|(store, collector)| Warm { store, collector }))
    }

    /// Calls an instance that may have been called before.
    pub(crate) fn call_warm(&self, warm: &mut Warm, call: &Call, inputs: &[Input]) -> Result<Vec<Outcome>, Failure> {
        // What one call may hand back, again.
        warm.store.set_hostcall_fuel(self.limits.output_bytes);
        guarded(|| self.enter(&mut warm.store, &warm.collector, call, inputs, self.limits.retry_factor))
    }

    fn start(&self, stretch: u32) -> Result<(Store<Guest>, Collector), Failure> {
        let mut store = guest::store(&self.engine, &self.plugin, &self.limits);
        if self.is_counting && store.set_fuel(COUNTED_FROM).is_err() {
            tracing::debug!(collector = %self.plugin, "this engine does not count");
        }
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
