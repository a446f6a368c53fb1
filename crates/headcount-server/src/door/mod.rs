//! The ways in.
//!
//! `listener` accepts for the shards' lean door. `generic` serves over hyper what that door does not keep. `upgrade` moves
//! WebSockets out of HTTP, and `remote` carries those streams that cannot be moved.

mod generic;
mod listener;
pub(crate) mod remote;
pub(crate) mod upgrade;

pub(crate) use generic::serve_handoffs;
pub(crate) use listener::Acceptor;
pub use listener::tune_listener;
