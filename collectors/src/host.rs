//! The door of this crate: records go in under a source's name, outcomes come out. It knows no organisation and no store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, thread};

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use system_log_model::draft::{Outcome, Submission};
use system_log_model::{Catalogue, Timestamp};
use tokio::sync::oneshot;

use crate::admission::AdmissionError;
use crate::cache::Cache;
use crate::directory::{DirectoryOptions, Look};
use crate::job::{self, Stake};
use crate::limits::HostLimits;
use crate::loader::{Candidate, Loader, Trust};
use crate::plugin::CollectorInfo;
use crate::pool::Pool;
use crate::registry::Registry;
use crate::stats::CollectorStats;
use crate::watch::{self, Watched};
use crate::{embedded, engine};

/// How often the plugin directory is looked at: a change is loaded after two looks, sooner than a person expects it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Threads that run plugins, at most [`crate::limits::MAX_THREADS`].
    pub threads: usize,
    /// The operator's configuration per collector name; each a JSON object.
    pub config: BTreeMap<String, Value>,
    /// What plugins may take.
    pub limits: HostLimits,
    /// Where more plugins lie; it is watched.
    pub directory: Option<DirectoryOptions>,
    /// A folder of the host's own, readable by nobody else: compiled plugins, and the last good version of each file.
    pub cache: Option<PathBuf>,
    /// How often the directory is looked at.
    pub look_every: Duration,
}

impl Default for HostOptions {
    /// One thread less than the machine has cores: the rest of the service wants to live as well.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: cores.saturating_sub(1).max(1),
            config: BTreeMap::new(),
            limits: HostLimits::default(),
            directory: None,
            cache: None,
            look_every: LOOK_EVERY,
        }
    }
}

/// Why a host does not come up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The sandbox itself.
    #[error("{0}")]
    Engine(String),
    /// A plugin is not let in.
    #[error("the collector of {origin} is refused: {source}")]
    Refused {
        /// Where it came from.
        origin: String,
        /// Why.
        source: AdmissionError,
    },
    /// Plugins contradict each other or their configuration; all of it.
    #[error("{}", .0.join("; "))]
    Conflicts(Vec<String>),
    /// The plugin directory or the cache.
    #[error("{what}")]
    Folder {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The machine gives no threads.
    #[error("no threads for the collectors")]
    Threads(#[source] io::Error),
}

/// Why records were not collected at all. What happens to a single record is an [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// No collector accepts records under this name.
    #[error("no collector accepts records under this name")]
    UnknownSource,
    /// Too much is waiting already; try again shortly.
    #[error("too many records are waiting for the collectors")]
    Overloaded,
    /// The host is going away.
    #[error("the collectors have been stopped")]
    Stopped,
}

/// Runs collectors. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    /// What serves. Taken out for each request, so that one that is running keeps what it began with.
    registry: RwLock<Arc<Registry>>,
    /// What serves without a directory.
    base: Registry,
    loader: Loader,
    /// Held by the one reload at a time.
    reloading: Mutex<()>,
    pool: Pool,
    stopped: AtomicBool,
}

impl Inner {
    fn registry(&self) -> Arc<Registry> {
        self.registry.read().clone()
    }

    /// The new registry is made beside the one that serves, and takes its place in one step.
    fn reload(&self) -> io::Result<()> {
        let _one_at_a_time = self.reloading.lock();
        let next = self.loader.next(&self.base, &self.registry())?;
        *self.registry.write() = Arc::new(next);
        Ok(())
    }
}

impl Watched for Inner {
    fn look(&self) -> Option<io::Result<Look>> {
        let directory = self.loader.directory.as_ref().filter(|_| !self.stopped.load(Ordering::Relaxed))?;
        Some(directory.look())
    }

    fn changed(&self) {
        if let Err(error) = self.reload() {
            tracing::warn!(%error, "the plugin directory cannot be read; what serves goes on serving");
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let registry = self.0.registry();
        let names = registry.plugins.iter().map(|plugin| &plugin.info.name);
        f.debug_tuple("Host").field(&names.collect::<Vec<_>>()).finish()
    }
}

impl Host {
    /// A host with the built-in collectors, and with those of the directory.
    ///
    /// # Errors
    /// [`HostError`]. A file of the directory that is refused is none: it stands in [`Self::collectors`].
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        Self::load(options, embedded::ALL.iter().map(Candidate::from).collect())
    }

