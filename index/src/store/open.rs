//! Opening: folder, checkpoint, directory, log, threads – in the order in which each needs the one before.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;

use crossbeam_channel::bounded;
use parking_lot::{Mutex, RwLock};

use super::{Doors, Handle};
use crate::api_keys::ApiKeys;
use crate::apply;
use crate::checkpoint::{Checkpoint, Position};
use crate::days::{Days, directory};
use crate::dedupe::PendingKeys;
use crate::error::OpenError;
use crate::files::{self, FolderLock};
use crate::keys::Keys;
use crate::late::LateAgain;
use crate::letters::PendingLetters;
use crate::log::segment::{self, Sink};
use crate::log::writer::{OpenSink, Writer};
use crate::log::{record, recovery};
use crate::marks::Marks;
use crate::memory::Memory;
use crate::meta::Meta;
use crate::options::StoreOptions;
use crate::seal;
use crate::shared::{Load, Shared, batch_of};
use crate::stages::Stages;

/// Commands that may wait for the applier; waking it needs no more than one.
const COMMANDS: usize = 64;

pub(super) fn open(options: StoreOptions) -> Result<Handle, OpenError> {
    open_with(options, |log| {
        let log = log.to_owned();
        Box::new(move |first| segment::create(&log, first).map(|file| Box::new(file) as Box<dyn Sink>))
    })
}

/// The same with another place for frames: tests let it fail.
pub(super) fn open_with(options: StoreOptions, sinks: impl FnOnce(&Path) -> OpenSink) -> Result<Handle, OpenError> {
    let directory = options.directory.clone();
    let io = |path: &Path| OpenError::io(path);
    let log = directory.join("log");
    files::make_directory(&directory).map_err(io(&directory))?;
    let lock = FolderLock::take(&directory)?;
    files::make_directory(&log).map_err(io(&log))?;
    directory::finish_removals(&directory).map_err(io(&directory))?;
    let (shared, position) = shared_at(options)?;
    let next = replay(&shared, position, &log)?;
    let mut sinks = sinks(&log);
    let sink = sinks(next).map_err(io(&log))?;
    let shared = Arc::new(shared);
    let (requests, queue) = bounded(shared.limits.queue.max(1));
    let (applier, commands) = bounded(COMMANDS);
    let writer = Writer {
        shared: shared.clone(),
        requests: queue,
        applier: applier.clone(),
        open: sinks,
        sink,
        next,
        written: segment::HEADER.len() as u64,
        begun: shared.clock.now(),
    };
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let writer_thread = named("log-writer").spawn(move || writer.run()).map_err(io(&directory))?;
    let applying = shared.clone();
    let applier_thread =
        named("log-applier").spawn(move || apply::run(&applying, &commands)).map_err(io(&directory))?;
    let (sealer, commands) = bounded(COMMANDS);
    let sealing = shared.clone();
    let sealer_thread = named("day-sealer").spawn(move || seal::run(&sealing, &commands)).map_err(io(&directory))?;
    Ok(Handle {
        shared,
        doors: Mutex::new(Doors {
            requests: Some(requests),
            applier,
            writer_thread: Some(writer_thread),
            applier_thread: Some(applier_thread),
            sealer,
            sealer_thread: Some(sealer_thread),
            lock: Some(lock),
        }),
    })
}

fn shared_at(options: StoreOptions) -> Result<(Shared, Position), OpenError> {
    let StoreOptions { directory, clock, limits } = options;
    let checkpoint = Checkpoint::at(&directory);
    let (position, checkpoint_lost) = position(&checkpoint, &directory)?;
    let meta = directory.join("meta");
    let (meta, names, meta_lost) = Meta::open_or_replace(&meta, limits.meta_cache).map_err(OpenError::Meta)?;
    let api_keys = ApiKeys::of(meta.api_keys().map_err(OpenError::Meta)?);
    let marks = Marks::of(meta.marks(clock.now()).map_err(OpenError::Meta)?);
    let days = Days::at(&directory, &limits).map_err(OpenError::io(&directory))?;
    if let Some(what) = checkpoint_lost {
        tracing::error!(%what, "the log is applied again from its beginning");
    }
    let keys = directory.join("keys");
    let (key_files, losses) = Keys::open(&keys).map_err(OpenError::io(&keys))?;
    losses.into_iter().chain(meta_lost).for_each(|what| days.lost(what));
    let shared = Shared {
        directory,
        clock,
        limits,
        memory: Memory::starting_at(position.applied),
        names: RwLock::new(names),
        letters: PendingLetters::default(),
        keys: PendingKeys::default(),
        key_files,
        api_keys,
        marks,
        meta,
        days,
        checkpoint,
        load: Load::default(),
        stages: Stages::default(),
        poison: OnceLock::new(),
        is_closed: AtomicBool::new(false),
        apply_error: Mutex::default(),
        log_state: Mutex::default(),
    };
    Ok((shared, position))
}

/// How far the days are. Without a checkpoint that can be read it is what the log no longer has: its files go only once the
/// days have them, and applying the rest again changes nothing.
fn position(checkpoint: &Checkpoint, directory: &Path) -> Result<(Position, Option<String>), OpenError> {
    let log = directory.join("log");
    let below = || -> Result<Position, OpenError> {
        let files = segment::list(&log).map_err(OpenError::io(&log))?;
        let applied = files.first().map_or(0, |(first, _)| first.saturating_sub(1));
        Ok(Position { applied, late_above: applied })
    };
    match checkpoint.load() {
        Ok(Some(position)) => Ok((position, None)),
        Ok(None) => Ok((below()?, None)),
        Err(error @ OpenError::Checkpoint(_)) => Ok((below()?, Some(error.to_string()))),
        Err(error) => Err(error),
    }
}

/// Makes everything above the checkpoint visible again, and late what is late; the next free sequence.
fn replay(shared: &Shared, position: Position, log: &Path) -> Result<u64, OpenError> {
    let applied = position.applied;
    let mut unreadable = Vec::new();
    let mut late = LateAgain::new(&shared.days, applied);
    let recovered = recovery::recover(log, position.late_above, |frame| {
        let (first, last, bytes) = (frame.first, frame.last(), frame.raw.len());
        let Some(records) = record::decode_all(&frame.raw) else {
            unreadable.push(format!("log: records {first} to {last} cannot be read"));
            return;
        };
        let batch = batch_of(first, records, bytes);
        if last <= applied {
            late.take(batch.events);
            return;
        }
        shared.load.add(batch.records(), bytes);
        shared.publish(batch);
    });
    let recovered = recovered.map_err(OpenError::io(log))?;
    late.finish().map_err(OpenError::Late)?;
    let mut damage: Vec<String> = recovered.damage.iter().map(ToString::to_string).collect();
    damage.extend(unreadable);
    for text in &damage {
        tracing::error!(damage = %text, "the log is damaged");
    }
    *shared.log_state.lock() = (damage, recovered.torn as u64);
    // A file is named after the first sequence it may hold: with neither checkpoint nor frames this is what is left to say
    // which ones were given out.
    let named = segment::list(log).map_err(OpenError::io(log))?.last().map_or(0, |(first, _)| first.saturating_sub(1));
    Ok(applied.max(recovered.last).max(named) + 1)
}
