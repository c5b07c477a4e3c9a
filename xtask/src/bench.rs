//! `cargo xtask bench`: the release build, measured through its own gRPC contract. `cargo xtask bench plugins`: what a record
//! costs in each built-in collector. `cargo xtask bench store`: the store alone. `cargo xtask bench guard`: the guard alone.

use clap::ValueEnum;

use crate::process::{self, Failure, cargo, program};

/// A part of the bench.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Only {
    /// The collectors, in batches of several sizes, in fresh and in warm instances.
    Plugins,
    /// The store alone: events per second, bytes per event by part, memory, and how long answers take.
    Store,
    /// The guard: what an event costs that has nothing to remove.
    Guard,
}

pub(crate) fn run(events: u64) -> Result<(), Failure> {
    build()?;
    let mut bench = cargo(crate::root());
    bench.args(["run", "--release", "--quiet", "--package", "system-log-tests", "--bin", "figures", "--"]);
    bench.env("SYSTEM_LOG_BIN", crate::target().join("release").join("system-log"));
    process::run(bench.args(["--events", &events.to_string()]))
}

pub(crate) fn plugins() -> Result<(), Failure> {
    build()?;
    process::run(program(crate::target().join("release").join("system-log")).args(["plugin", "bench"]))
}

pub(crate) fn store(events: u64) -> Result<(), Failure> {
    let bench = ["bench", "--package", "system-log-index", "--bench", "store", "--"];
    process::run(cargo(crate::root()).args(bench).arg(events.to_string()))
}

pub(crate) fn guard() -> Result<(), Failure> {
    process::run(cargo(crate::root()).args(["bench", "--package", "system-log-model", "--bench", "guard"]))
}

fn build() -> Result<(), Failure> {
    let package = ["build", "--release", "--package", "system-log-service", "--bin", "system-log"];
    process::run(cargo(crate::root()).args(package))
}
