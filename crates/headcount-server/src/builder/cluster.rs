//! A server that belongs to a cluster: the log is there before the first tab is, if the broker answers.

use crate::cluster::{self, ClusterOptions, Joined, SharedLog};
use crate::error::StartError;
use crate::hub::commander::{Beginning, stored_checkpoint};
use crate::store::Stored;

/// Joins the cluster. What was stored stands where the broker does not answer, and begins a log that is missing.
pub(super) async fn join(
    options: &ClusterOptions,
    mut stored: Stored,
) -> Result<(SharedLog, Beginning), StartError> {
    let (standing, begin) = stored_checkpoint(&mut stored);
    let is_empty = standing.epoch.is_none();
    // The bus is joined with the broker.
    let Joined {
        log,
        first,
        broker: _,
    } = cluster::join(options, begin).await?;
    if first.is_none() && is_empty {
        tracing::warn!(
            node = options.node,
            "nothing stands on this server until the broker answers: it has no copy of what its cluster knows"
        );
    }
    tracing::info!(
        node = options.node,
        cluster = options.name,
        "this server belongs to a cluster"
    );
    let cluster = options.name.clone();
    Ok((
        log,
        Beginning::shared(cluster, standing, stored.configured, first),
    ))
}
