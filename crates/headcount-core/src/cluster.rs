//! Many servers that act as one: what they need of each other.
//!
//! A *node* is a running server. Nodes are equal: each holds connections, answers for all of them, and takes commands. They share a log of
//! commands ([`command_log`](crate::command_log)) and a bus.
//!
//! - `bus`: how nodes reach each other. `members`: which of them are there.

mod bus;
mod members;

pub use bus::{Bus, Incoming, Notice, To};
pub use members::{HEARTBEAT_MS, Heard, Heartbeat, LOST_AFTER_MS, Member, Members};
