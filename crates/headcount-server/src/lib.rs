//! headcount as a library: which tabs are open, which build and page each shows, live; and a refresh for exactly the
//! tabs that need one.
//!
//! The caller owns the listener, the runtime and the shutdown signal.

pub mod authorize;
pub mod bots;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod head;
pub mod origin;
