//! Events of one or more organisations as one self-describing value, column by column, so that one text column is read without
//! the rest. Every byte is under a checksum. Where chunks are kept is not known here.
//!
//! `magic 4 | crc32c 4 | version 1 | columns 1 | 0 2 | head length 4 | head | columns`, little endian. The head is numbers of
//! variable length: how many spans; for each its organisation's length and name, rows, lowest sequence and distance to the
//! highest; then raw and stored length of each column. A column whose stored length is its raw length is not compressed.

mod column;
mod decode;
mod encode;

use std::ops::Range;

pub(crate) use column::{Strings, put_number, take_number};
pub(crate) use decode::{Chunk, Columns};
pub(crate) use encode::{Row, pack};
use system_log_model::OrgId;

pub(crate) const MAGIC: [u8; 4] = *b"SLC2";
pub(crate) const VERSION: u8 = 2;
/// Bytes before the head.
pub(crate) const HEADER: usize = 16;

/// How large chunks may be, and how hard their columns are compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    /// Larger chunks are split, down to one row.
    pub(crate) bytes: usize,
    /// Of zstd.
    pub(crate) level: i32,
}

impl Shape {
    /// For the key-value engine: sixteen chunks must stay below its limit for a page, and a chunk is written again for as
    /// long as it is filled.
    pub(crate) const LIVE: Self = Self { rows: 64, bytes: 6 * 1024, level: 3 };
    /// For rows that are late, in memory for a while: quick to make, and of many organisations.
    pub(crate) const LATE: Self = Self { rows: 256, bytes: 64 * 1024, level: 1 };
    /// For files that are not written in place: larger groups compress far better, and a page still unpacks only one or two.
    /// Higher levels take half as long again and save less than one byte an event.
    pub(crate) const SEALED: Self = Self { rows: 256, bytes: 256 * 1024, level: 5 };
}

/// The rows of one organisation within a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) org: OrgId,
    pub(crate) rows: Range<usize>,
    /// The lowest sequence.
    pub(crate) first: u64,
    /// The highest one.
    pub(crate) last: u64,
}

/// Columns in the order of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Column {
    /// Distances from the sequence before; a span begins at its lowest one.
    Sequence,
    /// Event times as distances from the one before, then receive times in the same way, both in the coarsest unit that
    /// loses nothing.
    Time,
    /// Log, severity, category and whether it came before sign-in, in one byte.
    Flags,
    Kind,
    Message,
    Recipient,
    Subject,
    /// `Option<Actor>`, msgpack.
    Actor,
    /// `Option<AiUsage>`, msgpack.
    Ai,
    /// (source, change, webhook, attributes), msgpack.
    Rest,
}

/// How many there are.
pub(crate) const COLUMNS: usize = 10;

/// Why bytes are not a chunk of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Too short, or longer than it says.
    #[error("the length is wrong")]
    Length,
    /// Not a chunk.
    #[error("this is not a chunk")]
    Magic,
    /// Written by a version that is not known here.
    #[error("format version {0} is not known")]
    Version(u8),
    /// Bytes have changed.
    #[error("the checksum is wrong")]
    Checksum,
    /// The checksum is right and the content is not: a mistake of ours.
    #[error("column {0} cannot be read")]
    Column(u8),
    /// A row cannot be written.
    #[error("a row cannot be encoded: {0}")]
    Encode(String),
}

#[cfg(test)]
mod tests;
