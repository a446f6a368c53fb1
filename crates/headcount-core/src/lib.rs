//! What headcount knows and decides, as values in, values out.
//!
//! This crate holds the registry of connections, the counts, the release log, invalidation rules and whom they apply to,
//! the session of one client, WebSocket and SSE framing, and every message that goes over the wire. It names no runtime,
//! clock, random source or socket: time and chance are arguments, a step returns what it changed, and the server acts on
//! it. Only [`protocol`] knows serde.

pub mod backoff;
pub mod belief;
pub mod cluster;
pub mod command_log;
pub mod connection;
pub mod epoch;
pub mod feed;
#[cfg(test)]
mod fuzz;
pub mod happening;
pub mod history;
mod intern;
pub mod invalidation;
pub mod limits;
pub mod node;
pub mod outcome;
pub mod pages;
pub mod pattern;
pub mod protocol;
pub mod questions;
pub mod registry;
pub mod release;
pub mod rollout;
pub mod route;
pub mod session;
pub mod sse;
pub mod stats;
pub mod version;
pub mod websocket;
