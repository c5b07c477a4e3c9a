//! The binary `system-log`: a table of contents. Every command is a function of [`system_log_service::cli`].

use std::process::ExitCode;

use clap::Parser;
use system_log_service::cli::{Cli, Command, key, serve, token, verify};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}
