//! The loaded plugins: who answers for which source, and the catalogue they make together. A registry never changes; a reload
//! makes another one.

use std::collections::HashMap;
use std::sync::Arc;

use system_log_model::Catalogue;

use crate::plugin::{CollectorInfo, Plugin};

/// All plugins of a host at one time.
#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) plugins: Vec<Arc<Plugin>>,
    by_source: HashMap<String, Arc<Plugin>>,
    pub(crate) catalogue: Arc<Catalogue>,
    /// The files of the directory, by name.
    pub(crate) slots: Vec<Slot>,
}

/// One file of the directory.
#[derive(Clone)]
pub(crate) struct Slot {
    /// Its name.
    pub(crate) file: String,
    /// Digest of the file and all that belongs to it; empty when it cannot be read.
    pub(crate) identity: String,
    /// Its last good version.
    pub(crate) serving: Option<Arc<Plugin>>,
    /// Why the file as it is now does not serve.
    pub(crate) refused: Option<CollectorInfo>,
}

impl Registry {
    pub(crate) fn empty() -> Self {
        let catalogue = Arc::new(Catalogue::built_in());
        Self { plugins: Vec::new(), by_source: HashMap::new(), catalogue, slots: Vec::new() }
    }

    /// Adds a plugin. One of ours with the same name makes room for one that is not.
    ///
    /// # Errors
    /// Everything in which it contradicts those that are there; then nothing has changed.
    pub(crate) fn add(&mut self, plugin: &Arc<Plugin>) -> Result<(), Vec<String>> {
        let overridden = |other: &Arc<Plugin>| other.is_ours && !plugin.is_ours && other.info.name == plugin.info.name;
        let place = self.plugins.iter().position(overridden);
        let mut next = Self { slots: std::mem::take(&mut self.slots), ..Self::empty() };
        let mut catalogue = Catalogue::built_in();
        let others = self.plugins.iter().enumerate().filter(|(index, _)| Some(*index) != place).map(|(_, other)| other);
        for other in others {
            next.insert(None, other, &mut catalogue);
        }
        let mut mistakes = next.conflicts(plugin);
        mistakes.extend(next.insert(place, plugin, &mut catalogue));
        if !mistakes.is_empty() {
            self.slots = next.slots;
            return Err(mistakes);
        }
        next.catalogue = Arc::new(catalogue);
        *self = next;
        Ok(())
    }

    fn insert(&mut self, place: Option<usize>, plugin: &Arc<Plugin>, catalogue: &mut Catalogue) -> Vec<String> {
        let mut mistakes = Vec::new();
        for kind in plugin.kinds.iter() {
            if let Err(error) = catalogue.declare(system_log_model::Kind::clone(kind)) {
                mistakes.push(error.to_string());
            }
        }
        self.by_source.extend(plugin.info.sources.iter().map(|source| (source.clone(), plugin.clone())));
        self.plugins.insert(place.unwrap_or(self.plugins.len()), plugin.clone());
        mistakes
    }

    /// The plugin that answers for a source.
    pub(crate) fn of(&self, source: &str) -> Option<&Arc<Plugin>> {
        self.by_source.get(source)
    }

    /// Every collector, those that could not be loaded included. One that serves although its file has become bad says so.
    pub(crate) fn describe(&self) -> Vec<CollectorInfo> {
        let describe = |plugin: &Arc<Plugin>| {
            let mut info = plugin.describe();
            let slot = self.slots.iter().find(|slot| slot.serving.as_ref().is_some_and(|p| Arc::ptr_eq(p, plugin)));
            if let Some(refused) = slot.and_then(|slot| slot.refused.as_ref()) {
                let why = refused.error.as_deref().unwrap_or_default();
                info.error.get_or_insert_with(|| format!("still serving; the file as it is now is refused: {why}"));
            }
            info
        };
        let refused = self.slots.iter().filter_map(|slot| slot.refused.clone());
        self.plugins.iter().map(describe).chain(refused).collect()
    }

    fn conflicts(&self, plugin: &Plugin) -> Vec<String> {
        let info = &plugin.info;
        let names = self.plugins.iter().filter(|other| other.info.name == info.name);
        let names = names.map(|other| format!("{} has the same name {:?}", other.info.origin, info.name));
        let sources = info.sources.iter().filter_map(|source| Some((source, self.by_source.get(source)?)));
        let sources = sources.map(|(source, other)| format!("{} has the source {source:?}", other.info.origin));
        names.chain(sources).collect()
    }
}
