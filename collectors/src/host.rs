//! The door of this crate: records go in under a source's name, outcomes come out. It knows no organisation and no store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{io, thread};

use serde_json::Value;
use system_log_model::draft::{Outcome, Submission};
use system_log_model::{Catalogue, Timestamp};
use tokio::sync::oneshot;

use crate::admission::AdmissionError;
use crate::limits::HostLimits;
use crate::plugin::CollectorInfo;
use crate::pool::Pool;
use crate::registry::{Candidate, Registry};
use crate::{embedded, engine, job};

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Threads that run plugins, at most [`crate::limits::MAX_THREADS`].
    pub threads: usize,
    /// The operator's configuration per collector name; each a JSON object.
    pub config: BTreeMap<String, Value>,
    /// What plugins may take.
    pub limits: HostLimits,
}

impl Default for HostOptions {
    /// One thread less than the machine has cores: the rest of the service wants to live as well.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: cores.saturating_sub(1).max(1), config: BTreeMap::new(), limits: HostLimits::default() }
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
    registry: Registry,
    limits: HostLimits,
    pool: Pool,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.registry.plugins.iter().map(|plugin| &plugin.info.name);
        f.debug_tuple("Host").field(&names.collect::<Vec<_>>()).finish()
    }
}

impl Host {
    /// A host with the built-in collectors.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        Self::load(options, embedded::ALL.iter().map(Candidate::from).collect())
    }

    /// A host with exactly these components (origin, bytes), each with its manifest inside.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn with_plugins(options: HostOptions, components: Vec<(String, Vec<u8>)>) -> Result<Self, HostError> {
        let candidates =
            components.iter().map(|(origin, component)| Candidate { origin: origin.clone(), component, shared: false });
        Self::load(options, candidates.collect())
    }

    fn load(options: HostOptions, candidates: Vec<Candidate<'_>>) -> Result<Self, HostError> {
        let HostOptions { threads, config, limits } = options;
        let engine = engine::shared().map_err(|error| HostError::Engine(error.to_string()))?;
        let registry = Registry::load(&engine, &limits, &config, candidates)?;
        let pool = Pool::start(threads, limits.queue_requests, limits.queue_bytes).map_err(HostError::Threads)?;
        Ok(Self(Arc::new(Inner { registry, limits, pool })))
    }

    /// Built-in kinds and those that plugins declare.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.0.registry.catalogue.clone()
    }

    /// What is loaded, in the order it was loaded.
    #[must_use]
    pub fn collectors(&self) -> Vec<CollectorInfo> {
        self.0.registry.plugins.iter().map(|plugin| CollectorInfo::clone(&plugin.info)).collect()
    }

    /// The collector that answers for a source; `None` when there is none.
    #[must_use]
    pub fn collector_of(&self, source: &str) -> Option<Arc<CollectorInfo>> {
        self.0.registry.of(source).map(|plugin| plugin.info.clone())
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
        let plugin = self.0.registry.of(source).ok_or(CollectError::UnknownSource)?.clone();
        let (limits, source) = (self.0.limits.clone(), source.to_owned());
        let bytes = records.iter().map(size).sum();
        let (answer, wait) = oneshot::channel();
        let work = move |stopping: &std::sync::atomic::AtomicBool| {
            let cancelled = || stopping.load(Ordering::Relaxed) || answer.is_closed();
            let result = job::run(&plugin, source, received_at, records, &limits, &cancelled);
            // Nobody waits any more: then nobody is told.
            let _ = answer.send(result);
        };
        self.0.pool.submit(bytes, Box::new(work))?;
        // A job that is dropped unanswered was still waiting when the host stopped.
        wait.await.unwrap_or(Err(CollectError::Stopped))
    }

    /// Takes no more records, and ends the threads after their present call. Requests that wait are answered `Stopped`.
    pub fn stop(&self) {
        self.0.pool.stop();
    }
}

fn size(record: &Submission) -> usize {
    record.payload.len() + record.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
