//! `system-log token`: works before and while the server runs, because the dev key is a file.

use std::process::ExitCode;

use system_log_index::error::chain;
use system_log_model::Clock;

use super::{EXIT_USAGE, TokenArgs};
use crate::auth::Role;
use crate::auth::token::{MintError, Subject, dev_key, mint};
use crate::clock::SystemClock;

/// Prints the token.
#[must_use]
pub fn run(args: &TokenArgs) -> ExitCode {
    let Some(role) = Role::from_name(&args.role) else {
        let roles = Role::ALL.map(Role::name).join(", ");
        eprintln!("--role {:?}: one of {roles}", args.role);
        return ExitCode::from(EXIT_USAGE);
    };
    let subject = Subject { org: &args.org, role, user: &args.user, name: &args.name, email: &args.email };
    let minted = dev_key(&args.data).map_err(MintError::from).and_then(|key| mint(&key, &subject, SystemClock.now()));
    match minted {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::from(EXIT_USAGE)
        }
    }
}
