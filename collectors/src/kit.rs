//! For authors of plugins: the production engine over one plugin, outside of any service. What it says here it says there.
//!
//! The command line prints what this finds out; it must not know how a service is configured.

mod bench;
mod laws;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::admission::{self, AdmissionError};
use crate::bindings::system_log::collector::types as claimed;
use crate::call::{Measured, Sandbox};
use crate::cases::{self, Case};
use crate::limits::{CallLimits, HostLimits};
use crate::loader::{Candidate, Loader, Trust};
use crate::manifest::Manifest;
use crate::plugin::Plugin;
use crate::{digest, embedded, engine};

pub use bench::{BATCHES, BenchRow};
pub use laws::LawReport;

/// Calls of a case that are timed; the fastest counts, because only it was not disturbed.
const TIMED: usize = 20;

/// A plugin that was let in, with its cases, ready to be tried.
pub struct Kit {
    plugin: Arc<Plugin>,
    /// The same one, counting instructions.
    counting: Sandbox,
    cases: Vec<Case>,
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kit").field(&self.plugin.info.name).finish()
    }
}

/// What can be said of a plugin without running it.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What it says about itself.
    pub manifest: Manifest,
    /// SHA-256, in hex.
    pub digest: String,
    /// Size of the file.
    pub bytes: usize,
    /// Cases packed into it.
    pub cases: usize,
}

/// How one case went.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// What differs; `None` when nothing does.
    pub failure: Option<String>,
    /// WebAssembly instructions of the whole call, by wasmtime's fuel: the same on every machine.
    pub instructions: u64,
    /// Most linear memory the call had, in bytes.
    pub memory: usize,
    /// Time of the whole call in microseconds, instantiation included.
    pub micros: f64,
}

/// Names and components of the built-in collectors.
#[must_use]
pub fn built_in() -> Vec<(&'static str, &'static [u8])> {
    embedded::ALL.to_vec()
}

/// Reads a plugin from outside: imports, exports, manifest, cases.
///
/// # Errors
/// The first reason not to let it in.
pub fn inspect(component: &[u8]) -> Result<Inspection, AdmissionError> {
    let outside = admission::inspect(component, HostLimits::default().component_bytes)?;
    let cases = outside.cases.map(cases::parse).transpose()?.unwrap_or_default();
    let (digest, bytes) = (digest::of(component), component.len());
    Ok(Inspection { manifest: outside.manifest, digest, bytes, cases: cases.len() })
}

impl Kit {
    /// Lets a plugin in by the same door as a service does, except that its cases are not run yet.
    ///
    /// # Errors
    /// Why a service would not let it in either.
    pub fn load(component: &[u8]) -> Result<Self, AdmissionError> {
        let failed = |error: engine::EngineError| AdmissionError::Compile(error.to_string());
        let limits = HostLimits::default();
        let engine = engine::shared().map_err(failed)?;
        let loader = Loader { engine, limits, config: BTreeMap::new(), cache: None, directory: None };
        let candidate = Candidate { origin: "a file".to_owned(), component, trust: Trust::Given };
        let plugin = loader.admit(&candidate)?;
        let outside = admission::inspect(component, loader.limits.component_bytes)?;
        let cases = outside.cases.map(cases::parse).transpose()?.unwrap_or_default();
        let counted = admission::compile(&engine::counting().map_err(failed)?, component)?;
        let limits = outside.manifest.lower(CallLimits::from(&loader.limits))?;
        let contract = |error: wasmtime::Error| AdmissionError::Contract { why: format!("{error:#}") };
        let counting = Sandbox::counting(outside.manifest.name.as_str().into(), &counted, limits).map_err(contract)?;
        Ok(Self { plugin, counting, cases })
    }

    /// Runs every case.
    #[must_use]
    pub fn cases(&self) -> Vec<CaseReport> {
        self.cases.iter().map(|case| self.case(case)).collect()
    }

    fn case(&self, case: &Case) -> CaseReport {
        let (call, inputs) = (case.call(&self.plugin), [case.input()]);
        let Measured { result, instructions, memory } = self.counting.measure(&call, &inputs);
        let mut micros = f64::INFINITY;
        let mut failure = case.judge(&self.plugin, result).err();
        for _ in 0..TIMED {
            let begun = Instant::now();
            let result = self.plugin.sandbox.call(&call, &inputs, 1);
            micros = micros.min(begun.elapsed().as_secs_f64() * 1e6);
            failure = case.judge(&self.plugin, result).err();
            if failure.is_some() {
                break;
            }
        }
        CaseReport { name: case.name.clone(), failure, instructions, memory, micros }
    }

    /// Tries the laws that every plugin must obey.
    #[must_use]
    pub fn laws(&self) -> Vec<LawReport> {
        laws::all(&self.plugin, &self.batches())
    }

    /// What a record costs, by the size of the batch it comes in.
    ///
    /// # Errors
    /// When there is no case to run, or it fails.
    pub fn bench(&self) -> Result<Vec<BenchRow>, String> {
        bench::run(&self.plugin, &self.cases)
    }

    /// The cases as batches: those with the same source and configuration go together.
    fn batches(&self) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for case in &self.cases {
            let call = case.call(&self.plugin);
            match batches.iter_mut().find(|batch| batch.call.source == call.source && batch.call.config == call.config)
            {
                Some(batch) => batch.inputs.push(case.input()),
                None => batches.push(Batch { call, inputs: vec![case.input()] }),
            }
        }
        batches
    }
}

/// Records of one call.
struct Batch {
    call: claimed::Call,
    inputs: Vec<claimed::Input>,
}

#[cfg(test)]
mod tests;
