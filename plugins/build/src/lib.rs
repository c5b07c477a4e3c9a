//! Builds collector plugins: a guest crate becomes a core module for `wasm32-unknown-unknown`, the module a component
//! whose only imports are our own, with its manifest inside.
//!
//! Used by the host's build script for the built-in collectors, by `cargo xtask plugins`, and by `system-log plugin` for
//! everybody else's.

mod c;
mod cases;
mod component;
mod guest;
// The SDK's own file: one rule, and the two workspaces share no crate.
#[path = "../../sdk/src/cases/media_type.rs"]
mod media_type;
mod scaffold;

use std::io;
use std::path::{Path, PathBuf};

pub use c::{C_TOOLS, build_c, missing_for_c};
pub use cases::CASES_SECTION;
pub use component::{MANIFEST_SECTION, check_imports};
pub use media_type::media_type;
pub use scaffold::scaffold;

/// The target guests are compiled for. Not a WASI one: its standard library would import a dozen interfaces.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why a plugin cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The wasm target is not there and could not be added.
    #[error("the target {TARGET} is missing; install it with: rustup target add {TARGET}\n{0}")]
    Target(String),
    /// The guest does not compile.
    #[error("the plugins do not compile:\n{0}")]
    Compile(String),
    /// A file cannot be read or a program not started.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A case cannot be packed.
    #[error("the case {case}: {why}")]
    Case {
        /// The file.
        case: String,
        /// The rule it breaks.
        why: String,
    },
    /// The project's files are not what a plugin's are.
    #[error("{0}")]
    Project(String),
    /// The module cannot be made a component.
    #[error("plugin {plugin:?} cannot be encoded as a component: {why}")]
    Encode {
        /// The plugin's name.
        plugin: String,
        /// The encoder's words.
        why: String,
    },
    /// It wants something from the host that the contract does not have.
    #[error(
        "plugin {plugin:?} imports {import:?}, but a collector may import only {ALLOWED_IMPORT}. \
         Usually a dependency asks for time, randomness, files or the environment: use one that does not, or switch that \
         feature off"
    )]
    Import {
        /// The plugin's name.
        plugin: String,
        /// What it imports.
        import: String,
    },
}

/// The one interface with functions that a collector may import.
pub const ALLOWED_IMPORT: &str = "system-log:collector/diagnostics";

/// Holds types and no functions; the encoder imports it so that the export can name them.
pub const TYPES_IMPORT: &str = "system-log:collector/types";

/// A finished plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// The folder's name.
    pub name: String,
    /// The component, manifest included.
    pub component: Vec<u8>,
}

/// Sees to it that the wasm target is installed for the active toolchain.
///
/// # Errors
/// [`BuildError::Target`] with the line that installs it.
pub fn ensure_target() -> Result<(), BuildError> {
    guest::ensure_target()
}

/// Builds plugins of a workspace in one go. `target_dir` is the build's own: never that of an outer cargo, which holds its
/// lock.
///
/// # Errors
/// [`BuildError`]
pub fn build(workspace: &Path, target_dir: &Path, names: &[&str]) -> Result<Vec<Plugin>, BuildError> {
    guest::ensure_target()?;
    guest::compile(workspace, target_dir, names)?;
    names.iter().map(|name| finish(workspace, target_dir, name)).collect()
}

fn finish(workspace: &Path, target_dir: &Path, name: &str) -> Result<Plugin, BuildError> {
    let file = format!("system_log_collector_{}.wasm", name.replace('-', "_"));
    let module = target_dir.join(TARGET).join("release").join(file);
    Ok(Plugin { name: name.to_owned(), component: assemble(name, &module, &workspace.join(name))? })
}

/// Builds the plugin of one project folder: a crate with `plugin.toml` and `cases/` beside its `Cargo.toml`. Gives the
/// component; cargo's own files stay in the project's target folder.
///
/// # Errors
/// [`BuildError`]
pub fn build_project(folder: &Path) -> Result<Plugin, BuildError> {
    guest::ensure_target()?;
    let (name, module) = guest::compile_project(folder)?;
    let component = assemble(&name, &module, folder)?;
    Ok(Plugin { name, component })
}

/// Module, manifest and cases become a component that imports nothing it must not.
fn assemble(name: &str, module: &Path, folder: &Path) -> Result<Vec<u8>, BuildError> {
    let manifest = read(&folder.join("plugin.toml"))?;
    let cases = cases::pack(&folder.join("cases"))?;
    let component = component::encode(name, &read(module)?, &manifest, cases.as_deref())?;
    check_imports(name, &component)?;
    Ok(component)
}

/// Everything a build of these plugins depends on; a build script tells cargo about each.
#[must_use]
pub fn inputs(workspace: &Path, names: &[&str]) -> Vec<PathBuf> {
    let mut paths = vec![workspace.join("Cargo.toml"), workspace.join("Cargo.lock"), workspace.join("wit")];
    for name in names.iter().chain(&["sdk"]) {
        let folder = workspace.join(name);
        paths.extend([folder.join("src"), folder.join("Cargo.toml")]);
        paths.extend([folder.join("plugin.toml"), folder.join("cases")].into_iter().filter(|path| path.exists()));
    }
    paths
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::Io { what: format!("reading {}", path.display()), source })
}
