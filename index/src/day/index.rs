//! One day's tantivy index: written by the applier alone, read through a searcher that is swapped as a whole. Everything in
//! it can be made again from the day's chunks.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use system_log_model::Event;
use tantivy::collector::Count;
use tantivy::directory::MmapDirectory;
use tantivy::index::IndexSettings;
use tantivy::indexer::{IndexWriterOptions, SingleSegmentIndexWriter};
use tantivy::query::Query;
use tantivy::store::Compressor;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError};

use super::collect::{Bounds, By, CountWithin, First, Hit};
use super::query::{self, Conditions};
use super::rows::{Rows, damaged};
use super::schema::{self, Fields, SEQUENCE, tag};
use super::{DayError, Extent};
use crate::chunk::Chunk;
use crate::failpoint::{self, Failpoint};

/// The format of documents and tags; another one is rebuilt.
const VERSION: u32 = 1;

/// What a commit notes: how far it goes.
#[derive(Serialize, Deserialize)]
struct Payload {
    version: u32,
    last: u64,
    rows: u64,
}

/// An index at one commit.
struct Opened {
    searcher: Searcher,
    extent: Extent,
    /// Every event name of the day.
    kinds: Vec<Arc<str>>,
}

/// See the file's first lines.
pub(crate) struct DayIndex {
    index: Index,
    fields: Fields,
    reader: IndexReader,
    opened: RwLock<Arc<Opened>>,
    writer: Mutex<Option<IndexWriter>>,
    writer_memory: usize,
}

/// A query at one commit of one day.
pub(crate) struct Prepared {
    opened: Arc<Opened>,
    query: Box<dyn Query>,
    /// Whether the global search needs no look at the texts.
    pub(crate) search_is_exact: bool,
}

impl DayIndex {
    /// Opens what is there, if every byte of it is what was written.
    pub(crate) fn open(path: &Path, writer_memory: usize) -> Result<Self, DayError> {
        // The engine panics on some damage, as an overflow for example.
        let opened = catch_unwind(AssertUnwindSafe(|| Self::open_checked(path, writer_memory)));
        opened.unwrap_or(Err(DayError::BadIndex))
    }

    fn open_checked(path: &Path, writer_memory: usize) -> Result<Self, DayError> {
        let directory = MmapDirectory::open(path).map_err(TantivyError::from)?;
        let mut index = Index::open(directory)?;
        if index.schema() != schema::schema().0 {
            let message = "the index has another schema".to_owned();
            return Err(TantivyError::SchemaError(message).into());
        }
        index.set_tokenizers(schema::tokenizers());
        // Before anything is read: a changed byte would be an answer without a row, or a panic.
        let segments: Vec<String> = index.load_metas()?.segments.iter().map(|s| s.id().uuid_string()).collect();
        let io = |error: std::io::Error| TantivyError::IoError(Arc::new(error));
        for entry in fs::read_dir(path).map_err(io)? {
            let name = PathBuf::from(entry.map_err(io)?.file_name());
            let is_ours = name.to_str().is_some_and(|name| segments.iter().any(|id| name.starts_with(id.as_str())));
            if is_ours && !index.directory().validate_checksum(&name).map_err(TantivyError::from)? {
                return Err(DayError::BadIndex);
            }
        }
        let opened = Self::with(index, writer_memory)?;
        let documents = opened.opened.read().searcher.num_docs();
        // A closed day's index has no note of its own.
        let noted = opened.extent();
        if noted != Extent::default() && noted.rows != documents {
            return Err(DayError::BadIndex);
        }
        Ok(opened)
    }

    /// Makes an empty one in place of whatever is there.
    pub(crate) fn create(path: &Path, writer_memory: usize) -> Result<Self, DayError> {
        Self::with(builder_in(path)?.create_in_dir(path)?, writer_memory)
    }

    /// Opens a closed day's index, if it holds these rows.
    pub(crate) fn open_sealed(path: &Path, extent: Extent) -> Result<Self, DayError> {
        let opened = Self::open(path, 0)?;
        {
            let mut current = opened.opened.write();
            let searcher = current.searcher.clone();
            let mut last = 0;
            for segment in searcher.segment_readers() {
                last = last.max(segment.fast_fields().u64(SEQUENCE)?.max_value());
            }
            // Sequences are given out once, so the rows of another day have another highest one.
            if searcher.num_docs() != extent.rows || last != extent.last {
                return Err(DayError::BadIndex);
            }
            *current = Arc::new(Opened { searcher, extent, kinds: current.kinds.clone() });
        }
        Ok(opened)
    }

