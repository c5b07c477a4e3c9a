//! From bytes to plugins: admit, compile or take from the cache, link, start, run its cases. And from a directory to the next
//! registry: a file that is refused leaves its last good version serving.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::{self, AdmissionError};
use crate::breaker::Breaker;
use crate::cache::Cache;
use crate::call::Sandbox;
use crate::directory::{DirectoryOptions, PluginFile};
use crate::embedded::Embedded;
use crate::fault::Failure;
use crate::host::HostError;
use crate::limits::{CallLimits, HostLimits, MAX_CALL_RECORDS};
use crate::manifest::Manifest;
use crate::plugin::{CollectorInfo, Plugin};
use crate::registry::{Registry, Slot};
use crate::stats::Stats;
use crate::{cases, digest, signature};

/// Compiled built-in plugins of this process, by digest: a process with many hosts (tests) compiles each once.
static COMPILED: Mutex<BTreeMap<String, Component>> = Mutex::new(BTreeMap::new());

/// Makes plugins and registries.
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    pub(crate) limits: HostLimits,
    pub(crate) config: BTreeMap<String, Value>,
    pub(crate) cache: Option<Cache>,
    pub(crate) directory: Option<DirectoryOptions>,
}

/// A plugin's bytes before anybody has looked at them.
pub(crate) struct Candidate<'a> {
    pub(crate) origin: String,
    pub(crate) component: &'a [u8],
    pub(crate) trust: Trust,
}

/// Where a plugin comes from decides what is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Built in: its cases have been run by those who built it.
    Ours,
    /// Given by whoever made the host.
    Given,
    /// Found in the directory: its cases are run, what is compiled is kept.
    Found,
}

impl From<&'static Embedded> for Candidate<'static> {
    fn from((name, component): &'static Embedded) -> Self {
        Self { origin: format!("built-in {name}"), component, trust: Trust::Ours }
    }
}

impl Loader {
    /// A registry of these plugins, all or none.
    pub(crate) fn base(&self, candidates: Vec<Candidate<'_>>) -> Result<Registry, HostError> {
        let mut registry = Registry::empty();
        let mut mistakes = Vec::new();
        for candidate in candidates {
            let origin = candidate.origin.clone();
            match self.admit(&candidate) {
                Ok(plugin) => {
                    let told = registry.add(&plugin).err().into_iter().flatten();
                    mistakes.extend(told.map(|mistake| format!("{origin}: {mistake}")));
                }
                Err(AdmissionError::Conflicts(more)) => mistakes.extend(more),
                Err(source) => return Err(HostError::Refused { origin, source }),
            }
        }
        if mistakes.is_empty() { Ok(registry) } else { Err(HostError::Conflicts(mistakes)) }
    }

    /// The next registry: the base and what the directory has now.
    ///
    /// # Errors
    /// When the directory cannot be read: then what serves goes on serving.
    pub(crate) fn next(&self, base: &Registry, earlier: &Registry) -> io::Result<Registry> {
        let mut next = base.clone();
        if let Some(directory) = &self.directory {
            for name in directory.names()? {
                let slot = self.slot(directory, &mut next, &name, earlier.slots.iter().find(|slot| slot.file == name));
                next.slots.push(slot);
            }
            if let Some(cache) = &self.cache {
                let found = next.plugins.iter().filter(|plugin| !plugin.is_ours);
                cache.retain(&found.map(|plugin| plugin.info.digest.as_str()).collect::<Vec<_>>());
            }
        }
        for name in self.config.keys().filter(|name| !next.plugins.iter().any(|p| p.info.name == **name)) {
            tracing::warn!(collector = %name, "configuration for a collector that is not loaded");
        }
        Ok(next)
    }

    /// One file: as it is now if it is good, else as it was when it was.
    fn slot(&self, directory: &DirectoryOptions, next: &mut Registry, name: &str, earlier: Option<&Slot>) -> Slot {
        let origin = format!("directory {name}");
        let (file, fresh) = match directory.read(name, self.limits.component_bytes) {
            Err(error) => (None, Err(error)),
            Ok(file) => {
                let same = |slot: &&Slot| slot.identity == identity(&file) && slot.refused.is_none();
                let fresh = match earlier.filter(same).and_then(|slot| slot.serving.clone()) {
                    Some(unchanged) => Ok(unchanged),
                    None => self.found(directory, &origin, &file.content, file.signature.as_deref()),
                };
                (Some(file), fresh)
            }
        };
        let earlier = earlier.and_then(|slot| slot.serving.clone());
        let fresh = fresh.and_then(|plugin| match next.add(&plugin) {
            Ok(()) => Ok(plugin),
            Err(mistakes) => Err(AdmissionError::Conflicts(mistakes)),
        });
        let (serving, refused) = match fresh {
            Ok(plugin) => {
                if !earlier.is_some_and(|earlier| Arc::ptr_eq(&earlier, &plugin)) {
                    self.welcome(name, &plugin, file.as_ref());
                }
                (Some(plugin), None)
            }
            Err(why) => {
                let refused = self.refused(name, origin, file.as_ref(), why.to_string());
                let good = earlier.or_else(|| self.remembered(directory, name));
                let good = good.filter(|plugin| next.add(plugin).is_ok());
                tracing::warn!(origin = %refused.origin, %why, earlier_version_serves = good.is_some(), "a collector is refused");
                (good, Some(refused))
            }
        };
        let identity = file.as_ref().map(identity).unwrap_or_default();
        Slot { file: name.to_owned(), identity, serving, refused }
    }

