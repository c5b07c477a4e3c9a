//! The one wasmtime engine of the process, and the clock that cuts what runs too long.
//!
//! One engine, because type identities of two must never meet; the sandbox's features are decided here and nowhere else.
//! It knows nothing of plugins.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

use crate::limits;

/// The engine could not be made; kept as text because the first failure is the answer for the whole process.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the sandbox does not start: {0}")]
pub(crate) struct EngineError(String);

static ENGINE: OnceLock<Result<Engine, EngineError>> = OnceLock::new();

/// The process's engine, made at first use.
pub(crate) fn shared() -> Result<Engine, EngineError> {
    ENGINE.get_or_init(build).clone()
}

/// An engine that counts instructions, for authors. Never the service's: counting costs time, and the epoch is enough to cut.
pub(crate) fn counting() -> Result<Engine, EngineError> {
    let engine = Engine::new(config().consume_fuel(true)).map_err(|error| EngineError(format!("{error:#}")))?;
    start_ticker(&engine)?;
    Ok(engine)
}

fn build() -> Result<Engine, EngineError> {
    let pooled = Engine::new(config().allocation_strategy(InstanceAllocationStrategy::Pooling(pool())));
    let engine = pooled.or_else(|error| {
        // Containers with a small address space: slower, equally safe.
        tracing::warn!(%error, "no room for the instance pool; instances are allocated on demand");
        Engine::new(config().allocation_strategy(InstanceAllocationStrategy::OnDemand))
    });
    let engine = engine.map_err(|error| EngineError(format!("{error:#}")))?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// What the sandbox speaks: WebAssembly as compilers emit it today, and none of the extensions nobody here needs. Each of
/// those left out had security advisories of its own.
fn config() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    // The same input gives the same bytes on every machine.
    config.cranelift_nan_canonicalization(true);
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    config.wasm_relaxed_simd(false);
    config.wasm_tail_call(false);
    config.wasm_extended_const(true);
    config.max_wasm_stack(limits::WASM_STACK_BYTES);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(limits::BACKTRACE_FRAMES));
    // Address map and copy-on-write stay on: traps name functions, and instantiation maps memory instead of copying it.
    config.memory_init_cow(true);
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits::POOL_SLOTS);
    pool.total_memories(limits::POOL_SLOTS);
    pool.total_core_instances(limits::POOL_SLOTS * limits::MAX_CORE_INSTANCES);
    pool.total_tables(limits::POOL_SLOTS * limits::MAX_CORE_INSTANCES);
    pool.max_core_instances_per_component(limits::MAX_CORE_INSTANCES);
    pool.max_memories_per_component(1);
    pool.max_tables_per_component(limits::MAX_CORE_INSTANCES);
    pool.max_memory_size(limits::MAX_MEMORY_BYTES);
    pool.table_elements(limits::MAX_TABLE_ELEMENTS);
    pool.linear_memory_keep_resident(limits::KEEP_RESIDENT_BYTES);
    pool
}

/// Moves the epoch. A thread of its own, because a tokio timer stands still when the machine is busy; it holds the engine
/// weakly and ends with it.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let engine = engine.weak();
    let tick = move || {
        loop {
            thread::sleep(limits::EPOCH_TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    let spawned = thread::Builder::new().name("collector-epoch".into()).spawn(tick);
    spawned.map(drop).map_err(|error| EngineError(format!("no thread for the clock: {error}")))
}