    fn with(index: Index, writer_memory: usize) -> Result<Self, DayError> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let fields = schema::schema().1;
        let opened = Opened::read(&index, &reader, fields)?;
        Ok(Self {
            index,
            fields,
            reader,
            opened: RwLock::new(Arc::new(opened)),
            writer: Mutex::new(None),
            writer_memory,
        })
    }

    /// What the last commit holds.
    pub(crate) fn extent(&self) -> Extent {
        self.opened.read().extent
    }

    /// Adds events, notes how far the day goes now, and makes it visible. Nothing is added when it fails.
    pub(crate) fn add<'e>(
        &self,
        events: impl Iterator<Item = (u64, &'e Event)>,
        extent: Extent,
    ) -> Result<(), DayError> {
        let mut slot = self.writer.lock();
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => self.new_writer()?,
        };
        // A writer that failed is dropped here, and with it what was not committed.
        let mut added = 0;
        for (sequence, event) in events {
            writer.add_document(self.fields.document(sequence, event))?;
            added += 1;
        }
        if added > 0 || self.extent() != extent {
            commit(&mut writer, extent)?;
            self.refresh()?;
        }
        *slot = Some(writer);
        Ok(())
    }

    /// Adds everything a day's store has above what is here.
    pub(crate) fn add_from(&self, rows: &Rows) -> Result<(), DayError> {
        let before = self.extent();
        let mut extent = before;
        let mut slot = self.writer.lock();
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => self.new_writer()?,
        };
        for chunk in rows.all() {
            let chunk = chunk?;
            if chunk.bounds().1 <= before.last {
                continue;
            }
            each_row(&chunk, |sequence, event| {
                if sequence > before.last {
                    writer.add_document(self.fields.document(sequence, event))?;
                    extent.last = extent.last.max(sequence);
                    extent.rows += 1;
                }
                Ok(())
            })?;
        }
        commit(&mut writer, extent)?;
        self.refresh()?;
        *slot = Some(writer);
        Ok(())
    }

    fn new_writer(&self) -> Result<IndexWriter, DayError> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(self.writer_memory)
            .build();
        Ok(self.index.writer_with_options(options)?)
    }

    fn refresh(&self) -> Result<(), DayError> {
        self.reader.reload()?;
        let opened = Opened::read(&self.index, &self.reader, self.fields)?;
        *self.opened.write() = Arc::new(opened);
        Ok(())
    }

    /// Gives the writer's memory back, after its merges are done.
    pub(crate) fn close_writer(&self) {
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        if let Err(error) = writer.wait_merging_threads() {
            tracing::warn!(%error, "merging an index failed; it stays as it was");
        }
        if let Err(error) = self.refresh() {
            tracing::warn!(%error, "an index could not be reopened after merging");
        }
    }

    /// A question at the newest commit.
    pub(crate) fn prepare(&self, conditions: Conditions<'_>) -> Result<Prepared, DayError> {
        let opened = self.opened.read().clone();
        let built = query::build(conditions, self.fields, &opened.searcher, &opened.kinds)?;
        Ok(Prepared { opened, query: built.query, search_is_exact: built.search_is_exact })
    }

    /// Every sequence, ascending; for `verify`.
    pub(crate) fn sequences(&self) -> Result<Vec<u64>, DayError> {
        let opened = self.opened.read().clone();
        let mut all = Vec::new();
        for segment in opened.searcher.segment_readers() {
            let column = segment.fast_fields().u64(SEQUENCE)?;
            all.extend((0..segment.max_doc()).filter_map(|document| column.first(document)));
        }
        all.sort_unstable();
        Ok(all)
    }
}

/// What makes an empty index in place of whatever is there.
fn builder_in(path: &Path) -> Result<tantivy::IndexBuilder, DayError> {
    let io = |error: std::io::Error| TantivyError::IoError(Arc::new(error));
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path).map_err(io)?,
        Ok(_) => fs::remove_file(path).map_err(io)?,
        Err(_) => {}
    }
    fs::create_dir_all(path).map_err(io)?;
    let settings = IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    Ok(Index::builder().schema(schema::schema().0).settings(settings).tokenizers(schema::tokenizers()))
}