    fn welcome(&self, name: &str, plugin: &Plugin, file: Option<&PluginFile>) {
        let info = &plugin.info;
        tracing::info!(origin = %info.origin, collector = %info.name, version = %info.version, "a collector is loaded");
        if let (Some(cache), Some(file)) = (&self.cache, file) {
            cache.remember(name, &file.content, file.signature.as_deref());
        }
    }

    fn refused(&self, name: &str, origin: String, file: Option<&PluginFile>, why: String) -> CollectorInfo {
        let outside = file.and_then(|file| admission::inspect(&file.content, self.limits.component_bytes).ok());
        let stem = name.strip_suffix(".wasm").unwrap_or(name);
        let digest = file.map(|file| file.digest.clone()).unwrap_or_default();
        CollectorInfo::refused(stem, outside.map(|outside| outside.manifest).as_ref(), digest, origin, why)
    }

    fn found(
        &self,
        directory: &DirectoryOptions,
        origin: &str,
        content: &[u8],
        signed: Option<&[u8]>,
    ) -> Result<Arc<Plugin>, AdmissionError> {
        signature::verify(&directory.keys, content, signed)?;
        self.admit(&Candidate { origin: origin.to_owned(), component: content, trust: Trust::Found })
    }

    /// The file's last good version, from before the start. It comes in by the same door.
    fn remembered(&self, directory: &DirectoryOptions, name: &str) -> Option<Arc<Plugin>> {
        let (content, signed) = self.cache.as_ref()?.good(name)?;
        self.found(directory, &format!("directory {name}"), &content, signed.as_deref()).ok()
    }

    /// A plugin that may serve, as far as it alone is concerned.
    pub(crate) fn admit(&self, candidate: &Candidate<'_>) -> Result<Arc<Plugin>, AdmissionError> {
        let outside = admission::inspect(candidate.component, self.limits.component_bytes)?;
        let manifest = outside.manifest;
        let cases = outside.cases.map(cases::parse).transpose()?.unwrap_or_default();
        let config =
            config_of(&self.config, &manifest.name).map_err(|mistake| AdmissionError::Conflicts(vec![mistake]))?;
        let (sandbox, digest) = self.sandbox(candidate, &manifest)?;
        let mut plugin = Plugin {
            info: Arc::new(CollectorInfo::active(&manifest, digest, candidate.origin.clone())),
            kinds: manifest.kinds.iter().cloned().map(Arc::new).collect(),
            config,
            call_records: manifest.limits.records.unwrap_or(MAX_CALL_RECORDS).min(MAX_CALL_RECORDS),
            sandbox,
            breaker: Breaker::new(self.limits.breaker),
            is_ours: candidate.trust == Trust::Ours,
        };
        if candidate.trust == Trust::Found {
            cases::run(&plugin, &cases)?;
            // What an operator counts is what was sent.
            plugin.sandbox.stats = Stats::default();
        }
        Ok(Arc::new(plugin))
    }

    fn sandbox(&self, candidate: &Candidate<'_>, manifest: &Manifest) -> Result<(Sandbox, String), AdmissionError> {
        let limits = manifest.lower(CallLimits::from(&self.limits))?;
        let digest = digest::of(candidate.component);
        let component = self.compiled(candidate, &digest)?;
        let contract = |error: wasmtime::Error| AdmissionError::Contract { why: format!("{error:#}") };
        let sandbox = Sandbox::new(manifest.name.as_str().into(), &component, limits).map_err(contract)?;
        match sandbox.probe() {
            Ok(()) => Ok((sandbox, digest)),
            Err(Failure::Plugin(fault)) => Err(AdmissionError::Start(fault.message)),
            Err(none @ Failure::NoSlot) => Err(AdmissionError::Start(none.to_string())),
        }
    }

    fn compiled(&self, candidate: &Candidate<'_>, digest: &str) -> Result<Component, AdmissionError> {
        let compile = || admission::compile(&self.engine, candidate.component);
        match (candidate.trust, &self.cache) {
            (Trust::Ours, _) => {
                let mut compiled = COMPILED.lock();
                if let Some(component) = compiled.get(digest) {
                    return Ok(component.clone());
                }
                let component = compile()?;
                compiled.insert(digest.to_owned(), component.clone());
                Ok(component)
            }
            (Trust::Found, Some(cache)) => {
                if let Some(component) = cache.compiled(&self.engine, digest) {
                    return Ok(component);
                }
                let component = compile()?;
                cache.keep(digest, &component);
                Ok(component)
            }
            (Trust::Found, None) | (Trust::Given, _) => compile(),
        }
    }
}

/// A file and its signature: a new signature of the same file is looked at again.
fn identity(file: &PluginFile) -> String {
    let signature = file.signature.as_deref().map(digest::of).unwrap_or_default();
    format!("{}{signature}", file.digest)
}

/// The operator's configuration for a plugin, as the contract wants it.
fn config_of(config: &BTreeMap<String, Value>, name: &str) -> Result<String, String> {
    match config.get(name) {
        None => Ok("{}".to_owned()),
        Some(object @ Value::Object(_)) => Ok(object.to_string()),
        Some(_) => Err(format!("the configuration of the collector {name:?} must be a table")),
    }
}
