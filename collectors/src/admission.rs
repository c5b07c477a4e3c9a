//! May this file be loaded? Decided from its bytes alone; not one of its instructions has run when the answer is no.
//!
//! Compiling is the last step, because a compiler is the largest thing here to attack.

use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cases;
use crate::manifest::{self, Manifest, ManifestError};
use crate::signature::SignatureError;

/// The one interface with functions that a collector may import.
const DIAGNOSTICS: &str = "system-log:collector/diagnostics";
/// Holds types and no functions; some encoders import it so that the export can name them.
const TYPES: &str = "system-log:collector/types";
/// The interface it must export.
const COLLECT: &str = "system-log:collector/collect";

/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";

/// Why a plugin is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// Larger than the host allows.
    #[error("{bytes} bytes, at most {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest allowed.
        max: usize,
    },
    /// No WebAssembly at all. The parser's words would show bytes.
    #[error(
        "not a valid WebAssembly component: the file does not begin with \\0asm, as every one does; \
         `system-log plugin build` makes one of a project"
    )]
    NotWebAssembly,
    /// Cut off or damaged.
    #[error("not a valid WebAssembly component: {0}")]
    Malformed(#[source] wasmparser::BinaryReaderError),
    /// A core module.
    #[error("a core module, not a component: build it with `system-log plugin build`, which encodes it")]
    NotAComponent,
    /// It wants something of the host that there is not.
    #[error("imports {import}, but a collector may import only {DIAGNOSTICS}@1: {}", fix(import))]
    Import {
        /// What it wants.
        import: String,
    },
    /// It does not have the one function that matters.
    #[error("does not export {COLLECT}@1: build it against the contract's `collector` world")]
    NoCollect,
    /// It says nothing about itself.
    #[error("has no section {:?}: build it with `system-log plugin build`, which adds plugin.toml", manifest::SECTION)]
    NoManifest,
    /// It says it twice.
    #[error("has more than one section {:?}", manifest::SECTION)]
    TwoManifests,
    /// What it says about itself is wrong.
    #[error("the manifest is wrong: {0}")]
    Manifest(#[from] ManifestError),
    /// It does not compile within the sandbox's limits.
    #[error("cannot be compiled for the sandbox: {0}")]
    Compile(String),
    /// Its types are not the contract's.
    #[error("does not keep the contract {}: {why}", manifest::CONTRACT)]
    Contract {
        /// What does not match.
        why: String,
    },
    /// It does not survive its own start.
    #[error("does not start: {0}")]
    Start(String),
    /// It has more than one section of cases, or one that cannot be read.
    #[error("its section of cases is wrong: {0}")]
    Cases(String),
    /// It does not do what its own cases say.
    #[error("its own case {case:?} fails: {why}")]
    Case {
        /// The case's name.
        case: String,
        /// What differs.
        why: String,
    },
    /// The file is not what its checksum says: cut off, or another one.
    #[error("the file's SHA-256 is {found}, but the checksum beside it says {wanted}")]
    Digest {
        /// Of the file.
        found: String,
        /// Of the file beside it.
        wanted: String,
    },
    /// Signatures are required, and this one does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It contradicts what is loaded already; all of it.
    #[error("{}", .0.join("; "))]
    Conflicts(Vec<String>),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
}

/// What can be read of a component without running it.
#[derive(Debug)]
pub(crate) struct Outside<'a> {
    /// What it says about itself.
    pub(crate) manifest: Manifest,
    /// The section with its cases.
    pub(crate) cases: Option<&'a [u8]>,
}

/// What is usually behind an import.
fn fix(import: &str) -> &'static str {
    if import.starts_with("wasi:") {
        "it was built for a WASI target; build for wasm32-unknown-unknown with `system-log plugin build`"
    } else {
        "leave out the dependency that asks for it; time comes with each call, and nothing else is needed"
    }
}

/// Reads a component's outside: imports, exports, manifest, cases.
///
/// # Errors
/// The first reason not to let it in.
pub(crate) fn inspect(component: &[u8], max_bytes: usize) -> Result<Outside<'_>, AdmissionError> {
    if component.len() > max_bytes {
        return Err(AdmissionError::TooLarge { bytes: component.len(), max: max_bytes });
    }
    if !component.starts_with(MAGIC) {
        return Err(AdmissionError::NotWebAssembly);
    }
    if Parser::is_core_wasm(component) {
        return Err(AdmissionError::NotAComponent);
    }
    let (mut manifest, mut cases) = (None, None);
    let mut exports_collect = false;
    // Of nested modules and components nothing counts: what they import, the outer component must give them.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(AdmissionError::Malformed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let name = import.map_err(AdmissionError::Malformed)?.name.name;
                    if !is_version_1(name, DIAGNOSTICS) && !is_version_1(name, TYPES) {
                        return Err(AdmissionError::Import { import: name.to_owned() });
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    exports_collect |= is_version_1(export.map_err(AdmissionError::Malformed)?.name.name, COLLECT);
                }
            }
            Payload::CustomSection(section) if section.name() == manifest::SECTION => {
                let earlier = manifest.replace(section.data());
                if earlier.is_some() {
                    return Err(AdmissionError::TwoManifests);
                }
            }
            Payload::CustomSection(section) if section.name() == cases::SECTION => {
                let earlier = cases.replace(section.data());
                if earlier.is_some() {
                    return Err(AdmissionError::Cases("there is more than one".to_owned()));
                }
            }
            _ => {}
        }
    }
    if !exports_collect {
        return Err(AdmissionError::NoCollect);
    }
    let manifest = Manifest::parse(manifest.ok_or(AdmissionError::NoManifest)?)?;
    Ok(Outside { manifest, cases })
}

/// Compiles what [`inspect`] let through; wasmtime validates every instruction on the way.
pub(crate) fn compile(engine: &Engine, component: &[u8]) -> Result<Component, AdmissionError> {
    Component::from_binary(engine, component).map_err(|error| AdmissionError::Compile(format!("{error:#}")))
}

/// `interface@1.x.y`, whatever x and y.
fn is_version_1(name: &str, interface: &str) -> bool {
    name.strip_prefix(interface).and_then(|rest| rest.strip_prefix("@1.")).is_some()
}

#[cfg(test)]
mod tests;
