//! Programs that the commands start.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a command of ours does not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program cannot be started.
    #[error("{program} cannot be started: {source}")]
    Start { program: String, source: std::io::Error },
    /// A program ends with an error; its own output has said why.
    #[error("{0} failed")]
    Exit(String),
    /// A plugin cannot be built.
    #[error(transparent)]
    Plugin(#[from] system_log_plugin_build::BuildError),
    /// A file cannot be written.
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// Some checks failed; their names.
    #[error("failed: {}", .0.join(", "))]
    Checks(Vec<String>),
}

/// A program to be run in the repository's top folder.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(crate::root());
    command
}

/// The cargo that runs this, in a folder.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder);
    command
}

/// Runs to the end; its output is seen as it comes.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start { program: name(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Exit(name(command))) }
}

/// Runs to the end and shows each line of standard output to `see` as well.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), Failure> {
    let program = name(command);
    let start = |source| Failure::Start { program: program.clone(), source };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(start)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            see(&line);
        }
    }
    let status = child.wait().map_err(start)?;
    if status.success() { Ok(()) } else { Err(Failure::Exit(program)) }
}

/// Whether a program can be started at all.
pub(crate) fn exists(name: &str) -> bool {
    let quiet = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok()
}

/// What it is, for a message.
fn name(command: &Command) -> String {
    let arguments = command.get_args().map(OsStr::to_string_lossy).take(4);
    std::iter::once(command.get_program().to_string_lossy()).chain(arguments).collect::<Vec<_>>().join(" ")
}
