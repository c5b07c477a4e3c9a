//! API keys, all in memory: every request with one asks. The log and the `meta` store are where they last.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use parking_lot::RwLock;
use system_log_model::ApiKey;
use system_log_model::api_key::KeyDigest;

use crate::entry::Change;
use crate::store::Store;

/// See the file's first line.
#[derive(Debug, Default)]
pub(crate) struct ApiKeys(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    keys: BTreeMap<String, ApiKey>,
    /// Found by the digest of the secret: how long it takes says nothing about a secret.
    ids: HashMap<KeyDigest, String>,
}

impl Inner {
    fn put(&mut self, key: ApiKey) {
        self.ids.insert(key.digest, key.id.clone());
        let digest = key.digest;
        let before = self.keys.insert(key.id.clone(), key);
        if let Some(before) = before.filter(|before| before.digest != digest) {
            self.ids.remove(&before.digest);
        }
    }
}

impl ApiKeys {
    /// What the `meta` store has.
    pub(crate) fn of(keys: Vec<ApiKey>) -> Self {
        let mut inner = Inner::default();
        keys.into_iter().for_each(|key| inner.put(key));
        Self(RwLock::new(inner))
    }

    /// Takes a change over. Others than those of API keys are none of its business.
    pub(crate) fn apply(&self, change: &Change) {
        if let Change::PutApiKey(key) = change {
            self.0.write().put(key.clone());
        }
    }
}

impl Store {
    /// The API key whose secret has that digest; whether it still holds is the caller's to ask.
    #[must_use]
    pub fn api_key_of(&self, digest: &KeyDigest) -> Option<ApiKey> {
        let inner = self.shared().api_keys.0.read();
        inner.ids.get(digest).and_then(|id| inner.keys.get(id)).cloned()
    }

    /// The API key of that id.
    #[must_use]
    pub fn api_key(&self, id: &str) -> Option<ApiKey> {
        self.shared().api_keys.0.read().keys.get(id).cloned()
    }

    /// API keys behind an id, by id.
    #[must_use]
    pub fn api_keys(&self, after: Option<&str>, limit: usize) -> Vec<ApiKey> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let inner = self.shared().api_keys.0.read();
        inner.keys.range::<str, _>((from, Bound::Unbounded)).take(limit).map(|(_, key)| key.clone()).collect()
    }
}
