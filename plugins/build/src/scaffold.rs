//! A new plugin project, without a network: crate, manifest, two cases, README, and the SDK as it is in this version.

use std::fs;
use std::path::Path;

use crate::BuildError;

/// What stands for the plugin's name, and for the beginning of its kind's.
const NAME: &str = "@name@";
const KIND: &str = "@kind@";
/// As a manifest allows it.
const MAX_NAME_BYTES: usize = 48;

/// Files with the name filled in.
const TEMPLATES: [(&str, &str); 7] = [
    ("plugin.toml", include_str!("../scaffold/plugin.toml")),
    ("README.md", include_str!("../scaffold/README.md")),
    ("src/lib.rs", include_str!("../scaffold/lib.rs.in")),
    ("cases/report.in", include_str!("../scaffold/cases/report.in")),
    ("cases/report.out", include_str!("../scaffold/cases/report.out")),
    ("cases/unknown.in", include_str!("../scaffold/cases/unknown.in")),
    ("cases/unknown.out", include_str!("../scaffold/cases/unknown.out")),
];

/// Files as they are.
const FILES: [(&str, &str); 19] = [
    (".gitignore", "/target\n*.wasm\n"),
    ("Cargo.lock", include_str!("../../Cargo.lock")),
    ("wit/collector.wit", include_str!("../../wit/collector.wit")),
    ("sdk/Cargo.toml", include_str!("../../sdk/Cargo.toml")),
    ("sdk/src/lib.rs", include_str!("../../sdk/src/lib.rs")),
    ("sdk/src/attributes.rs", include_str!("../../sdk/src/attributes.rs")),
    ("sdk/src/cases.rs", include_str!("../../sdk/src/cases.rs")),
    ("sdk/src/cases/media_type.rs", include_str!("../../sdk/src/cases/media_type.rs")),
    ("sdk/src/cases/render.rs", include_str!("../../sdk/src/cases/render.rs")),
    ("sdk/src/compare.rs", include_str!("../../sdk/src/compare.rs")),
    ("sdk/src/contract.rs", include_str!("../../sdk/src/contract.rs")),
    ("sdk/src/deep.rs", include_str!("../../sdk/src/deep.rs")),
    ("sdk/src/event.rs", include_str!("../../sdk/src/event.rs")),
    ("sdk/src/heap.rs", include_str!("../../sdk/src/heap.rs")),
    ("sdk/src/json.rs", include_str!("../../sdk/src/json.rs")),
    ("sdk/src/names.rs", include_str!("../../sdk/src/names.rs")),
    ("sdk/src/only.rs", include_str!("../../sdk/src/only.rs")),
    ("sdk/src/text.rs", include_str!("../../sdk/src/text.rs")),
    ("sdk/src/time.rs", include_str!("../../sdk/src/time.rs")),
];

/// Writes a project into a new folder.
///
/// # Errors
/// A name that no manifest may have, a folder that is there already, or one that cannot be written.
pub fn scaffold(name: &str, folder: &Path) -> Result<(), BuildError> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len());
    if !fits || !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(good) {
        let rule = "lower-case letters, digits, '-' and '_', beginning with a letter";
        return Err(BuildError::Project(format!("the name {name:?}: 1 to {MAX_NAME_BYTES} {rule}")));
    }
    if folder.exists() {
        return Err(BuildError::Project(format!("{} is there already", folder.display())));
    }
    let fill = |text: &str| text.replace(NAME, name).replace(KIND, &name.replace('-', "_"));
    let cargo = format!("{}{}", include_str!("../scaffold/Cargo.toml.in"), shared());
    write(folder, "Cargo.toml", &fill(&cargo))?;
    for (path, text) in TEMPLATES {
        write(folder, path, &fill(text))?;
    }
    for (path, text) in FILES {
        write(folder, path, text)?;
    }
    Ok(())
}

/// What our own workspace of plugins shares, members apart.
fn shared() -> String {
    let ours = include_str!("../../Cargo.toml");
    let from = ours.find("[workspace.package]").unwrap_or(ours.len());
    ours[from..].to_owned()
}

fn write(folder: &Path, path: &str, text: &str) -> Result<(), BuildError> {
    let path = folder.join(path);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
    written.map_err(|source| BuildError::Io { what: format!("writing {}", path.display()), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_all_files_of_the_sdk_and_the_name_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("door-lock");
        scaffold("door-lock", &project).unwrap();
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk/src");
        let mut folders = vec![sdk.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let there = project.join("sdk/src").join(path.strip_prefix(&sdk).unwrap());
                assert!(there.is_dir() || there.is_file(), "{} is not in FILES", path.display());
                folders.extend(path.is_dir().then_some(path));
            }
        }
        for file in ["Cargo.toml", "plugin.toml", "README.md", "src/lib.rs", "cases/report.out"] {
            let text = fs::read_to_string(project.join(file)).unwrap();
            assert!(text.contains("door-lock") || text.contains("door_lock_reported"), "{file}");
            assert!(!text.contains('@') || !text.contains(NAME) && !text.contains(KIND), "{file}");
        }
        assert!(fs::read_to_string(project.join("Cargo.toml")).unwrap().contains("[workspace.dependencies]"));
        assert!(scaffold("door-lock", &project).unwrap_err().to_string().ends_with("is there already"));
    }

    #[test]
    fn a_name_is_one_that_a_manifest_may_have() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "Door", "7doors", "a/b", "..", &"a".repeat(49)] {
            assert!(scaffold(name, &folder.path().join("new")).is_err(), "{name:?}");
        }
    }
}
