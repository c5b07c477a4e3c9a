//! May I trust that plugin? (No.)
//!
//! The only crate that knows wasmtime. It loads collectors, runs them in a sandbox, cuts what runs too long or grows too
//! large, blames exactly the record that was to blame, and checks every word of the answer. It does not know who sent a
//! record, which organisation it belongs to, or where events are kept.
//!
//! | question | file |
//! |---|---|
//! | what does the sandbox allow at most | [`limits`], `engine` |
//! | may this file be loaded | `admission`, [`manifest`] |
//! | how is one call made and cut | `call`, `guest` |
//! | which record was to blame | `bisect` |
//! | what does the host believe of the answer | `convert`, `attributes` |
//! | who waits for whom | `pool`, [`host`] |

mod admission;
mod attributes;
mod bindings;
mod bisect;
mod call;
mod convert;
mod embedded;
mod engine;
mod event;
mod fault;
mod guest;
pub mod host;
mod job;
pub mod limits;
pub mod manifest;
mod plugin;
mod pool;
mod registry;

#[cfg(test)]
mod hostile;

pub use admission::AdmissionError;
pub use host::{CollectError, Host, HostError, HostOptions};
pub use limits::HostLimits;
pub use manifest::ManifestError;
pub use plugin::{CollectorInfo, CollectorState};
