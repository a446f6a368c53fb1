//! The ways in.
//!
//! `listener` makes listeners for the shards' lean door. `generic` serves over hyper what that door does not keep. `upgrade` moves
//! WebSockets out of HTTP, and `remote` carries those streams that cannot be moved.

mod generic;
mod listener;
pub(crate) mod remote;
pub(crate) mod upgrade;

pub(crate) use generic::{Peer, serve_handoffs};
pub use listener::{listen, tune_listener};
