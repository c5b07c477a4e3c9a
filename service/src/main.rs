//! The binary `system-log`: a table of contents. Every command is a function of [`system_log_service::cli`].

use std::process::ExitCode;

use clap::Parser;
use system_log_service::cli::{Cli, Command, plugin, serve, token, verify};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Plugin(args) => plugin::run(&args.command),
        Command::Serve(args) => serve::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}
