//! The server as its clients see it: real sockets against a server in this process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod acknowledgements;
mod admissions;
mod app_server;
mod authorize;
mod bridge;
mod client;
mod cluster;
mod contract;
mod credentials;
mod deltas;
mod demotion;
#[cfg(debug_assertions)]
mod disk;
mod embedding;
mod epochs;
mod files;
mod front;
mod guard;
mod history;
mod hooks;
mod http2;
mod invalidation;
mod lifecycle;
mod liveness;
// The client that the core's own tests hold its messages to.
#[path = "../../../headcount-core/src/feed/tests/client.rs"]
mod naive;
mod names;
mod nodes;
mod openapi;
mod origins;
mod pages;
mod posts;
mod seal;
mod secrets;
mod server;
mod spread;
mod stats;
#[cfg(debug_assertions)]
mod vitals;
mod waves;
