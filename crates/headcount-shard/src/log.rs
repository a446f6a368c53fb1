//! How the log names what a shard says.

/// The target of its lines. A filter names the server (`headcount_server=debug`), and shards are a part of it.
pub(super) const LOG: &str = "headcount_server::shard";
