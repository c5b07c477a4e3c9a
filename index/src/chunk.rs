//! Up to 64 events of one organisation as one self-describing value, column by column, so that one text column is read
//! without the rest. Every byte is under a checksum. Where chunks are kept is not known here.
//!
//! `magic 4 | crc32c 4 | version 1 | columns 1 | org length 1 | 0 | rows 4 | first 8 | last 8 | (raw 4, stored 4) per column |
//! org | columns`. Little endian; a column whose stored length is its raw length is not compressed.

mod column;
mod decode;
mod encode;

pub(crate) use column::Strings;
pub(crate) use decode::Chunk;
pub(crate) use encode::pack;

pub(crate) const MAGIC: [u8; 4] = *b"SLC1";
pub(crate) const VERSION: u8 = 1;
/// Bytes before the table of columns.
pub(crate) const HEADER: usize = 32;
/// Rows of the largest chunk.
pub(crate) const MAX_ROWS: usize = 64;
/// Larger chunks are split: sixteen of them must stay below the engine's limit for a page.
pub(crate) const TARGET_BYTES: usize = 6 * 1024;

/// Columns in the order of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Column {
    /// Distances from the sequence before.
    Sequence,
    /// Event time as distance from the one before, then receive time as distance from the event time.
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
