//! `cargo xtask bench`: the release build, measured through its own gRPC contract.

use crate::process::{self, Failure, cargo};

pub(crate) fn run(events: u64) -> Result<(), Failure> {
    let root = crate::root();
    process::run(cargo(root).args(["build", "--release", "--package", "system-log-service", "--bin", "system-log"]))?;
    let mut bench = cargo(root);
    bench.args(["run", "--release", "--quiet", "--package", "system-log-tests", "--bin", "figures", "--"]);
    bench.env("SYSTEM_LOG_BIN", crate::target().join("release").join("system-log"));
    process::run(bench.args(["--events", &events.to_string()]))
}
