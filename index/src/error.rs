//! What can go wrong, by what the caller can do about it. Sources are kept; no message names a secret.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use system_log_model::clock::Day;

pub use crate::chunk::ChunkError;
pub use crate::day::DayError;
pub use crate::engine::EngineError;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store of this one, holds the folder.
    #[error("the data folder {} is in use by a running server", .0.display())]
    Locked(PathBuf),
    /// There is no such folder.
    #[error("there is no data folder {}", .0.display())]
    Missing(PathBuf),
    /// The operating system refused.
    #[error("{}", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The checkpoint is not one of ours.
    #[error("the checkpoint {} is damaged", .0.display())]
    Checkpoint(PathBuf),
    /// Directory, dead letters and keys cannot be read.
    #[error("the store of directory, dead letters and keys cannot be opened")]
    Meta(#[source] DayError),
    /// Events of closed days that are not folded in yet cannot be read.
    #[error("late events cannot be told from the others")]
    Late(#[source] DayError),
    /// Written by a version that is not known here.
    #[error("{} has format version {version}, which this build does not know", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Why nothing is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A bounded queue is full; nothing was stored; a retry can help.
    #[error("too much is waiting to be stored")]
    Overloaded,
    /// The log takes nothing any more. Whether this request's records are stored is unknown when the write itself failed.
    #[error("the log cannot be written: {0}")]
    Unavailable(Unavailable),
    /// The caller broke the contract of this crate.
    #[error("not a group that can be stored: {0}")]
    Invalid(String),
}

/// Why the log takes nothing any more.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    /// Somebody called `close`.
    #[error("the store is closed")]
    Closed,
    /// A write or a sync failed. What the kernel then holds is unknown, so only a restart may go on.
    #[error("poisoned by a failed write: {0}")]
    Poisoned(Arc<str>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A day cannot be read.
    #[error("the day {day} cannot be read")]
    Day {
        /// Which.
        day: Day,
        /// Why.
        #[source]
        source: DayError,
    },
    /// Dead letters cannot be read.
    #[error("directory, dead letters and keys cannot be read")]
    Meta(#[source] DayError),
    /// The cursor is not one of this order.
    #[error("the cursor belongs to another order")]
    Cursor,
}

/// Why maintenance stopped.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A day cannot be written.
    #[error("the day {day} cannot be written")]
    Day {
        /// Which.
        day: Day,
        /// Why.
        #[source]
        source: DayError,
    },
    /// Directory, dead letters or keys cannot be written.
    #[error("directory, dead letters and keys cannot be written")]
    Meta(#[source] DayError),
    /// Events of closed days cannot be written.
    #[error("late events cannot be written")]
    Late(#[source] DayError),
    /// The operating system refused.
    #[error("{}", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The applier failed; it tries again by itself.
    #[error("not everything could be applied: {0}")]
    Apply(String),
}

impl MaintainError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// An error with its causes in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
