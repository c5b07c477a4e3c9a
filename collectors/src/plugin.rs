//! One loaded plugin: what it said about itself, and what the host holds it to.

use std::collections::HashMap;
use std::sync::Arc;

use system_log_model::{Kind, Log};

use crate::breaker::Breaker;
use crate::call::Sandbox;
use crate::manifest::Manifest;
use crate::stats::CollectorStats;

/// A collector, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorInfo {
    /// Its name, unique among the loaded ones.
    pub name: String,
    /// Its version, in its author's spelling.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Names of sources it accepts records under.
    pub sources: Vec<String>,
    /// Media types it reads.
    pub content_types: Vec<String>,
    /// Kinds it may emit: log and name.
    pub kinds: Vec<(Log, Arc<str>)>,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// Where it came from.
    pub origin: String,
    /// Whether it takes records.
    pub state: CollectorState,
    /// Why not, when it does not; or why a newer version of its file was refused.
    pub error: Option<String>,
}

/// Whether a collector takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectorState {
    /// It does.
    Active,
    /// It kept failing and is switched off for a while.
    Quarantined,
    /// It could not be loaded.
    Failed,
}

/// A plugin that was let in.
pub(crate) struct Plugin {
    pub(crate) info: Arc<CollectorInfo>,
    pub(crate) kinds: Kinds,
    /// The operator's configuration, as a JSON object.
    pub(crate) config: String,
    /// Records of one call, at most.
    pub(crate) call_records: usize,
    pub(crate) sandbox: Sandbox,
    pub(crate) breaker: Breaker,
    /// Built in. To those of others no two organisations' records are shown together, and ours make room for them.
    pub(crate) is_ours: bool,
}

impl Plugin {
    /// As an operator sees it now.
    pub(crate) fn describe(&self) -> CollectorInfo {
        let info = CollectorInfo::clone(&self.info);
        match self.breaker.quarantine() {
            None => info,
            why => CollectorInfo { state: CollectorState::Quarantined, error: why, ..info },
        }
    }

    /// What it did.
    pub(crate) fn stats(&self) -> CollectorStats {
        let state = if self.breaker.quarantine().is_some() { CollectorState::Quarantined } else { self.info.state };
        self.sandbox.stats.read(&self.info.name, &self.info.version, state, self.breaker.times())
    }

    /// Whether it reads that media type.
    pub(crate) fn reads(&self, content_type: &str) -> bool {
        self.info.content_types.iter().any(|known| known == content_type)
    }
}

/// What the manifest allows a plugin to emit.
#[derive(Debug, Default)]
pub(crate) struct Kinds([HashMap<Arc<str>, Arc<Kind>>; Log::ALL.len()]);

impl Kinds {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.0.iter().flat_map(HashMap::values)
    }

    /// The kind, if it was declared.
    pub(crate) fn get(&self, log: Log, name: &str) -> Option<&Arc<Kind>> {
        self.0.get(usize::from(log.rank())).and_then(|kinds| kinds.get(name))
    }
}

impl FromIterator<Arc<Kind>> for Kinds {
    fn from_iter<I: IntoIterator<Item = Arc<Kind>>>(kinds: I) -> Self {
        let mut all = Self::default();
        for kind in kinds {
            if let Some(of_log) = all.0.get_mut(usize::from(kind.log.rank())) {
                of_log.insert(kind.name.clone(), kind);
            }
        }
        all
    }
}

impl CollectorInfo {
    /// A file that could not be loaded; of its manifest what could be read.
    pub(crate) fn refused(
        name: &str,
        manifest: Option<&Manifest>,
        digest: String,
        origin: String,
        why: String,
    ) -> Self {
        let info = match manifest {
            Some(manifest) => Self::active(manifest, digest, origin),
            None => Self {
                name: name.to_owned(),
                version: String::new(),
                description: String::new(),
                sources: Vec::new(),
                content_types: Vec::new(),
                kinds: Vec::new(),
                digest,
                origin,
                state: CollectorState::Failed,
                error: None,
            },
        };
        // Its sources and kinds are nobody's: another version may be serving them.
        Self { state: CollectorState::Failed, error: Some(why), sources: Vec::new(), kinds: Vec::new(), ..info }
    }

    pub(crate) fn active(manifest: &Manifest, digest: String, origin: String) -> Self {
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            sources: manifest.sources.clone(),
            content_types: manifest.content_types.clone(),
            kinds: manifest.kinds.iter().map(|kind| (kind.log, kind.name.clone())).collect(),
            digest,
            origin,
            state: CollectorState::Active,
            error: None,
        }
    }
}
