//! The files of the log: `log/<first sequence>.log`, each with a header that says what it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failpoint::{self, Failpoint};
use crate::files::sync_directory;

/// `SLOG` and the format version, little endian.
pub(crate) const HEADER: [u8; 8] = [b'S', b'L', b'O', b'G', 1, 0, 0, 0];

/// Where frames go: a file, or in tests one that fails.
pub(crate) trait Sink: Send {
    /// Writes all of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when it will survive a power loss.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The file that begins with a sequence.
pub(crate) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.log"))
}

/// Begins a file; its name and header last when this returns.
pub(crate) fn create(directory: &Path, first: u64) -> io::Result<File> {
    // Truncating: a file of that very name holds no whole frame, else its sequences would be taken.
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path(directory, first))?;
    file.write_all(&HEADER)?;
    file.sync_all()?;
    sync_directory(directory)?;
    Ok(file)
}

/// All files in order, each with the sequence it begins with.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".log"))
            .and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the files that hold nothing above `applied`. The newest always stays.
pub(crate) fn drop_below(directory: &Path, applied: u64) -> io::Result<usize> {
    let files = list(directory)?;
    let mut removed = 0;
    for pair in files.windows(2) {
        // A file ends where the next one begins.
        if pair[1].0 <= applied + 1 {
            failpoint::hit(Failpoint::LogDrop);
            match fs::remove_file(&pair[0].1) {
                Ok(()) => removed += 1,
                // Applier and sweep may both be at it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    if removed > 0 {
        sync_directory(directory)?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_wholly_below_the_checkpoint_go() {
        let folder = tempfile::tempdir().unwrap();
        for first in [1, 11, 21] {
            create(folder.path(), first).unwrap();
        }
        assert_eq!(drop_below(folder.path(), 9).unwrap(), 0);
        assert_eq!(drop_below(folder.path(), 10).unwrap(), 1);
        assert_eq!(drop_below(folder.path(), 1_000).unwrap(), 1);
        let left: Vec<u64> = list(folder.path()).unwrap().iter().map(|f| f.0).collect();
        assert_eq!(left, [21], "the newest stays");
    }
}
