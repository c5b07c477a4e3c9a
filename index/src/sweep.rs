//! Forgetting on disk. What may be seen is cut exactly by the question; this only gives the bytes back, a little later.

use std::time::Duration;

use system_log_model::{limits, retention};

use crate::error::MaintainError;
use crate::shared::Shared;

/// An export keeps the cut-off of its beginning and may be resumed so long, so its days stay as long.
const GRACE: Duration = limits::EXPORT_RESUME;

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Days whose directory is gone.
    pub days: Vec<String>,
    /// Idempotency keys that are free again.
    pub keys: usize,
    /// Dead letters beyond the retention.
    pub dead_letters: usize,
}

pub(crate) fn sweep(shared: &Shared) -> Result<SweepReport, MaintainError> {
    let now = shared.clock.now();
    let cutoff = retention::cutoff(now);
    let grace = i64::try_from(GRACE.as_micros()).unwrap_or(i64::MAX);
    let removed =
        shared.days.remove_before(cutoff.plus_micros(-grace)).map_err(MaintainError::io(&shared.directory))?;
    shared.drop_log()?;
    let keys = shared.key_files.sweep(now).map_err(MaintainError::io(&shared.directory))?;
    let dead_letters = shared.meta.sweep(now, cutoff).map_err(MaintainError::Meta)?;
    shared.marks.prune(now);
    Ok(SweepReport { days: removed.iter().map(ToString::to_string).collect(), keys, dead_letters })
}
