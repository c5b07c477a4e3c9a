//! What a guest has of the host while it runs: its caps, and a few lines of log. Nothing of another call.

use std::sync::Arc;

use system_log_model::text;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder};

use crate::bindings::Collector;
use crate::bindings::system_log::collector::{diagnostics, types};
use crate::limits::{self, CallLimits};

/// The state of one store, and so of one call.
pub(crate) struct Guest {
    plugin: Arc<str>,
    lines_left: u32,
    caps: Caps,
}

/// wasmtime's own limiter, remembering what it refused: its error is a text, and texts are no evidence.
struct Caps {
    limits: StoreLimits,
    refused: Option<String>,
    /// Most memory it was granted, in bytes.
    peak: usize,
}

/// A linker with all a guest may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Collector::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// A store for exactly one call.
pub(crate) fn store(engine: &Engine, plugin: &Arc<str>, limits: &CallLimits) -> Store<Guest> {
    let caps = StoreLimitsBuilder::new()
        .memory_size(limits.memory_bytes)
        .memories(1)
        .table_elements(limits::MAX_TABLE_ELEMENTS)
        .tables(limits::MAX_CORE_INSTANCES as usize)
        .instances(limits::MAX_CORE_INSTANCES as usize)
        .trap_on_grow_failure(true)
        .build();
    let caps = Caps { limits: caps, refused: None, peak: 0 };
    let mut store = Store::new(engine, Guest { plugin: plugin.clone(), lines_left: limits::MAX_LOG_LINES, caps });
    store.limiter(|guest| &mut guest.caps);
    store.set_hostcall_fuel(limits.output_bytes);
    store
}

impl Guest {
    /// What growth was refused, if any: after a failure, the reason for it.
    pub(crate) fn refused(&self) -> Option<String> {
        self.caps.refused.clone()
    }

    /// Most linear memory it had, in bytes.
    pub(crate) fn memory_peak(&self) -> usize {
        self.caps.peak
    }
}

impl ResourceLimiter for Caps {
    fn memory_growing(&mut self, now: usize, wanted: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        let granted = self.limits.memory_growing(now, wanted, max);
        match granted {
            Ok(true) => self.peak = self.peak.max(wanted),
            Ok(false) => {}
            Err(_) => self.refused = Some(format!("wanted {wanted} bytes of memory")),
        }
        granted
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused.get_or_insert_with(|| "more memory than a slot of the pool has".to_owned());
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(&mut self, now: usize, wanted: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        let granted = self.limits.table_growing(now, wanted, max);
        if granted.is_err() {
            self.refused = Some(format!("wanted a table of {wanted} elements"));
        }
        granted
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused.get_or_insert_with(|| "a larger table than a slot of the pool has".to_owned());
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// Holds no functions; the generated code wants it all the same.
impl types::Host for Guest {}

impl diagnostics::Host for Guest {
    fn log(&mut self, level: String, message: String) {
        let Some(left) = self.lines_left.checked_sub(1) else { return };
        self.lines_left = left;
        let (level, message) = (line(level), line(message));
        tracing::debug!(collector = %self.plugin, %level, %message, "a collector says");
        if left == 0 {
            tracing::debug!(collector = %self.plugin, "the collector says more; it is cut");
        }
    }
}

/// One line, however the guest spells it: a log must not be steered by control characters.
fn line(text: String) -> String {
    let mut line = text::tidy(text, limits::MAX_LOG_LINE_BYTES);
    line.retain(|c| !c.is_control());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_short() {
        assert_eq!(line("a\nb\u{1b}[31m\tc".into()), "ab[31mc");
        assert_eq!(line("x".repeat(9_999)).len(), limits::MAX_LOG_LINE_BYTES);
    }

    #[test]
    fn a_flood_is_cut() {
        let engine = crate::engine::shared().unwrap();
        let mut store = store(&engine, &"flood".into(), &CallLimits::from(&limits::HostLimits::default()));
        for _ in 0..1_000 {
            diagnostics::Host::log(store.data_mut(), "info".into(), "again".into());
        }
        assert_eq!(store.data().lines_left, 0);
    }
}
