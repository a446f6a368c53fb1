//! Every message that goes over the wire, and nothing else. The only place that knows serde.
//!
//! The specification is `protocol/PROTOCOL.md`, its test vectors are `protocol/vectors/`. Domain types stay free of serde:
//! this module converts.

pub mod admin;
pub mod adoption;
pub mod bridge;
pub mod client;
pub mod cluster;
pub mod convert;
pub mod history;
pub mod log;
pub mod nodes;
pub mod pages;
pub mod server;
pub mod stats;
