//! From core module to component, and what a component may import.

use std::borrow::Cow;

use wasm_encoder::{ComponentSection, CustomSection, Encode};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::cases::CASES_SECTION;
use crate::{ALLOWED_IMPORT, BuildError, TYPES_IMPORT};

/// The custom section that holds the manifest, as the author wrote it: a host reads it without running code.
pub const MANIFEST_SECTION: &str = "system-log:manifest";

/// Encodes a module and appends its manifest and its cases.
pub(crate) fn encode(
    plugin: &str,
    module: &[u8],
    manifest: &[u8],
    cases: Option<&[u8]>,
) -> Result<Vec<u8>, BuildError> {
    let failed = |why: String| BuildError::Encode { plugin: plugin.to_owned(), why };
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    let mut component = encoded.map_err(|error| failed(format!("{error:#}")))?;
    for (name, data) in [(MANIFEST_SECTION, Some(manifest)), (CASES_SECTION, cases)] {
        let Some(data) = data else { continue };
        let section = CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) };
        component.push(ComponentSection::id(&section));
        section.encode(&mut component);
    }
    Ok(component)
}

/// Checks that a component imports nothing but our own diagnostics and the types they all share.
///
/// # Errors
/// [`BuildError::Import`] names what else it wants.
pub fn check_imports(plugin: &str, component: &[u8]) -> Result<(), BuildError> {
    let failed =
        |error: wasmparser::BinaryReaderError| BuildError::Encode { plugin: plugin.to_owned(), why: error.to_string() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(failed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.map_err(failed)?.name.name;
                    let interface = name.split('@').next().unwrap_or(name);
                    if ![ALLOWED_IMPORT, TYPES_IMPORT].contains(&interface) {
                        return Err(BuildError::Import { plugin: plugin.to_owned(), import: name.to_owned() });
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
