//! What a node did not take, for the metrics of its server.

/// What a node did not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Heartbeats of nodes beyond [`NODES_MAX`](crate::cluster::NODES_MAX).
    pub full: u64,
    /// Messages of nodes that are not known, or no longer.
    pub strangers: u64,
    /// Messages that this node sent itself, over a connection to the broker that it has given up since.
    pub echoes: u64,
    /// Requests that were heard before.
    pub repeated: u64,
    /// Messages about tabs that moved which are so late that a newer connection may be forgotten.
    pub late: u64,
    /// Reports that are not applied: repeated, late, or after one that is missing.
    pub reports: u64,
}
