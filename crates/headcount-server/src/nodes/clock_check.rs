//! Whether the clock of this server is wrong, as the other nodes see it.

use headcount_core::node::Node;
use tokio::sync::watch;

/// Says what the node knows, and once in the log when that changes.
pub(super) fn say(node: &Node, told: &watch::Sender<Option<i64>>) {
    let was_off = told.borrow().is_some();
    match node.clock_off(node.id()) {
        Some(ahead_ms) if !was_off => tracing::warn!(
            milliseconds = ahead_ms,
            "the clock of this server differs from those of the other nodes; rules are given and end by theirs"
        ),
        None if was_off => {
            tracing::info!("the clock of this server agrees with those of the other nodes again");
        }
        _ => {}
    }
    let corrected = node.corrected_clock();
    told.send_if_modified(|known| std::mem::replace(known, corrected) != corrected);
}
