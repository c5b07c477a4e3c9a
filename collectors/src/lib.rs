//! May I trust that plugin? (No.)
//!
//! The only crate that knows wasmtime. It loads collectors, runs them in a sandbox, cuts what runs too long or grows too
//! large, blames exactly the record that was to blame, and checks every word of the answer. It does not know who sent a
//! record, which organisation it belongs to, or where events are kept.
//!
//! | question | file |
//! |---|---|
//! | what does the sandbox allow at most | [`limits`], `engine` |
//! | may this file be loaded | `admission`, [`manifest`], `signature`, `cases` |
//! | where do plugins come from, and when do they change | `loader`, `registry`, `directory`, `watch`, `cache` |
//! | how is one call made and cut | `call`, `guest` |
//! | which record was to blame | `bisect` |
//! | when is a plugin switched off | `breaker` |
//! | what did it do | [`stats`] |
//! | what does the host believe of the answer | `convert`, `attributes` |
//! | what do authors try their plugins with | [`kit`] |
//! | who waits for whom | `pool`, [`host`] |

mod admission;
mod attributes;
mod bindings;
mod bisect;
mod breaker;
mod cache;
mod call;
mod cases;
mod convert;
mod digest;
mod directory;
mod embedded;
mod engine;
mod event;
mod fault;
mod guest;
pub mod host;
mod job;
pub mod kit;
pub mod limits;
mod loader;
pub mod manifest;
mod plugin;
mod pool;
mod registry;
mod signature;
pub mod stats;
mod watch;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod museum;

pub use admission::AdmissionError;
pub use directory::DirectoryOptions;
pub use host::{CollectError, Host, HostError, HostOptions};
pub use limits::HostLimits;
pub use manifest::ManifestError;
pub use plugin::{CollectorInfo, CollectorState};
pub use signature::{SignatureError, SigningKey};
pub use stats::CollectorStats;
