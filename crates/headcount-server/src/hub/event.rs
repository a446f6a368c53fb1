//! What the hub is told.

use headcount_core::protocol::admin::StatsAnswer;
use tokio::sync::oneshot;

use crate::authorize::Decision;

/// Something the hub is told by others than shards.
#[derive(Debug)]
pub(crate) enum HubEvent {
    /// The authorizers answered.
    Decided { number: u64, decision: Decision },
    /// Something that every admission may depend on has changed.
    Recheck,
    /// Cookies that admitted a subscriber were ended.
    Ended,
    /// A request for the current counts.
    Ask(oneshot::Sender<StatsAnswer>),
}
