//! Readers that wait for their first stats.
//!
//! Those of a server alone have them at once. In a cluster the other nodes are asked for their counts when the first reader comes, so that an admin
//! never takes the tabs of one node for all. Nodes that do not answer in time are left out, and the stats say that they are partial.

use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;

/// How long first stats wait for the counts of other nodes. A node is asked again after half a second.
pub(super) const WHOLE: Duration = Duration::from_millis(750);

/// Readers that begin together.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) readers: Vec<ConnectionKey>,
    /// When they begin with what there is.
    pub(super) until: Instant,
}
