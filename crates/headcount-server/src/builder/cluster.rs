//! A server that belongs to a cluster: the log is there before the first tab is, if the broker answers.

use std::sync::Arc;

use headcount_core::node::About;

use crate::authorize::ticket::Tickets;
use crate::cluster::{self, ClusterOptions, SharedLog};
use crate::error::StartError;
use crate::hub::commander::{Beginning, stored_checkpoint};
use crate::keys::Purpose;
use crate::nodes::{Agreement, Joined, Link, Nodes};
use crate::site::Site;
use crate::store::Stored;

/// Joins the cluster. What was stored stands where the broker does not answer, and begins a log that is missing.
pub(super) async fn join(
    options: &ClusterOptions,
    site: &Site,
    tickets: &Arc<Tickets>,
    mut stored: Stored,
) -> Result<((Box<Joined>, Nodes), SharedLog, Beginning), StartError> {
    let (standing, begin) = stored_checkpoint(&mut stored);
    let is_empty = standing.epoch.is_none();
    let cluster::Joined { log, first, broker } = cluster::join(options, begin).await?;
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
    let about = About {
        name: options.node.as_str().into(),
        software: env!("CARGO_PKG_VERSION").into(),
    };
    let (nodes, ends) = Nodes::new();
    let node = site.cipher.node();
    let link = Link::when(cluster::bus(broker, options.seal(Purpose::Bus), node));
    let name = options.name.as_str().into();
    let tickets = Arc::clone(tickets);
    let agreement = Agreement::new(&options.keys(), &site.config);
    let mut joined = Joined::new(
        node,
        about,
        &site.config.limits,
        (name, link),
        agreement,
        ends,
        tickets,
    );
    if let Some((read, _)) = &first {
        joined.node.set_read(*read);
    }
    let cluster = options.name.clone();
    Ok((
        (Box::new(joined), nodes),
        log,
        Beginning::shared(cluster, standing, stored.configured, first),
    ))
}
