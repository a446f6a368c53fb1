//! The server over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod embedding;
