//! An engine in memory, for tests: the same suite runs against both.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::RwLock;

use super::{Engine, EngineError, Pair, Pairs, Write};

/// See the file's first line.
#[derive(Debug, Default)]
pub(crate) struct MemoryEngine(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.read().get(key).cloned())
    }

    fn at_or_before(&self, key: &[u8]) -> Result<Option<Pair>, EngineError> {
        let map = self.0.read();
        let last = map.range::<[u8], _>((Bound::Unbounded, Bound::Included(key)));
        Ok(last.last().map(|(k, v)| (k.clone(), v.clone())))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>) -> Pairs<'_> {
        let map = self.0.read();
        let found: Vec<Pair> = map
            .iter()
            .filter(|(k, _)| k.starts_with(prefix) && after.is_none_or(|a| k.as_slice() > a))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Box::new(found.into_iter().map(Ok))
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), EngineError> {
        let mut map = self.0.write();
        for (key, value) in writes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
