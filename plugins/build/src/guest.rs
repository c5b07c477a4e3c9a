//! Compiling guests with cargo, from inside or outside another cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use serde_json::Value;

use crate::{BuildError, TARGET};

/// Variables of an outer cargo that would change the inner build: its flags, its target folder, its wrapper.
const OUTER: [&str; 8] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_MAKEFLAGS",
];

/// The linker's own choice is 1 MiB, which lies before everything else in memory. A smaller stack leaves a guest's whole memory
/// within what the host cleans and keeps for the next call: that is half of the cost of a call with one record.
const STACK: &str = "-Clink-arg=-zstack-size=262144";

/// Installs the target when it is missing.
pub(crate) fn ensure_target() -> Result<(), BuildError> {
    if is_installed()? {
        return Ok(());
    }
    let failed = |why: String| BuildError::Target(why);
    let output = Command::new("rustup").args(["target", "add", TARGET]).output();
    let output = output.map_err(|error| failed(format!("rustup does not start: {error}")))?;
    if output.status.success() && is_installed()? {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Asks the compiler itself where the target's libraries are: right for every kind of toolchain.
fn is_installed() -> Result<bool, BuildError> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = output.map_err(|source| BuildError::Io { what: "starting rustc".into(), source })?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && has_library(Path::new(&folder)).unwrap_or(false))
}

fn has_library(folder: &Path) -> io::Result<bool> {
    let core = |entry: io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore"))
    };
    Ok(std::fs::read_dir(folder)?.any(core))
}

/// Builds all of them in one call.
pub(crate) fn compile(workspace: &Path, target_dir: &Path, names: &[&str]) -> Result<(), BuildError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace);
    command.args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]).arg(target_dir);
    for name in names {
        command.args(["--package", &format!("system-log-collector-{name}")]);
    }
    run(&mut command, workspace)
}

/// Builds the crate of one folder. Gives its name and the module.
pub(crate) fn compile_project(folder: &Path) -> Result<(String, PathBuf), BuildError> {
    if !folder.join("Cargo.toml").is_file() {
        let why = format!(
            "{}: no project of a plugin, it has no Cargo.toml; `system-log plugin new` makes one",
            folder.display()
        );
        return Err(project(&why));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut ask = Command::new(&cargo);
    ask.current_dir(folder).args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_slice(&output(&mut ask)?).map_err(|error| project(&error.to_string()))?;
    let manifest = folder.join("Cargo.toml").canonicalize();
    let manifest = manifest.map_err(|source| BuildError::Io { what: "looking for Cargo.toml".into(), source })?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let is_ours = |package: &&Value| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    let package = packages.into_iter().find(is_ours).ok_or_else(|| project("Cargo.toml has no [package]"))?;
    let targets = package["targets"].as_array().into_iter().flatten();
    let cdylib = |target: &&Value| {
        target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
    };
    let library = targets.into_iter().find(cdylib).ok_or_else(|| {
        project("Cargo.toml builds no module: it needs [lib] with crate-type = [\"cdylib\", \"rlib\"]")
    })?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target_dir = PathBuf::from(text(&metadata["target_directory"]));
    let mut command = Command::new(cargo);
    command.current_dir(folder).args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(&target_dir);
    command.args(["--package", &text(&package["name"])]);
    run(&mut command, folder)?;
    let module = format!("{}.wasm", text(&library["name"]).replace('-', "_"));
    Ok((text(&package["name"]), target_dir.join(TARGET).join("release").join(module)))
}

fn project(why: &str) -> BuildError {
    BuildError::Project(why.to_owned())
}

/// Runs a build without what an outer one has set.
fn run(command: &mut Command, workspace: &Path) -> Result<(), BuildError> {
    for variable in OUTER {
        command.env_remove(variable);
    }
    // A profile of the outer build (CARGO_PROFILE_…, set by some build systems) is not the guests'.
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("CARGO_PROFILE_") {
            command.env_remove(&variable);
        }
    }
    // Panic messages name source files: without their roots, two machines build the same bytes.
    let mut flags = vec![remap(workspace, "plugins"), STACK.to_owned()];
    for (variable, name) in [("CARGO_HOME", "cargo"), ("HOME", "home"), ("RUSTUP_HOME", "rustup")] {
        if let Some(folder) = env::var_os(variable) {
            flags.push(remap(Path::new(&folder), name));
        }
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    output(command).map(drop)
}

/// Standard output of a cargo that succeeds.
fn output(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let output = command.output().map_err(|source| BuildError::Io { what: "starting cargo".into(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(BuildError::Compile(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn remap(folder: &Path, name: &str) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    format!("--remap-path-prefix={}=/{name}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_project_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [folder.path().to_owned(), folder.path().join("none")] {
            let why = compile_project(&folder).unwrap_err().to_string();
            assert!(why.contains("no project of a plugin") && why.contains("plugin new"), "{why}");
        }
    }
}
