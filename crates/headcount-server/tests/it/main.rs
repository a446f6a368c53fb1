//! The server as its clients see it: real sockets against a server in this process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod acknowledgements;
mod authorize;
mod client;
mod contract;
mod demotion;
mod embedding;
mod hooks;
mod invalidation;
mod lifecycle;
mod posts;
mod seal;
mod server;
mod stats;
