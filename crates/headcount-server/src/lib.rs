//! headcount as a library: which tabs are open, which build and page each shows, live; and a refresh for exactly the
//! tabs that need one.
//!
//! [`Headcount`] is the server as a value. Give it a listener ([`Headcount::serve`]), or merge its router into any axum app
//! ([`Headcount::router`]). [`Hooks`] tell the app of every connection; an [`authorize::Authorizer`] decides who may see
//! stats. The caller owns the listener, the runtime and the shutdown signal.
//!
//! ```no_run
//! # async fn page() {}
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use headcount_server::{Config, Headcount, Hooks, Invalidation};
//!
//! let headcount = Headcount::builder(Config::default())
//!     .hooks(Hooks::new().on_open(|opened| println!("{} opened", opened.id)))
//!     .start()
//!     .await?;
//! let app: Router = Router::new().route("/", get(page)).merge(headcount.router());
//!
//! // From anywhere in the app:
//! println!("{} tabs are open", headcount.stats().await?.total);
//! headcount.invalidate(Invalidation::segment("/checkout")).await?;
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/embed.rs` is a whole app: a welcome to each tab, its own sessions, endpoints for its admins.

mod admission;
mod answers;
mod assets;
pub mod authorize;
pub mod bots;
mod bridge;
mod builder;
pub mod claims;
pub mod client_address;
pub mod clock;
pub mod config;
mod descriptors;
mod door;
mod endpoints;
mod error;
#[cfg(debug_assertions)]
#[doc(hidden)]
pub mod faults;
#[cfg(not(debug_assertions))]
mod faults;
#[cfg(test)]
mod fuzz;
mod guesses;
pub mod head;
mod headcount;
mod history;
mod hooks;
mod hosts;
mod hub;
mod invalidation;
mod keys;
mod mark;
mod metrics;
pub mod origin;
mod pages;
mod refusals;
mod secrets;
mod serve;
mod shard;
mod site;
mod sources;
mod store;
mod system;
mod tab;
mod vitals;

pub use assets::{AssetFile, Assets};
pub use builder::Builder;
pub use config::Config;
pub use door::{listen, tune_listener};
#[cfg(feature = "openapi")]
pub use endpoints::openapi;
pub use error::{CommandError, ServeError, StartError};
pub use headcount::{ConnectionsQuery, Headcount};
pub use headcount_core as core;
pub use headcount_core::limits::Limits;
pub use history::HistoryQuery;
pub use hooks::{Closed, Hooks, Lagged, Opened, RouteUpdated};
pub use invalidation::Invalidation;
pub use secrets::{Secret, Secrets};
pub use sources::with_sources;
pub use store::StoreError;
pub use tab::{SendError, Tab};

/// The guide's programs, compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/axum.md")]
struct AxumGuide;
