//! headcount as a library: which tabs are open, which build and page each shows, live; and a refresh for exactly the
//! tabs that need one.
//!
//! [`Headcount`] is the server as a value. Give it a listener ([`Headcount::serve`]), or merge its router into any axum app
//! ([`Headcount::router`]). [`Hooks`] tell the app of every connection; an [`authorize::Authorizer`] decides who may see
//! stats. The caller owns the listener, the runtime and the shutdown signal.

mod admission;
pub mod authorize;
pub mod bots;
mod builder;
pub mod client_address;
pub mod clock;
pub mod config;
mod door;
mod endpoints;
mod error;
pub mod head;
mod headcount;
mod hooks;
mod hub;
mod metrics;
pub mod origin;
mod serve;
mod shard;
mod site;
mod store;
mod tab;

pub use builder::Builder;
pub use config::{Config, Secret};
pub use door::tune_listener;
pub use error::{CommandError, ServeError, StartError, with_sources};
pub use headcount::{ConnectionsQuery, Headcount};
pub use headcount_core as core;
pub use headcount_core::limits::Limits;
pub use headcount_core::protocol::convert::Invalidation;
pub use hooks::{Closed, Hooks, Lagged, Opened, RouteUpdated};
pub use store::StoreError;
pub use tab::{SendError, Tab};
