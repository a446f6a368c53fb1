//! What joins a server to the others of its cluster.
//!
//! The hub owns the node ([`headcount_core::node`]), because the hub has the counts. It takes in what is heard, and carries out what the node
//! says must be done.
//!
//! - `link`: the bus, whatever carries it. `due`: what the node asks of its server. `joined`: the node, with its bus and with those who wait for what it asks.
//!   `listing`: what it knows of the nodes.
//! - `asking`: the other nodes, for the parts of this server that ask them. `lost`: nodes that fell silent without a word. `agreement`: nodes that are set
//!   otherwise. `clock_check`: whether the clock of this server is wrong. `errands`: what others
//!   pass on for connections of this server, such as a request that came to the wrong node. `sign_outs`: what they ended.

mod agreement;
mod asking;
mod clock_check;
mod due;
mod errands;
mod joined;
mod link;
mod listing;
mod lost;
mod sign_outs;

#[cfg(feature = "cluster")]
pub(crate) use agreement::Agreement;
pub(crate) use asking::{BridgeEvent, Claims, FromAll, NodeEvent, Nodes, Said};
pub(crate) use due::Due;
pub(crate) use errands::{carry_out, let_go, take_over, write_shown};
pub(crate) use joined::{Heard, Joined};
pub(crate) use link::Link;
pub(crate) use sign_outs::end_too;
