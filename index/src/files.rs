//! The few things about files that durability hangs on: synced directories, atomic replacement, one holder of a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tantivy::Directory as _;
use tantivy::directory::{MmapDirectory, OwnedBytes};

use crate::error::OpenError;

/// Makes names that were created, renamed or removed in a directory last.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a directory whose own name lasts.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    sync_parent(path)
}

/// Replaces a file so that after a power loss either the old or the new content stands there, whole.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    rename(&fresh, path)
}

/// Gives a file or directory another name in its directory, which then lasts.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    // The parent of a bare name is the working directory.
    let is_named = |parent: &&Path| !parent.as_os_str().is_empty();
    path.parent().map_or(Ok(()), |parent| sync_directory(Some(parent).filter(is_named).unwrap_or(Path::new("."))))
}

/// A file that is never changed, mapped into memory.
pub(crate) fn map(path: &Path) -> io::Result<OwnedBytes> {
    let (directory, name) = path.parent().zip(path.file_name()).unwrap_or((path, path.as_os_str()));
    let directory = MmapDirectory::open(directory).map_err(io::Error::other)?;
    directory.open_read(Path::new(name)).map_err(io::Error::other)?.read_bytes()
}

/// Bytes below a path; what vanishes meanwhile counts nothing.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return meta.len();
    }
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    entries.flatten().map(|entry| disk_bytes(&entry.path())).sum()
}

/// Holds a data folder for as long as it lives.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file would not do: a child just being started shares it and would hold the lock until it runs its program.
        if let Err(error) = self.file.unlock() {
            tracing::debug!(%error, "the lock of the data folder ends with the process");
        }
    }
}

impl FolderLock {
    /// Takes the folder or says that somebody has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, OpenError> {
        let path: PathBuf = directory.join("lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(OpenError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    // A child has every descriptor of its parent until it runs its own program, the one of a lock given back too.
    #[test]
    fn a_folder_given_back_is_free_while_children_are_started() {
        let folder = tempfile::tempdir().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        assert!(Command::new("true").status().unwrap().success());
                    }
                });
            }
            let refused = (0..20_000).find_map(|_| FolderLock::take(folder.path()).err());
            is_over.store(true, Ordering::Relaxed);
            assert!(refused.is_none(), "{refused:?}");
        });
    }
}
