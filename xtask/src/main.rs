//! The project's commands. A table of contents: each command is one file.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod bench;
mod kill;
mod plugins;
mod process;
mod run;
mod test;
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build plugins and service and start it on loopback with a demo organisation.
    Run {
        /// Handed to `system-log serve`, over the defaults: for example `--listen 127.0.0.1:9000`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Everything a change must pass.
    Test {
        /// Only the steps whose name contains this.
        only: Option<String>,
    },
    /// Build the service for release and measure it; prints the tables of docs/benchmarks.md.
    Bench {
        /// Only this.
        only: Option<bench::Only>,
        /// Events to send.
        #[arg(long, default_value_t = 200_000)]
        events: u64,
    },
    /// Kill a store a thousand times, at named places and at any moment, and look after each death whether anything is lost.
    Kill {
        /// How often.
        #[arg(long, default_value_t = 1_000)]
        times: u32,
    },
    /// Build the plugins and write each component to a folder.
    Plugins {
        /// Where to.
        #[arg(long, default_value = "target/plugins")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { more } => run::run(&more),
        Command::Test { only } => test::run(only.as_deref()),
        Command::Bench { only: Some(bench::Only::Plugins), .. } => bench::plugins(),
        Command::Bench { only: Some(bench::Only::Guard), .. } => bench::guard(),
        Command::Bench { only: Some(bench::Only::Store), events } => bench::store(events),
        Command::Bench { only: None, events } => bench::run(events),
        Command::Kill { times } => kill::run(times),
        Command::Plugins { out } => plugins::run(&out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's top folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Where cargo puts what it builds for this workspace.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
