//! The data plane, `headcount-shard`, and this server as the surroundings of its shards.
//!
//! - `judge`, `posted`: what the bytes of a socket ask for.
//! - `surroundings`: what shards are given, and what they may ask.
//! - `remote`: streams that hyper sends.

#[cfg(test)]
pub(crate) mod busy;
mod judge;
mod posted;
pub(crate) mod remote;
mod surroundings;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use headcount_shard::Judgement;
pub(crate) use headcount_shard::{
    Arrival, AuthorizeJob, Handle, Handoff, Happening, Mail, NewLink, NewStanding, Outlets, SLICE_ROWS,
    ShardEvent, Shards, Subscribing, Tap, TapNews, Wants, Witness,
};
#[cfg(test)]
pub(crate) use judge::Judge;
pub(crate) use judge::websocket_accept;
pub(crate) use surroundings::{question, start};
