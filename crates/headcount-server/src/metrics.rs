//! What is counted about the server itself, for `/metrics`.
//!
//! The shards have their own sets of counts ([`Meters`]); a scrape sums the sets and writes them in the OpenMetrics text format.

#[cfg(feature = "metrics")]
mod scrape;

pub(crate) use headcount_shard::{Count, Meters};
#[cfg(feature = "metrics")]
pub(crate) use scrape::{Gauges, render};
