//! The ways in.
//!
//! `listener` makes listeners for the shards' lean door. `generic` serves over hyper what that door does not keep: `rewound` is a socket
//! of it, `activity` what goes on there, `frames` what an HTTP/2 client may send, and `patience` says when a connection has to end.
//! `upgrade` moves WebSockets out of HTTP, and `remote` carries those streams that cannot be moved.

mod activity;
mod frames;
mod generic;
mod listener;
mod patience;
pub(crate) mod remote;
mod rewound;
pub(crate) mod upgrade;

pub(crate) use generic::{Peer, serve_handoffs};
pub use listener::{listen, tune_listener};
