//! One UTC day of event time: chunks in a store, words and values in an index, kept in step. What lies above the applied
//! position, and which days there are, is not known here.

mod collect;
mod index;
mod query;
mod reader;
mod schema;
mod store;

use std::path::Path;
use std::sync::Arc;

use system_log_model::{Event, OrgId};

pub(crate) use collect::{Bounds, By, Hit};
pub(crate) use index::{DayIndex, Prepared};
pub(crate) use query::Conditions;
pub(crate) use reader::{CachedChunk, OrgReader};
pub(crate) use store::DayChunks;

use crate::chunk::ChunkError;
use crate::engine::{Engine, EngineError};
use crate::entry::Stored;

/// Why a day, or the `meta` store, cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// The key-value engine fails.
    #[error("the store fails")]
    Engine(#[from] EngineError),
    /// The index fails.
    #[error("the index fails")]
    Index(#[from] tantivy::TantivyError),
    /// A chunk is damaged.
    #[error("the chunk of {org} that begins with sequence {first} is damaged")]
    Chunk {
        /// Whose.
        org: String,
        /// Its first sequence, from its key.
        first: u64,
        /// How.
        #[source]
        source: ChunkError,
    },
    /// Rows cannot be written as a chunk.
    #[error("rows cannot be written as a chunk")]
    Pack(#[source] ChunkError),
    /// The index names a row that the store does not have.
    #[error("sequence {0} is in the index and not in the store")]
    Missing(u64),
    /// A small value cannot be read.
    #[error("a stored value cannot be read")]
    Decode(#[from] rmp_serde::decode::Error),
    /// A small value cannot be written.
    #[error("a value cannot be written")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The store was closed meanwhile.
    #[error("the store is closed")]
    Closed,
    /// The day's own note of what it holds cannot be read.
    #[error("the day's note of what it holds is damaged")]
    Note,
}

/// What a day holds, as store and index both note it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// The highest sequence.
    pub(crate) last: u64,
    /// How many events.
    pub(crate) rows: u64,
}

/// An open day.
pub(crate) struct DayHandle {
    pub(crate) chunks: DayChunks,
    pub(crate) index: DayIndex,
    /// Whether the index had to be made from the store.
    pub(crate) was_rebuilt: bool,
}

impl DayHandle {
    /// Brings store and index together. An index that is missing, unreadable or not in step is made from the store (S3).
    pub(crate) fn open(engine: Box<dyn Engine>, index: &Path, writer_memory: usize) -> Result<Self, DayError> {
        let chunks = DayChunks::new(engine)?;
        let extent = chunks.extent();
        if let Ok(index) = DayIndex::open(index, writer_memory) {
            if index.extent() == extent {
                return Ok(Self { chunks, index, was_rebuilt: false });
            }
            // A crash between store and index leaves the index a little behind: only that little is added.
            if index.extent().last < extent.last {
                index.add_from(&chunks)?;
                if index.extent() == extent {
                    index.close_writer();
                    return Ok(Self { chunks, index, was_rebuilt: false });
                }
            }
        }
        let fresh = DayIndex::create(index, writer_memory)?;
        if extent.rows > 0 {
            fresh.add_from(&chunks)?;
            fresh.close_writer();
        }
        Ok(Self { chunks, index: fresh, was_rebuilt: extent.rows > 0 })
    }

    /// Takes ascending events over, store first. What it has already is stepped over, so that a replay changes nothing.
    pub(crate) fn apply(&self, events: &[(OrgId, Vec<Arc<Stored>>)]) -> Result<(), DayError> {
        self.chunks.append(events)?;
        let extent = self.chunks.extent();
        let before = self.index.extent().last;
        let all = events.iter().flat_map(|(_, events)| events);
        let fresh = all.filter(|stored| stored.id.sequence.0 > before);
        self.index.add(fresh.map(|stored| (stored.id.sequence.0, &stored.event)), extent)
    }

    /// One event of an organisation.
    pub(crate) fn get(&self, org: &OrgId, sequence: u64) -> Result<Option<Event>, DayError> {
        let mut reader = OrgReader::new(&self.chunks, org);
        let Some((chunk, row)) = reader.locate(sequence)? else {
            return Ok(None);
        };
        Ok(chunk.events()?.get(row).cloned())
    }
}