/// Visits a chunk's rows with their sequences.
fn each_row(chunk: &Chunk, mut visit: impl FnMut(u64, &Event) -> tantivy::Result<()>) -> Result<(), DayError> {
    for (sequence, event) in chunk.all_rows().map_err(|source| damaged(chunk, source))? {
        visit(sequence, &event)?;
    }
    Ok(())
}

/// Makes the index of a day that is being closed: one segment, without threads and without a merge.
pub(crate) struct IndexBuilder {
    writer: SingleSegmentIndexWriter,
    fields: Fields,
}

impl IndexBuilder {
    /// Begins one in place of whatever is there; `memory` is in bytes.
    pub(crate) fn create(path: &Path, memory: usize) -> Result<Self, DayError> {
        let builder = builder_in(path)?;
        let directory = MmapDirectory::open(path).map_err(TantivyError::from)?;
        let writer = builder.single_segment_index_writer(directory, memory)?;
        Ok(Self { writer, fields: schema::schema().1 })
    }

    pub(crate) fn add(&mut self, sequence: u64, event: &Event) -> Result<(), DayError> {
        Ok(self.writer.add_document(self.fields.document(sequence, event))?)
    }

    pub(crate) fn add_chunk(&mut self, chunk: &Chunk) -> Result<(), DayError> {
        let Self { writer, fields } = self;
        each_row(chunk, |sequence, event| writer.add_document(fields.document(sequence, event)))
    }

    /// Ends it; it lasts when this returns.
    pub(crate) fn finish(self) -> Result<(), DayError> {
        self.writer.finalize()?;
        Ok(())
    }
}

fn commit(writer: &mut IndexWriter, extent: Extent) -> Result<(), DayError> {
    let payload = Payload { version: VERSION, last: extent.last, rows: extent.rows };
    let text = serde_json::to_string(&payload).map_err(std::io::Error::from);
    let text = text.map_err(|error| TantivyError::IoError(Arc::new(error)))?;
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&text);
    failpoint::hit(Failpoint::IndexCommit);
    prepared.commit()?;
    failpoint::hit(Failpoint::IndexCommitted);
    Ok(())
}

impl Opened {
    fn read(index: &Index, reader: &IndexReader, fields: Fields) -> Result<Self, DayError> {
        let searcher = reader.searcher();
        let payload = index.load_metas()?.payload;
        let payload: Option<Payload> = payload
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .filter(|payload: &Payload| payload.version == VERSION);
        let extent = payload.map_or(Extent::default(), |payload| Extent { last: payload.last, rows: payload.rows });
        let mut kinds: Vec<Arc<str>> = Vec::new();
        for segment in searcher.segment_readers() {
            let tags = segment.inverted_index(fields.tag)?;
            let stream = tags.terms().range().ge([tag::KIND]).into_stream();
            let mut stream = stream.map_err(TantivyError::from)?;
            while stream.advance() && stream.key().first() == Some(&tag::KIND) {
                let name = std::str::from_utf8(&stream.key()[1..]);
                kinds.extend(name.ok().map(Arc::from));
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Self { searcher, extent, kinds })
    }
}

impl Prepared {
    /// The first rows behind a place, in that order.
    pub(crate) fn first(&self, bounds: Bounds, by: By, after: Option<Hit>, limit: usize) -> Result<Vec<Hit>, DayError> {
        let first = First { bounds, by, after, limit };
        Ok(self.opened.searcher.search(&*self.query, &first)?)
    }

    /// How many rows there are at any time and position.
    pub(crate) fn count_all(&self) -> Result<u64, DayError> {
        Ok(self.opened.searcher.search(&*self.query, &Count)? as u64)
    }

    /// How many rows there are; `is_whole` when every instant of the day counts.
    pub(crate) fn count(&self, bounds: Bounds, is_whole: bool) -> Result<u64, DayError> {
        let searcher = &self.opened.searcher;
        if is_whole && self.opened.extent.last <= bounds.last {
            return self.count_all();
        }
        Ok(searcher.search(&*self.query, &CountWithin(bounds))?)
    }
}
