//! Remember it, find it again, forget it after 90 days.
//!
//! | idea | file |
//! |---|---|
//! | what a caller says and gets | [`entry`], [`options`], [`error`] |
//! | the truth: one log for everything, synced before the answer | `log` |
//! | what the days do not have yet | `memory`, `directory`, `letters`, `dedupe`, `api_keys`, `marks` |
//! | one directory for each UTC day: chunks in sled or in a sealed file, words in tantivy | `chunk`, `engine`, `day`, `days` |
//! | from the log to the days | `apply`, `late`, `keys`, `checkpoint`, `meta` |
//! | closing days, folding late rows in | `seal` |
//! | answers | `plan`, `verdict`, `page`, `scan`, `tail` |
//! | forgetting and checking | `sweep`, `verify` |
//! | what an operator sees | [`status`], `stages` |
//! | where the kill rig may end it | `failpoint` |
//!
//! A read is the days up to the applied position, and memory above it. This crate knows neither the wire nor the sandbox.

mod api_keys;
mod apply;
mod checkpoint;
mod chunk;
mod day;
mod days;
mod dedupe;
mod directory;
mod engine;
pub mod entry;
pub mod error;
mod failpoint;
mod files;
mod keys;
mod late;
mod letters;
mod log;
mod marks;
mod memory;
mod meta;
pub mod options;
mod page;
mod plan;
mod scan;
mod seal;
mod shared;
mod stages;
pub mod status;
mod store;
mod sweep;
mod tail;
mod verdict;
mod verify;

#[cfg(test)]
mod tests;

pub use entry::{Appended, Change, Claim, DedupeKey, Group, Mark, Snapshot, Stored};
pub use error::{AppendError, DayError, MaintainError, OpenError, ReadError, Unavailable};
pub use marks::MarkState;
pub use options::{StoreLimits, StoreOptions};
pub use page::{Cursor, Direction, Page, PageRequest};
pub use scan::Scan;
pub use stages::{Stage, StageTotal};
pub use status::Status;
pub use store::Store;
pub use sweep::SweepReport;
pub use tail::Arrived;
pub use verify::{Problem, VerifyReport};
