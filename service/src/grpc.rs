//! gRPC adapters, one file for each service: convert, call, convert. No rules here.

pub mod collector;
pub mod directory;
pub mod ingest;
pub mod key;
pub mod log;
