//! How far the days have got. Written by replacing a small file, after everything below it is synced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::OpenError;
use crate::files;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    applied: u64,
    /// Of `applied`'s bytes: a flipped digit would otherwise be a believable number.
    crc32c: u32,
}

/// The checkpoint's file.
#[derive(Debug)]
pub(crate) struct Checkpoint(PathBuf);

impl Checkpoint {
    pub(crate) fn at(directory: &Path) -> Self {
        Self(directory.join("checkpoint"))
    }

    /// The last applied sequence; `None` when there is no checkpoint.
    pub(crate) fn load(&self) -> Result<Option<u64>, OpenError> {
        let text = match fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = self.0.clone();
                return Err(OpenError::Io { path, source });
            }
        };
        let damaged = || OpenError::Checkpoint(self.0.clone());
        let content: Content = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if content.version != VERSION {
            return Err(OpenError::Version { path: self.0.clone(), version: content.version });
        }
        if content.crc32c != crc32c::crc32c(&content.applied.to_le_bytes()) {
            return Err(damaged());
        }
        Ok(Some(content.applied))
    }

    /// Says that everything up to `applied` is in the days, synced.
    pub(crate) fn store(&self, applied: u64) -> io::Result<()> {
        let content = Content { version: VERSION, applied, crc32c: crc32c::crc32c(&applied.to_le_bytes()) };
        files::replace(&self.0, &serde_json::to_vec(&content)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::at(folder.path());
        assert_eq!(checkpoint.load().unwrap(), None);
        checkpoint.store(41).unwrap();
        assert_eq!(checkpoint.load().unwrap(), Some(41));
        let text = fs::read_to_string(&checkpoint.0).unwrap();
        fs::write(&checkpoint.0, text.replace("41", "42")).unwrap();
        assert!(matches!(checkpoint.load(), Err(OpenError::Checkpoint(_))));
    }
}
