//! The loaded plugins: who answers for which source, and the catalogue they make together.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use system_log_model::Catalogue;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::{self, AdmissionError};
use crate::call::Sandbox;
use crate::embedded::Embedded;
use crate::fault::Failure;
use crate::host::HostError;
use crate::limits::{CallLimits, HostLimits, MAX_CALL_RECORDS};
use crate::manifest::Manifest;
use crate::plugin::{CollectorInfo, Plugin};

/// Compiled built-in plugins of this process, by digest: a process with many hosts (tests) compiles each once.
static COMPILED: Mutex<BTreeMap<String, Component>> = Mutex::new(BTreeMap::new());

/// All plugins of a host.
pub(crate) struct Registry {
    pub(crate) plugins: Vec<Arc<Plugin>>,
    by_source: HashMap<String, Arc<Plugin>>,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// A plugin's bytes before anybody has looked at them.
pub(crate) struct Candidate<'a> {
    pub(crate) origin: String,
    pub(crate) component: &'a [u8],
    /// Whether others in this process will load the same bytes.
    pub(crate) shared: bool,
}

impl From<&'static Embedded> for Candidate<'static> {
    fn from((name, component): &'static Embedded) -> Self {
        Self { origin: format!("built-in {name}"), component, shared: true }
    }
}

impl Registry {
    /// Loads plugins, all or none.
    pub(crate) fn load(
        engine: &Engine,
        limits: &HostLimits,
        config: &BTreeMap<String, Value>,
        candidates: Vec<Candidate<'_>>,
    ) -> Result<Self, HostError> {
        let mut catalogue = Catalogue::built_in();
        let mut registry = Self { plugins: vec![], by_source: HashMap::new(), catalogue: Arc::default() };
        let mut mistakes = Vec::new();
        for candidate in candidates {
            let origin = candidate.origin.clone();
            let refused = |source| HostError::Refused { origin: origin.clone(), source };
            let manifest = admission::inspect(candidate.component, limits.component_bytes).map_err(refused)?;
            mistakes.extend(registry.conflicts(&manifest, &origin));
            let mut kinds = Vec::new();
            for kind in &manifest.kinds {
                match catalogue.declare(kind.clone()) {
                    Ok(kind) => kinds.push(kind),
                    Err(error) => mistakes.push(format!("{origin}: {error}")),
                }
            }
            let config = config_of(config, &manifest.name).unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                String::new()
            });
            let (sandbox, digest) = sandbox(engine, limits, &candidate, &manifest).map_err(refused)?;
            let plugin = Arc::new(Plugin {
                info: Arc::new(CollectorInfo::active(&manifest, digest, origin)),
                kinds: kinds.into_iter().collect(),
                config,
                call_records: manifest.limits.records.unwrap_or(MAX_CALL_RECORDS).min(MAX_CALL_RECORDS),
                sandbox,
            });
            registry.by_source.extend(manifest.sources.into_iter().map(|source| (source, plugin.clone())));
            registry.plugins.push(plugin);
        }
        for name in config.keys().filter(|name| !registry.plugins.iter().any(|p| p.info.name == **name)) {
            tracing::warn!(collector = %name, "configuration for a collector that is not loaded");
        }
        registry.catalogue = Arc::new(catalogue);
        if mistakes.is_empty() { Ok(registry) } else { Err(HostError::Conflicts(mistakes)) }
    }

    /// The plugin that answers for a source.
    pub(crate) fn of(&self, source: &str) -> Option<&Arc<Plugin>> {
        self.by_source.get(source)
    }

    fn conflicts(&self, manifest: &Manifest, origin: &str) -> Vec<String> {
        let names = self.plugins.iter().filter(|plugin| plugin.info.name == manifest.name);
        let names =
            names.map(|plugin| format!("{origin}: {} has the same name {:?}", plugin.info.origin, manifest.name));
        let sources = manifest.sources.iter().filter_map(|source| Some((source, self.by_source.get(source)?)));
        let sources =
            sources.map(|(source, plugin)| format!("{origin}: {} has the source {source:?}", plugin.info.origin));
        names.chain(sources).collect()
    }
}

/// The operator's configuration for a plugin, as the contract wants it.
fn config_of(config: &BTreeMap<String, Value>, name: &str) -> Result<String, String> {
    match config.get(name) {
        None => Ok("{}".to_owned()),
        Some(object @ Value::Object(_)) => Ok(object.to_string()),
        Some(_) => Err(format!("the configuration of the collector {name:?} must be a table")),
    }
}

fn sandbox(
    engine: &Engine,
    limits: &HostLimits,
    candidate: &Candidate<'_>,
    manifest: &Manifest,
) -> Result<(Sandbox, String), AdmissionError> {
    let limits = manifest.lower(CallLimits::from(limits))?;
    let digest = hex(&Sha256::digest(candidate.component));
    let component = if candidate.shared {
        let mut compiled = COMPILED.lock();
        match compiled.get(&digest) {
            Some(component) => component.clone(),
            None => {
                let component = admission::compile(engine, candidate.component)?;
                compiled.insert(digest.clone(), component.clone());
                component
            }
        }
    } else {
        admission::compile(engine, candidate.component)?
    };
    let contract = |error: wasmtime::Error| AdmissionError::Contract { why: format!("{error:#}") };
    let sandbox = Sandbox::new(manifest.name.as_str().into(), &component, limits).map_err(contract)?;
    match sandbox.probe() {
        Ok(()) => Ok((sandbox, digest)),
        Err(Failure::Plugin(fault)) => Err(AdmissionError::Start(fault.message)),
        Err(Failure::NoSlot) => Err(AdmissionError::Start("no room in the instance pool".to_owned())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
