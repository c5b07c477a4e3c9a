//! Named places at which the kill rig (`tests/kill.rs`) ends the process as a power button would: no destructor runs, no buffer
//! is flushed. In a build that is no test nothing of it is there.

/// A step behind which something is half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "only the rig looks at them"))]
pub(crate) enum Failpoint {
    /// Before a frame is written to the log.
    LogAppend,
    /// With half a frame in the log.
    LogTorn,
    /// With a frame in the log that is not synced.
    LogSync,
    /// With a frame synced and nobody told.
    LogAnswer,
    /// Before a file of the log is removed.
    LogDrop,
    /// With a new store whole and still without its name.
    EngineMade,
    /// With chunks of a live day written anew and not synced.
    ChunkRewrite,
    /// With rows in a day's store and not in its index.
    IndexCommit,
    /// With rows in a day's index and nothing noted.
    IndexCommitted,
    /// Before members, bindings and letters are taken over.
    MetaApply,
    /// With those taken over and the keys not.
    KeysAdd,
    /// With a merged file of keys beside those that went into it.
    KeysMerged,
    /// With everything of a round in the days and the checkpoint behind.
    Checkpoint,
    /// With a closed day's rows half written.
    DayRows,
    /// With a closed day whole and still without its name.
    DayName,
    /// With a closed day named beside what it was made of.
    DayNamed,
    /// With a part in its place and its late rows still in the log.
    DayLate,
    /// Before the old files of a closed day are removed.
    DayTidy,
    /// With an expired day named as going and still there.
    SweepDay,
    /// Before files of free keys are removed.
    SweepKeys,
    /// Before the copy of members, bindings and keys is written.
    MetaCopy,
}

/// Ends the process here, if the rig says so.
#[cfg(not(test))]
#[inline]
pub(crate) const fn hit(_: Failpoint) {}

#[cfg(test)]
pub(crate) use armed::{ALL, VARIABLE, hit, is_due};

#[cfg(test)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Failpoint;

    /// In a child of the rig: `name:n`, to end at the n-th time that place is reached.
    pub(crate) const VARIABLE: &str = "SYSTEM_LOG_FAILPOINT";

    pub(crate) const ALL: [Failpoint; 21] = [
        Failpoint::LogAppend,
        Failpoint::LogTorn,
        Failpoint::LogSync,
        Failpoint::LogAnswer,
        Failpoint::LogDrop,
        Failpoint::EngineMade,
        Failpoint::ChunkRewrite,
        Failpoint::IndexCommit,
        Failpoint::IndexCommitted,
        Failpoint::MetaApply,
        Failpoint::KeysAdd,
        Failpoint::KeysMerged,
        Failpoint::Checkpoint,
        Failpoint::DayRows,
        Failpoint::DayName,
        Failpoint::DayNamed,
        Failpoint::DayLate,
        Failpoint::DayTidy,
        Failpoint::SweepDay,
        Failpoint::SweepKeys,
        Failpoint::MetaCopy,
    ];

    struct Armed {
        at: String,
        left: AtomicU32,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn armed() -> Option<&'static Armed> {
        let read = || {
            let text = std::env::var(VARIABLE).ok()?;
            let (name, times) = text.split_once(':')?;
            Some(Armed { at: name.to_owned(), left: AtomicU32::new(times.parse().ok()?) })
        };
        ARMED.get_or_init(read).as_ref()
    }

    /// Whether the process is to end here, now.
    pub(crate) fn is_due(point: Failpoint) -> bool {
        let is_here = |armed: &&Armed| armed.at == format!("{point:?}");
        armed().filter(is_here).is_some_and(|armed| armed.left.fetch_sub(1, Ordering::SeqCst) == 1)
    }

    pub(crate) fn hit(point: Failpoint) {
        if is_due(point) {
            std::process::abort();
        }
    }
}
