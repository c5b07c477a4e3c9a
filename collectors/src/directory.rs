//! The plugin directory: which files are there, have they changed, and are they whole? It knows nothing of what is in them.
//!
//! `NAME.wasm` is a plugin. `NAME.wasm.sha256` beside it, as `sha256sum` writes it, must agree with it; `NAME.wasm.sig` is its
//! signature.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::{fs, io};

use crate::admission::AdmissionError;
use crate::digest;
use crate::signature::SigningKey;

/// Ending of a plugin's file.
const PLUGIN: &str = ".wasm";
/// Files beside a plugin that belong to it.
const CHECKSUM: &str = ".sha256";
const SIGNATURE: &str = ".sig";
/// A checksum or a signature is a line.
const MAX_SIDE_BYTES: u64 = 4_096;

/// Where plugins lie, and whose are believed.
#[derive(Debug, Clone)]
pub struct DirectoryOptions {
    /// The folder.
    pub path: PathBuf,
    /// When there are any, every plugin must be signed by one of them.
    pub keys: Vec<SigningKey>,
}

/// A plugin's file, read and whole.
pub(crate) struct PluginFile {
    pub(crate) content: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) signature: Option<Vec<u8>>,
}

/// What a folder looks like from outside: equal as long as nothing in it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Look(BTreeMap<String, (u64, u64, i64, i64)>);

impl DirectoryOptions {
    /// The plugins' file names, in order.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let all = self.entries()?;
        Ok(all.into_iter().filter(|name| name.ends_with(PLUGIN) && name.len() > PLUGIN.len()).collect())
    }

    /// Names of all files that are not hidden: editors and copies in progress hide theirs.
    fn entries(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            match entry?.file_name().into_string() {
                Ok(name) if !name.starts_with('.') => names.push(name),
                _ => {}
            }
        }
        names.sort();
        Ok(names)
    }

    /// What it looks like now. Links are followed, because that is how Kubernetes swaps a volume.
    pub(crate) fn look(&self) -> io::Result<Look> {
        let mut look = Look::default();
        for name in self.entries()? {
            if let Ok(data) = fs::metadata(self.path.join(&name)) {
                look.0.insert(name, (data.ino(), data.len(), data.mtime(), data.mtime_nsec()));
            }
        }
        Ok(look)
    }

    /// Reads a plugin and checks that it is whole.
    pub(crate) fn read(&self, name: &str, max_bytes: usize) -> Result<PluginFile, AdmissionError> {
        let path = self.path.join(name);
        let unreadable = |error: io::Error| AdmissionError::Unreadable(error.kind());
        let data = fs::metadata(&path).map_err(unreadable)?;
        if !data.is_file() {
            return Err(AdmissionError::Unreadable(io::ErrorKind::IsADirectory));
        }
        let bytes = usize::try_from(data.len()).unwrap_or(usize::MAX);
        if bytes > max_bytes {
            return Err(AdmissionError::TooLarge { bytes, max: max_bytes });
        }
        let content = fs::read(&path).map_err(unreadable)?;
        let found = digest::of(&content);
        if let Some(checksum) = self.beside(name, CHECKSUM).map_err(unreadable)? {
            let text = String::from_utf8_lossy(&checksum).to_lowercase();
            let wanted = text.split_whitespace().next().unwrap_or_default().to_owned();
            if wanted != found {
                return Err(AdmissionError::Digest { found, wanted: system_log_model::text::tidy(wanted, 64) });
            }
        }
        let signature = self.beside(name, SIGNATURE).map_err(unreadable)?;
        Ok(PluginFile { content, digest: found, signature })
    }

    fn beside(&self, name: &str, ending: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(format!("{name}{ending}"));
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(data) if data.len() > MAX_SIDE_BYTES => Err(io::ErrorKind::FileTooLarge.into()),
            Ok(_) => fs::read(path).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, DirectoryOptions) {
        let folder = tempfile::tempdir().unwrap();
        let options = DirectoryOptions { path: folder.path().to_owned(), keys: vec![] };
        (folder, options)
    }

    #[test]
    fn plugins_are_files_with_that_ending_that_are_not_hidden() {
        let (folder, directory) = directory();
        for name in ["b.wasm", "a.wasm", ".c.wasm", "d.wasm.part", "README.md", ".wasm", "a.wasm.sig"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(directory.names().unwrap(), ["a.wasm", "b.wasm"]);
    }

    #[test]
    fn a_change_of_any_file_changes_the_look() {
        let (folder, directory) = directory();
        fs::write(folder.path().join("a.wasm"), "x").unwrap();
        let first = directory.look().unwrap();
        assert_eq!(directory.look().unwrap(), first);
        fs::write(folder.path().join("a.wasm.sig"), "x").unwrap();
        let second = directory.look().unwrap();
        assert_ne!(second, first);
        fs::write(folder.path().join("a.wasm"), "xx").unwrap();
        assert_ne!(directory.look().unwrap(), second);
    }

    #[test]
    fn a_file_must_be_what_its_checksum_says_and_of_bounded_size() {
        let (folder, directory) = directory();
        fs::write(folder.path().join("a.wasm"), "hello").unwrap();
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(directory.read("a.wasm", 5).unwrap().digest, digest, "none beside it");
        assert!(matches!(directory.read("a.wasm", 4), Err(AdmissionError::TooLarge { bytes: 5, max: 4 })));
        fs::write(folder.path().join("a.wasm.sha256"), format!("{}  a.wasm\n", digest.to_uppercase())).unwrap();
        assert!(directory.read("a.wasm", 5).is_ok());
        fs::write(folder.path().join("a.wasm"), "hell").unwrap();
        let refused = directory.read("a.wasm", 5).err().unwrap().to_string();
        assert!(refused.ends_with(&format!("the checksum beside it says {digest}")), "{refused}");
        assert!(directory.read("b.wasm", 5).is_err());
    }
}
