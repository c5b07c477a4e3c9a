//! How do we know? Everything is in the one integration binary `it`; this library is what its scenarios share.

pub mod client;
pub mod event;
pub mod http;
pub mod process;
pub mod server;
