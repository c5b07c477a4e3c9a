//! How far the days have got, and from where on the log has what is late. Written by replacing a small file, after everything
//! below it is synced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::OpenError;
use crate::files;

const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    applied: u64,
    late_above: u64,
    /// Of the three numbers' bytes: a flipped digit would otherwise be a believable number.
    crc32c: u32,
}

/// What every version of the file says.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// What a checkpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Everything up to here is in the days, or late.
    pub(crate) applied: u64,
    /// Everything up to here is in the days.
    pub(crate) late_above: u64,
}

impl Position {
    fn checksum(self, version: u32) -> u32 {
        let numbers = [u64::from(version), self.applied, self.late_above];
        numbers.iter().fold(0, |crc, number| crc32c::crc32c_append(crc, &number.to_le_bytes()))
    }
}

/// The checkpoint's file.
#[derive(Debug)]
pub(crate) struct Checkpoint(PathBuf);

impl Checkpoint {
    pub(crate) fn at(directory: &Path) -> Self {
        Self(directory.join("checkpoint"))
    }

    /// Where the days are; `None` when there is no checkpoint.
    pub(crate) fn load(&self) -> Result<Option<Position>, OpenError> {
        let text = match fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = self.0.clone();
                return Err(OpenError::Io { path, source });
            }
        };
        let damaged = || OpenError::Checkpoint(self.0.clone());
        let foreign = |version| OpenError::Version { path: self.0.clone(), version };
        let content: Content = serde_json::from_slice(&text).map_err(|_| {
            let versioned: Option<Versioned> = serde_json::from_slice(&text).ok();
            versioned.filter(|other| other.version != VERSION).map_or_else(damaged, |other| foreign(other.version))
        })?;
        let position = Position { applied: content.applied, late_above: content.late_above };
        // First, or a flipped bit of the version would be another version.
        if content.crc32c != position.checksum(content.version) {
            return Err(damaged());
        }
        if content.version != VERSION {
            return Err(foreign(content.version));
        }
        Ok(Some(position))
    }

    /// Says where the days are, synced.
    pub(crate) fn store(&self, position: Position) -> io::Result<()> {
        let Position { applied, late_above } = position;
        let content = Content { version: VERSION, applied, late_above, crc32c: position.checksum(VERSION) };
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
        let position = Position { applied: 41, late_above: 30 };
        checkpoint.store(position).unwrap();
        assert_eq!(checkpoint.load().unwrap(), Some(position));
        let text = fs::read_to_string(&checkpoint.0).unwrap();
        for (number, other) in [("41", "42"), ("30", "31"), ("\"version\":2", "\"version\":0")] {
            fs::write(&checkpoint.0, text.replace(number, other)).unwrap();
            assert!(matches!(checkpoint.load(), Err(OpenError::Checkpoint(_))));
        }
        fs::write(&checkpoint.0, r#"{"version":3,"another":"layout"}"#).unwrap();
        assert!(matches!(checkpoint.load(), Err(OpenError::Version { version: 3, .. })));
    }
}
