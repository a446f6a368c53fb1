//! What is counted about the server itself, for `/metrics`.
//!
//! The shards have their own sets of counts ([`Meters`]); a scrape sums the sets and writes them in the OpenMetrics text format. `cluster`: what a
//! node counts about the others.

mod cluster;
#[cfg(feature = "metrics")]
mod scrape;

pub(crate) use cluster::ClusterNumbers;
pub(crate) use headcount_shard::{Count, Meters};
#[cfg(feature = "metrics")]
pub(crate) use scrape::{Gauges, render};
