//! Belonging to a cluster: which broker, and the log of commands that its servers share.
//!
//! - `options`: what a server is told of its cluster. `log`: the log, which may not be there yet. `join`: how a server gets to it.
//!   `bus`: the bus, sealed with the secret of the cluster.
//!
//! A server that cannot reach the broker starts all the same, with the copy that it kept of what stood. What cannot mend itself, a login that the
//! broker refuses or an invalid address, is an error at start; later it is in the log of the server, and tried again.

mod bus;
mod join;
mod log;
mod options;

pub use join::ClusterError;
pub(crate) use join::{Joined, bus, join};
pub(crate) use log::SharedLog;
pub use options::ClusterOptions;
