//! The binary `system-log`: a table of contents. Every command is a function of [`system_log_service::cli`].

use std::process::ExitCode;

use clap::Parser;
use system_log_service::cli::{Cli, Command, key, plugin, serve, token, verify};

/// Gives memory back once a load is over, which the system's allocator does not (figures in `docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Plugin(args) => plugin::run(&args.command),
        Command::Serve(args) => serve::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}
