//! Many servers that act as one: what they say to each other.
//!
//! A *node* is a running server. Nodes are equal: each holds connections, answers for all of them, and takes commands. They share a log of
//! commands ([`command_log`](crate::command_log)) and a bus.
//!
//! - `bus`: how nodes reach each other. `members`: which of them are there.
//! - `message`: what one node says to others. `question`: what it asks them. `relay`: what it passes on for a connection of another node.
//!   `tap`: what it tells the bridges of another node. `sign_outs`: tickets and cookies that were ended. `request`: the numbers by which answers refer to what was asked.
//!
//! How a message is written is [`protocol::cluster`](crate::protocol::cluster), and what a node does with it is [`node`](crate::node).

mod bus;
mod members;
mod message;
mod question;
mod relay;
mod request;
mod settings;
mod sign_outs;
mod tap;

pub use bus::{Bus, BusIgnored, BusLosses, Incoming, Notice, To};
pub use members::{HEARTBEAT_MS, Heard, Heartbeat, LOST_AFTER_MS, Member, Members, NODES_MAX};
pub use message::{Message, MovedTab, TabBooks};
pub use question::{Absent, Hits, NodeAnswer, NodeAnswers, NodeQuestion, ROUTES_MAX, SAMPLES_MAX, Tables};
pub use relay::{Errand, Relay, RelayOutcome};
pub use request::RequestId;
pub use settings::Settings;
pub use sign_outs::{EndedCookie, EndedTicket, SignOutMark, SignOuts, TIME_MS_MAX};
pub use tap::{Bridging, SharedApp, Slice, TapMessage};
