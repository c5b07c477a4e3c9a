//! `cargo xtask run`: from a clone to a running service with a demo organisation.

use std::os::unix::process::CommandExt;

use crate::process::{self, Failure, cargo, program};

/// Where the demo's data is kept between runs.
const DATA: &str = "data";

pub(crate) fn run(more: &[String]) -> Result<(), Failure> {
    system_log_plugin_build::ensure_target()?;
    println!("Building plugins and service; the first build takes some minutes.");
    // The whole workspace is named, so that features are chosen as for the tests and less is built twice.
    process::run(cargo(crate::root()).args(["build", "--workspace", "--bins"]))?;
    let mut serve = program(crate::target().join("debug").join("system-log"));
    serve.args(["serve", "--dev", "--demo"]);
    for (flag, value) in [("--data", DATA), ("--listen", "127.0.0.1:8080"), ("--admin-listen", "127.0.0.1:8081")] {
        if !more.iter().any(|word| word == flag || word.starts_with(&format!("{flag}="))) {
            serve.args([flag, value]);
        }
    }
    // The service takes this process's place, so that Ctrl-C reaches it and nothing else.
    let source = serve.args(more).exec();
    Err(Failure::Start { program: "the service".into(), source })
}
