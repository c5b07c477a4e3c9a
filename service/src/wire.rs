//! Where wire types stop: requests become model types in [`from_proto`], answers are written in [`to_proto`].

pub mod from_proto;
pub mod to_proto;

pub use system_log_wire::systemlog::v1 as pb;
