//! `system-log verify`: walks the whole folder and says what is not sound.

use std::process::ExitCode;

use system_log_index::Store;
use system_log_index::error::chain;

use super::VerifyArgs;

/// It cannot be checked: no folder, or a server holds it.
const EXIT_CANNOT_RUN: u8 = 2;

/// 0 sound, 1 not, 2 cannot run.
#[must_use]
pub fn run(args: &VerifyArgs) -> ExitCode {
    match Store::verify(&args.data) {
        Ok(report) if report.problems.is_empty() => {
            println!("sound: {} events in {} days", report.events, report.days);
            ExitCode::SUCCESS
        }
        Ok(report) => {
            for problem in &report.problems {
                println!("{problem}");
            }
            println!("{} problems in {} events and {} days", report.problems.len(), report.events, report.days);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::from(EXIT_CANNOT_RUN)
        }
    }
}
