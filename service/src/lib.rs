//! The service: who is asking, and what may they see?
//!
//! This crate alone knows the wire, the sandbox and the store, and brings them together. Start reading at
//! [`server::build`], then [`ingest::Road::ingest`] for the road in and [`read::Reader`] for the road out.

pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dead_letter;
pub mod demo;
pub mod grpc;
pub mod hooks;
pub mod ingest;
pub mod metrics;
pub mod read;
pub mod seal;
pub mod server;
pub mod status;
pub mod web;
pub mod wire;
