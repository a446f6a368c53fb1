//! The ways in.
//!
//! `listener` makes listeners for the shards' lean door. `generic` serves over hyper what that door does not keep, and `apart` what
//! comes to a listener beside the shards': `rewound` is a socket there, `activity` what goes on there, `frames` what an HTTP/2 client may
//! send, `line` what handlers may do of a connection, `seats` how many there are, and `patience` says when one has to end.
//! `upgrade` moves WebSockets out of HTTP.

mod activity;
mod apart;
mod frames;
mod generic;
mod line;
mod listener;
mod patience;
mod rewound;
mod seats;
pub(crate) mod upgrade;

pub(crate) use apart::serve_apart;
pub(crate) use generic::{PeerAddress, serve_handoffs};
pub(crate) use line::Line;
pub use listener::{listen, tune_listener};
