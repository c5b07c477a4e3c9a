//! The real server, asked through its own contract. Each file is a set of promises.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod audit;
mod auth;
mod bad_input;
mod bad_requests;
mod cli;
mod collectors;
mod crash;
mod download;
mod export;
mod hooks;
mod house;
mod ingest;
mod keys;
mod model;
mod organisation;
mod pages;
mod read;
mod readme;
mod reflection;
mod secrets;
mod summary;
mod tail;
