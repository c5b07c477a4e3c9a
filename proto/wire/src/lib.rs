//! What may be said: generated messages and services of the contract, and its descriptor set. Nothing here is written by
//! hand but the JSON of a time and the counting of elements; what it means is in the comments of `proto/systemlog/v1` and in the crate `system-log-model`.

#![expect(clippy::all, clippy::allow_attributes_without_reason, clippy::too_many_lines, reason = "generated code")]

/// The descriptor set of the whole contract, comments and imports included: what reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

pub mod codec;
mod timestamp;

pub use timestamp::Timestamp;

/// The package `systemlog`.
pub mod systemlog {
    /// The package `systemlog.v1`: messages, service traits and clients, and their canonical JSON.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/systemlog.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/systemlog.v1.serde.rs"));
    }
}

/// The part of the package `google` that the contract uses.
pub mod google {
    /// `google.rpc.Status`.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
        include!(concat!(env!("OUT_DIR"), "/google.rpc.serde.rs"));
    }
}

#[cfg(test)]
mod tests;
