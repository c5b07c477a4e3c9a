//! The key-value engine below a day and below `meta`: eight words that any ordered store has. What keys and values mean is
//! not known here; what is durable beyond [`Engine::sync`] is the log's business.

#[cfg(test)]
mod memory;
mod sled034;

use std::io;
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) use memory::MemoryEngine;
pub(crate) use sled034::SledEngine;

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);
/// A key and its new value; `None` removes it.
pub(crate) type Write = (Vec<u8>, Option<Vec<u8>>);
/// Pairs in order, or why there are no more.
pub(crate) type Pairs<'a> = Box<dyn Iterator<Item = Result<Pair, EngineError>> + 'a>;

/// An ordered store of bytes.
pub(crate) trait Engine: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// The greatest key that is not above `key`.
    fn at_or_before(&self, key: &[u8]) -> Result<Option<Pair>, EngineError>;
    /// Keys that begin so, ascending, above `after`.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>) -> Pairs<'_>;
    /// All of these changes or none.
    fn write(&self, writes: Vec<Write>) -> Result<(), EngineError>;
    /// Returns when everything written will survive a power loss.
    fn sync(&self) -> Result<(), EngineError>;
}

/// Why an engine does not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine says so itself.
    #[error("the engine reports an error")]
    Engine(#[from] sled::Error),
    /// It panicked while it was opened, which is how it reports damage.
    #[error("the engine panicked while opening: {0}")]
    Panicked(String),
    /// The operating system refused.
    #[error("{}", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl EngineError {
    /// Whether somebody else has the files open.
    pub(crate) fn is_locked(&self) -> bool {
        // sled wraps the refusal in a text of its own.
        matches!(self, Self::Engine(sled::Error::Io(cause)) if cause.to_string().contains("could not acquire lock"))
    }

    /// Whether the files themselves are unsound. What the operating system refuses (no descriptors, no space, a lock) leaves
    /// them as they were: trying again may help, setting them aside never would.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Panicked(_) => true,
            Self::Io { .. } => false,
            Self::Engine(sled::Error::Io(cause)) => cause.raw_os_error().is_none() && !self.is_locked(),
            Self::Engine(_) => true,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    /// One suite for both: that is what keeps the trait honest.
    fn behaves(engine: &dyn Engine) {
        let put = |k: &str, v: &str| (key(k), Some(key(v)));
        engine.write(vec![put("a1", "x"), put("a3", "y"), put("b1", "z")]).unwrap();
        engine.write(vec![put("a1", "w"), (key("b1"), None)]).unwrap();
        engine.sync().unwrap();
        assert_eq!(engine.get(b"a1").unwrap(), Some(key("w")));
        assert_eq!(engine.get(b"b1").unwrap(), None);
        let before = |k: &str| engine.at_or_before(k.as_bytes()).unwrap().map(|p| p.0);
        assert_eq!(before("a2"), Some(key("a1")));
        assert_eq!(before("a3"), Some(key("a3")));
        assert_eq!(before("a0"), None);
        let scan = |after: Option<&[u8]>| engine.scan(b"a", after).map(|p| p.unwrap().0).collect::<Vec<_>>();
        assert_eq!(scan(None), [key("a1"), key("a3")]);
        assert_eq!(scan(Some(b"a1")), [key("a3")]);
        assert!(scan(Some(b"a3")).is_empty());
    }

    #[test]
    fn both_engines_behave() {
        behaves(&MemoryEngine::default());
        let folder = tempfile::tempdir().unwrap();
        behaves(&SledEngine::open(folder.path(), 1 << 20).unwrap());
    }

    #[test]
    fn a_damaged_directory_is_an_error_and_never_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let engine = SledEngine::open(folder.path(), 1 << 20).unwrap();
        engine.write(vec![(key("a"), Some(vec![7; 100_000]))]).unwrap();
        engine.sync().unwrap();
        drop(engine);
        std::fs::write(folder.path().join("conf"), b"not a configuration").unwrap();
        assert!(SledEngine::open(folder.path(), 1 << 20).is_err());
    }
}
