//! headcount as a library: which tabs are open, which build and page each shows, live; and a refresh for exactly the
//! tabs that need one.
//!
//! [`Headcount`] is the server as a value. Give it a listener ([`Headcount::serve`]), or merge its router into any axum app
//! ([`Headcount::router`]). [`Hooks`] tell the app of every connection; an [`authorize::Authorizer`] decides who may see
//! stats. The caller owns the listener, the runtime and the shutdown signal.
//!
//! ```
//! # async fn page() {}
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
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
//! headcount.invalidate(Invalidation::segment("/checkout").prompt()).await?;
//! # assert_eq!(headcount.rules().await?.invalidations.len(), 1);
//! # drop(app);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Cargo features
//!
//! All are on by default. What is off says so: a configuration that asks for it is refused at start.
//!
//! | feature | what it is for |
//! |---|---|
//! | `store` | releases, rules and the history on disk (`Builder::data_dir`) |
//! | `forward-auth` | an endpoint of the app that says who may see stats ([`Config::forward_auth`]) |
//! | `sealed-session` | session cookies of h3 and `nuxt-auth-utils` ([`Config::sealed_session`]) |
//! | `metrics` | `/metrics` |
//! | `cluster` | servers that share releases and rules through a NATS broker (`Builder::cluster`) |
//! | `bridge` | app servers that learn over HTTP what [`Hooks`] learn in this process |
//! | `openapi` | the OpenAPI document as a value; off by default |
//!
//! `examples/embed.rs` is a whole app: a welcome to each tab, its own sessions, endpoints for its admins.

mod admission;
mod answers;
mod assets;
pub mod authorize;
pub mod bots;
#[cfg_attr(
    not(feature = "bridge"),
    allow(dead_code, reason = "no endpoint opens a bridge then")
)]
mod bridge;
mod builder;
pub mod claims;
pub mod client_address;
pub mod clock;
#[cfg(feature = "cluster")]
mod cluster;
pub mod config;
mod descriptors;
mod door;
mod endpoints;
mod error;
mod everywhere;
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
mod metrics;
#[cfg_attr(
    not(feature = "cluster"),
    allow(dead_code, reason = "no server joins a cluster then")
)]
mod nodes;
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
#[cfg(feature = "cluster")]
pub use cluster::{ClusterError, ClusterOptions};
pub use config::Config;
pub use door::{listen, tune_listener};
#[cfg(feature = "openapi")]
pub use endpoints::openapi;
pub use error::{CommandError, ServeError, StartError};
pub use headcount::{ConnectionsQuery, Headcount};
pub use headcount_core::connection::ConnectionId;
pub use headcount_core::limits::Limits;
pub use headcount_core::pattern::PatternError;
pub use headcount_core::route::RouteError;
pub use headcount_core::version::VersionError;
pub use history::HistoryQuery;
pub use hooks::{Closed, Hooks, Lagged, Opened, RouteUpdated};
pub use invalidation::Invalidation;
pub use secrets::{Secret, Secrets};
pub use sources::with_sources;
pub use store::StoreError;
pub use tab::{SendError, Tab};

/// What [`Headcount`] answers about its tabs, releases and rules. The admin API answers the same as JSON.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # use headcount_server::{Config, Headcount};
/// use headcount_server::admin::StatsAnswer;
///
/// fn on_checkout(stats: &StatsAnswer) -> u64 {
///     stats.routes.get("/checkout").copied().unwrap_or_default()
/// }
/// # let headcount = Headcount::builder(Config::default()).start().await?;
/// assert_eq!(on_checkout(&headcount.stats().await?), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub mod admin {
    pub use headcount_core::protocol::admin::{
        AudienceBody, ChangeAnswer, ConnectionRow, ConnectionsAnswer, ContinuesEntry, FindingEntry,
        InvalidationAnswer, InvalidationsAnswer, LiftAnswer, MatchBody, MeasureBody, ModeBody, OutcomesEntry,
        Percent, RefusalsAnswer, RefusedEntry, ReleaseEntry, ReleasesAnswer, RuleEntry, SeenEntry,
        SpreadEntry, SpreadState, StatsAnswer, StopIfBody,
    };
    pub use headcount_core::protocol::adoption::AdoptionAnswer;
    pub use headcount_core::protocol::history::{HistoryAnswer, SampleEntry};
    pub use headcount_core::protocol::nodes::{MissingNode, NodeEntry, NodesAnswer, NodesAsked};
    pub use headcount_core::protocol::pages::{PageEntry, PagesAnswer};
}

/// The guide's programs, compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/axum.md")]
struct AxumGuide;
