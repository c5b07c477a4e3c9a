//! Watches the plugin directory by looking at it: right on every file system, network volumes and Kubernetes' links included.
//! It knows nothing of plugins.

use std::io;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

use crate::directory::Look;

/// Somebody with a directory.
pub(crate) trait Watched: Send + Sync + 'static {
    /// What it looks like now; `None` when nobody wants to know any more.
    fn look(&self) -> Option<io::Result<Look>>;
    /// It has changed, and has stopped changing.
    fn changed(&self);
}

/// Whether a change has come to an end: a file that is being written looks different each time.
#[derive(Debug)]
pub(crate) struct Settling {
    known: Look,
    seen: Option<Look>,
}

impl Settling {
    pub(crate) fn from(known: Look) -> Self {
        Self { known, seen: None }
    }

    /// Whether this is a new look that was there the last time already.
    pub(crate) fn has_settled(&mut self, look: Look) -> bool {
        if look == self.known {
            self.seen = None;
            return false;
        }
        if self.seen.as_ref() != Some(&look) {
            self.seen = Some(look);
            return false;
        }
        self.known = look;
        self.seen = None;
        true
    }
}

/// Starts a thread that looks every now and then, until the watched one is gone.
pub(crate) fn start<W: Watched>(watched: Weak<W>, known: Look, every: Duration) -> io::Result<()> {
    let mut settling = Settling::from(known);
    let watch = move || {
        loop {
            thread::sleep(every);
            let Some(watched) = watched.upgrade() else { return };
            let Some(look) = watched.look() else { return };
            // One that cannot be read now is looked at again.
            if look.is_ok_and(|look| settling.has_settled(look)) {
                watched.changed();
            }
        }
    };
    thread::Builder::new().name("collector-watch".into()).spawn(watch).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::directory::DirectoryOptions;

    #[test]
    fn a_file_that_is_still_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DirectoryOptions { path: folder.path().to_owned(), keys: vec![] };
        let look = || directory.look().unwrap();
        let mut settling = Settling::from(look());
        assert!(!settling.has_settled(look()), "nothing has changed");
        for bytes in 1..4 {
            fs::write(folder.path().join("a.wasm"), vec![0; bytes]).unwrap();
            assert!(!settling.has_settled(look()), "{bytes} bytes so far");
        }
        assert!(settling.has_settled(look()), "it has stopped growing");
        assert!(!settling.has_settled(look()), "told once");
    }
}
