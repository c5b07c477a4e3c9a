//! The built-in collectors: plugins like any other, built by `build.rs` and carried in the binary.

/// Name and component.
pub(crate) type Embedded = (&'static str, &'static [u8]);

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
