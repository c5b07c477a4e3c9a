//! What outlives a restart: compiled plugins, and of each file of the directory the last version that was good.
//!
//! Compiled code is known by the plugin's content and by wasmtime's compatibility hash. Loading it runs it unchecked, so the
//! folder is the service's own, readable by nobody else; a checksum keeps out what a crash has cut off.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Bytes of the checksum before the code.
const CHECKSUM_BYTES: usize = 32;
/// Ending of compiled plugins.
const COMPILED: &str = "cwasm";

/// A folder of our own.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    compatibility: u64,
}

impl Cache {
    /// Opens it, made when it is missing.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        for folder in [folder.to_owned(), folder.join("good")] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), compatibility: hasher.finish() })
    }

    /// The compiled plugin of that digest, if it is there and whole.
    #[expect(unsafe_code, reason = "wasmtime cannot check compiled code")]
    pub(crate) fn compiled(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let file = fs::read(self.file(digest)).ok()?;
        let (checksum, code) = file.split_at_checked(CHECKSUM_BYTES)?;
        if Sha256::digest(code)[..] != *checksum {
            tracing::warn!(digest, "compiled code in the cache is damaged; the plugin is compiled again");
            return None;
        }
        // SAFETY: only `keep` writes to this folder, which nobody else may write to, and the checksum holds. wasmtime itself
        // refuses the code of another version or configuration.
        let component = unsafe { Component::deserialize(engine, code) };
        component.map_err(|error| tracing::warn!(digest, %error, "compiled code in the cache is refused")).ok()
    }

    /// Keeps a compiled plugin. A cache that cannot be written costs time at the next start, nothing else.
    pub(crate) fn keep(&self, digest: &str, component: &Component) {
        let kept = component.serialize().map_err(|error| io::Error::other(error.to_string())).and_then(|code| {
            let mut file = Sha256::digest(&code).to_vec();
            file.extend(code);
            write(&self.file(digest), &file)
        });
        if let Err(error) = kept {
            tracing::warn!(digest, %error, "a compiled plugin cannot be kept");
        }
    }

    /// Removes compiled plugins other than these, and those of other versions of wasmtime.
    pub(crate) fn retain(&self, digests: &[&str]) {
        let wanted: Vec<PathBuf> = digests.iter().map(|digest| self.file(digest)).collect();
        for path in fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|ending| ending == COMPILED) && !wanted.contains(&path) {
                // What stays is tried again next time.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Remembers a file that was good, with its signature.
    pub(crate) fn remember(&self, name: &str, content: &[u8], signature: Option<&[u8]>) {
        let path = self.folder.join("good").join(name);
        let signed = path.with_added_extension("sig");
        let written = write(&path, content).and_then(|()| match signature {
            Some(signature) => write(&signed, signature),
            None if signed.exists() => fs::remove_file(signed),
            None => Ok(()),
        });
        if let Err(error) = written {
            tracing::warn!(name, %error, "a good plugin cannot be remembered");
        }
    }

    /// The last good version of a file, with its signature.
    pub(crate) fn good(&self, name: &str) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let path = self.folder.join("good").join(name);
        Some((fs::read(&path).ok()?, fs::read(path.with_added_extension("sig")).ok()))
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}.{COMPILED}", self.compatibility))
    }
}

/// All or nothing, also when the power goes.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_added_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::guest::{HONEST, MANIFEST};
    use crate::{admission, digest, engine};

    #[test]
    fn what_was_compiled_is_found_again_and_what_is_damaged_is_not() {
        let (folder, engine) = (tempfile::tempdir().unwrap(), engine::shared().unwrap());
        let cache = Cache::open(&folder.path().join("cache"), &engine).unwrap();
        let plugin = HONEST.with(MANIFEST);
        let digest = digest::of(&plugin);
        assert!(cache.compiled(&engine, &digest).is_none(), "empty");
        cache.keep(&digest, &admission::compile(&engine, &plugin).unwrap());
        assert!(cache.compiled(&engine, &digest).is_some());
        let path = cache.file(&digest);
        let whole = fs::read(&path).unwrap();
        for damaged in
            [&whole[..whole.len() / 2], &whole[..10], &[&whole[..40], &[whole[40] ^ 1], &whole[41..]].concat()]
        {
            fs::write(&path, damaged).unwrap();
            assert!(cache.compiled(&engine, &digest).is_none());
        }
    }

    #[test]
    fn what_nobody_wants_is_removed() {
        let (folder, engine) = (tempfile::tempdir().unwrap(), engine::shared().unwrap());
        let cache = Cache::open(folder.path(), &engine).unwrap();
        let component = admission::compile(&engine, &HONEST.with(MANIFEST)).unwrap();
        cache.keep("a", &component);
        cache.keep("b", &component);
        fs::write(folder.path().join("c-0.cwasm"), "of another wasmtime").unwrap();
        cache.retain(&["b"]);
        assert!(cache.compiled(&engine, "a").is_none() && cache.compiled(&engine, "b").is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "b and the folder of good ones");
    }

    #[test]
    fn the_last_good_version_is_remembered_with_its_signature() {
        let (folder, engine) = (tempfile::tempdir().unwrap(), engine::shared().unwrap());
        let cache = Cache::open(folder.path(), &engine).unwrap();
        assert!(cache.good("a.wasm").is_none());
        cache.remember("a.wasm", b"one", Some(b"sig"));
        assert_eq!(cache.good("a.wasm"), Some((b"one".to_vec(), Some(b"sig".to_vec()))));
        cache.remember("a.wasm", b"two", None);
        assert_eq!(cache.good("a.wasm"), Some((b"two".to_vec(), None)));
    }
}
