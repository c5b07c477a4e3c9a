//! Guests in C: a script of their own compiles them to a core module; what follows is the same as for any other.

use std::path::Path;
use std::process::Command;

use crate::{BuildError, Plugin, assemble};

/// Programs the scripts need, and the line that installs each.
pub const C_TOOLS: [(&str, &str); 3] = [
    ("clang", "apt-get install --yes clang"),
    ("wasm-ld", "apt-get install --yes lld"),
    ("wit-bindgen", "cargo install wit-bindgen-cli@0.61.1"),
];

/// The lines that install what is missing to build a guest in C; none when all is there.
#[must_use]
pub fn missing_for_c() -> Vec<&'static str> {
    let missing =
        |tool: &&(&str, &str)| !Command::new(tool.0).arg("--version").output().is_ok_and(|o| o.status.success());
    C_TOOLS.iter().filter(missing).map(|(_, line)| *line).collect()
}

/// Builds the guest of a folder with its `build.sh`. `out` holds what the script makes on the way.
///
/// # Errors
/// [`BuildError`]
pub fn build_c(folder: &Path, out: &Path) -> Result<Plugin, BuildError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let script = Command::new("sh").arg(folder.join("build.sh")).arg(out).output();
    let script = script.map_err(|source| BuildError::Io { what: "starting sh".into(), source })?;
    if !script.status.success() {
        return Err(BuildError::Compile(String::from_utf8_lossy(&script.stderr).into_owned()));
    }
    let component = assemble(&name, &out.join("module.wasm"), folder)?;
    Ok(Plugin { name, component })
}