    /// A host with exactly these components (origin, bytes), each with its manifest inside, and those of the directory.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn with_plugins(options: HostOptions, components: Vec<(String, Vec<u8>)>) -> Result<Self, HostError> {
        let candidates = components.iter().map(|(origin, component)| Candidate {
            origin: origin.clone(),
            component,
            trust: Trust::Given,
        });
        Self::load(options, candidates.collect())
    }

    fn load(options: HostOptions, candidates: Vec<Candidate<'_>>) -> Result<Self, HostError> {
        let HostOptions { threads, config, limits, directory, cache, look_every } = options;
        let folder = |what| move |source| HostError::Folder { what, source };
        let engine = engine::shared().map_err(|error| HostError::Engine(error.to_string()))?;
        let cache = cache.map(|path| Cache::open(&path, &engine)).transpose();
        let cache = cache.map_err(folder("the folder for compiled plugins cannot be used"))?;
        let pool = Pool::start(threads, limits.queue_requests, limits.queue_bytes).map_err(HostError::Threads)?;
        let loader = Loader { engine, limits, config, cache, directory };
        let base = loader.base(candidates)?;
        // Before anything is read: what changes in between is seen as a change.
        let unreadable = "the plugin directory cannot be read";
        let look = loader.directory.as_ref().map(DirectoryOptions::look).transpose().map_err(folder(unreadable))?;
        let first = loader.next(&base, &Registry::empty()).map_err(folder(unreadable))?;
        let inner = Arc::new(Inner {
            registry: RwLock::new(Arc::new(first)),
            base,
            loader,
            reloading: Mutex::new(()),
            pool,
            stopped: AtomicBool::new(false),
        });
        if let Some(look) = look {
            watch::start(Arc::downgrade(&inner), look, look_every).map_err(HostError::Threads)?;
        }
        Ok(Self(inner))
    }

    /// Reads the plugin directory again, now: blocks while it compiles. A file that is refused leaves its last good version
    /// serving; requests that are running end on what they began with.
    ///
    /// # Errors
    /// When the directory cannot be read: then nothing has changed.
    pub fn reload(&self) -> io::Result<Vec<CollectorInfo>> {
        self.0.reload()?;
        Ok(self.collectors())
    }

    /// Built-in kinds and those that plugins declare.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.0.registry().catalogue.clone()
    }

    /// What is loaded, in the order it was loaded, and what could not be.
    #[must_use]
    pub fn collectors(&self) -> Vec<CollectorInfo> {
        self.0.registry().describe()
    }

    /// What each collector did.
    #[must_use]
    pub fn stats(&self) -> Vec<CollectorStats> {
        self.0.registry().plugins.iter().map(|plugin| plugin.stats()).collect()
    }

    /// The collector that answers for a source; `None` when there is none.
    #[must_use]
    pub fn collector_of(&self, source: &str) -> Option<Arc<CollectorInfo>> {
        self.0.registry().of(source).map(|plugin| plugin.info.clone())
    }

    /// Collects records: one outcome for each, in order. Whatever a plugin does, the others' records are not harmed.
    ///
    /// Dropping the future abandons the work at the next call into the plugin.
    ///
    /// # Errors
    /// [`CollectError`], for the request as a whole.
    pub async fn collect(
        &self,
        source: &str,
        received_at: Timestamp,
        records: Vec<Submission>,
    ) -> Result<Vec<Outcome>, CollectError> {
        self.submit(source, received_at, records, Stake::Counts).await
    }

    /// The same for records that are looked at or tried again: whatever becomes of them switches no plugin off for others.
    ///
    /// # Errors
    /// As [`Host::collect`].
    pub async fn rehearse(
        &self,
        source: &str,
        received_at: Timestamp,
        records: Vec<Submission>,
    ) -> Result<Vec<Outcome>, CollectError> {
        self.submit(source, received_at, records, Stake::Nothing).await
    }

    async fn submit(
        &self,
        source: &str,
        received_at: Timestamp,
        records: Vec<Submission>,
        stake: Stake,
    ) -> Result<Vec<Outcome>, CollectError> {
        let plugin = self.0.registry().of(source).ok_or(CollectError::UnknownSource)?.clone();
        let (limits, source) = (self.0.loader.limits.clone(), source.to_owned());
        let bytes = records.iter().map(size).sum();
        let (answer, wait) = oneshot::channel();
        let work = move |stopping: &std::sync::atomic::AtomicBool| {
            let cancelled = || stopping.load(Ordering::Relaxed) || answer.is_closed();
            let result = job::run(&plugin, (source, received_at), records, stake, &limits, &cancelled);
            // Nobody waits any more: then nobody is told.
            let _ = answer.send(result);
        };
        self.0.pool.submit(bytes, Box::new(work))?;
        // A job that is dropped unanswered was still waiting when the host stopped.
        wait.await.unwrap_or(Err(CollectError::Stopped))
    }

    /// Takes no more records, and ends the threads after their present call. Requests that wait are answered `Stopped`.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        self.0.pool.stop();
    }
}

fn size(record: &Submission) -> usize {
    record.payload.len() + record.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
