//! One UTC day of event time: chunks in a store, words and values in an index, kept in step. What lies above the applied
//! position, and which days there are, is not known here.

mod collect;
mod excluded;
mod grams;
mod index;
mod parts;
mod query;
mod reader;
mod rows;
mod schema;
pub(crate) mod sealed;
mod store;

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use system_log_model::OrgId;

pub(crate) use collect::{Bounds, By, Hit, Windows};
pub(crate) use grams::SHORTEST;
pub(crate) use index::{DayIndex, IndexBuilder, Prepared};
pub(crate) use parts::DayParts;
pub(crate) use query::Conditions;
pub(crate) use reader::{CachedChunk, OrgReader};
pub(crate) use rows::{InOrder, Rows, damaged};
pub(crate) use sealed::{SealedRows, SealedWriter, SpanAt, place};
pub(crate) use store::DayChunks;

use crate::chunk::ChunkError;
use crate::engine::{Engine, EngineError};
use crate::entry::Stored;
use crate::stages::{Stage, Stages};

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
    /// A group of a closed day is damaged.
    #[error("group {group} of the closed day's rows is damaged")]
    Group {
        /// Its number in the file.
        group: u32,
        /// How.
        #[source]
        source: ChunkError,
    },
    /// A closed day's file is not what it should be.
    #[error("the file of the closed day's rows is damaged")]
    Sealed,
    /// Rows are missing that were there.
    #[error("{noted} events are noted and {found} are there")]
    Incomplete {
        /// How many there were.
        noted: u64,
        /// How many there are.
        found: u64,
    },
    /// An index does not hold what it should.
    #[error("the index is damaged")]
    BadIndex,
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

/// An open part of a day: rows, and an index of them.
pub(crate) struct DayHandle {
    pub(crate) rows: Rows,
    /// `None` while it has to be made again: rows are then looked at one after the other.
    index: RwLock<Option<Arc<DayIndex>>>,
}

impl DayHandle {
    fn new(rows: Rows, index: Option<DayIndex>) -> Self {
        Self { rows, index: RwLock::new(index.map(Arc::new)) }
    }

    /// The index, if it is whole.
    pub(crate) fn index(&self) -> Option<Arc<DayIndex>> {
        self.index.read().clone()
    }

    /// Gives the memory of an index writer back.
    pub(crate) fn close_writer(&self) {
        if let Some(index) = self.index() {
            index.close_writer();
        }
    }

    /// As if the index were not whole.
    #[cfg(test)]
    pub(crate) fn forget_index(&self) {
        *self.index.write() = None;
    }

    /// Brings store and index of a live day together. When the index is missing, unreadable or not in step the day is open
    /// without one: nothing can be added to it, and it is closed as soon as may be (S3).
    pub(crate) fn open(engine: Box<dyn Engine>, index: &Path, writer_memory: usize) -> Result<Self, DayError> {
        let rows = Rows::Live(DayChunks::new(engine)?);
        let extent = rows.extent();
        if let Ok(index) = DayIndex::open(index, writer_memory) {
            if index.extent() == extent {
                return Ok(Self::new(rows, Some(index)));
            }
            // The index follows the store, so it is never ahead of it by itself.
            if index.extent().last > extent.last {
                return Err(DayError::Incomplete { noted: index.extent().rows, found: extent.rows });
            }
            // A crash between store and index leaves the index a little behind: only that little is added.
            if index.extent().last < extent.last && extent.rows.saturating_sub(index.extent().rows) <= LITTLE {
                index.add_from(&rows)?;
                if index.extent() == extent {
                    index.close_writer();
                    return Ok(Self::new(rows, Some(index)));
                }
            }
        }
        if extent.rows > 0 {
            return Ok(Self::new(rows, None));
        }
        Ok(Self::new(rows, Some(DayIndex::create(index, writer_memory)?)))
    }

    /// Opens a part of a closed day. Without a whole index it is open all the same; see [`Self::rebuild_index`].
    pub(crate) fn open_sealed(directory: &Path) -> Result<Self, DayError> {
        let rows = Rows::Sealed(SealedRows::open(directory)?);
        let index = DayIndex::open_sealed(&directory.join(INDEX), rows.extent()).ok();
        Ok(Self::new(rows, index))
    }

    /// Makes the index of a part of a closed day from its rows, unless it is whole by now (S3). Questions go on meanwhile. Only one
    /// thread may do this.
    pub(crate) fn rebuild_index(&self, directory: &Path, writer_memory: usize) -> Result<(), DayError> {
        let path = directory.join(INDEX);
        let index = match DayIndex::open_sealed(&path, self.rows.extent()) {
            Ok(index) => index,
            Err(_) => {
                let mut builder = IndexBuilder::create(&path, writer_memory)?;
                for chunk in self.rows.all() {
                    builder.add_chunk(&chunk?)?;
                }
                builder.finish()?;
                DayIndex::open_sealed(&path, self.rows.extent())?
            }
        };
        *self.index.write() = Some(Arc::new(index));
        Ok(())
    }

    /// Takes ascending events over, store first. What it has already is stepped over, so that a replay changes nothing.
    pub(crate) fn apply(&self, events: &[(OrgId, Vec<Arc<Stored>>)], stages: &Stages) -> Result<(), DayError> {
        let (Rows::Live(chunks), Some(index)) = (&self.rows, self.index()) else {
            return Err(DayError::Sealed);
        };
        let count = events.iter().map(|(_, events)| events.len() as u64).sum();
        stages.time(Stage::LiveRows, count, || chunks.append(events))?;
        let extent = chunks.extent();
        let before = index.extent().last;
        let all = events.iter().flat_map(|(_, events)| events);
        let fresh = all.filter(|stored| stored.id.sequence.0 > before);
        let fresh = fresh.map(|stored| (stored.id.sequence.0, &stored.event));
        stages.time(Stage::LiveIndex, count, || index.add(fresh, extent))
    }
}

/// An index that is behind by more rows than two rounds of the applier have is made again, in the background.
const LITTLE: u64 = 1 << 17;

/// The directory of a closed day's index, beside its rows.
pub(crate) const INDEX: &str = "index";
