//! The counts that subscribers are told: of this server alone, or of its cluster.

use headcount_core::feed::Feed;
use headcount_core::stats::Report;

use crate::clock;
use crate::nodes::{Due, Heard, Joined};

/// The counts, and where they come from.
#[derive(Debug)]
pub(super) enum Counts {
    /// The shards report to the feed.
    Alone(Box<Feed>),
    /// They report to the node, whose feed has the counts of all nodes while somebody watches here.
    Joined(Box<Joined>),
}

impl Counts {
    pub(super) fn feed(&mut self) -> &mut Feed {
        match self {
            Self::Alone(feed) => feed,
            Self::Joined(joined) => joined.node.feed_mut(),
        }
    }

    pub(super) fn joined(&mut self) -> Option<&mut Joined> {
        match self {
            Self::Alone(_) => None,
            Self::Joined(joined) => Some(joined),
        }
    }

    /// Takes in a report of a shard. Whether it changed anything.
    pub(super) fn apply(&mut self, shard: u16, report: Report) -> bool {
        let applied = match self {
            Self::Alone(feed) => feed.apply(shard.into(), report),
            Self::Joined(joined) => joined.node.apply_local(shard.into(), report),
        };
        // The queue of a shard loses nothing and keeps its order, so each report follows the one before.
        debug_assert!(applied.is_ok(), "shard {shard}: {applied:?}");
        applied.unwrap_or_default()
    }

    /// Brings what the shards reported to the feed, and to other nodes that watch.
    pub(super) fn tick(&mut self) {
        if let Self::Joined(joined) = self {
            joined.node.tick();
        }
    }

    /// As [`Counts::tick`], and everything to the nodes that wait for it.
    pub(super) fn answer_wants(&mut self) {
        if let Self::Joined(joined) = self {
            joined.node.answer_wants(clock::steady_ms());
        }
    }

    /// Whether another node waits for everything, whatever changes.
    pub(super) fn is_wanted(&self) -> bool {
        match self {
            Self::Alone(_) => false,
            Self::Joined(joined) => joined.node.is_wanted(),
        }
    }

    /// Whether the counts of every node that is there are in the feed.
    pub(super) fn are_whole(&self) -> bool {
        match self {
            Self::Alone(_) => true,
            Self::Joined(joined) => joined.node.lacking().next().is_none(),
        }
    }

    /// Whether another node needs to be told what changes.
    pub(super) fn is_watched_elsewhere(&self) -> bool {
        match self {
            Self::Alone(_) => false,
            Self::Joined(joined) => joined.node.members().watch(),
        }
    }

    /// Somebody watches here from now on, or nobody does. Whether the shards are to report: `None` where the node says that.
    pub(super) fn watch(&mut self, watched: bool) -> Option<bool> {
        match self {
            Self::Alone(_) => Some(watched),
            Self::Joined(joined) => {
                joined.node.set_watched(watched, clock::steady_ms());
                None
            }
        }
    }

    /// What is heard of other nodes next. Dropping the future loses nothing. Never without a cluster.
    pub(super) async fn heard(&mut self) -> Heard {
        let heard = match self {
            Self::Alone(_) => None,
            Self::Joined(joined) => joined.heard().await,
        };
        match heard {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }

    /// When the node must be looked at, milliseconds of [`clock::steady_ms`].
    pub(super) fn next_look_ms(&self) -> Option<u64> {
        match self {
            Self::Alone(_) => None,
            Self::Joined(joined) => Some(joined.node.next_look_ms()),
        }
    }

    /// What must be done next for the cluster.
    pub(super) fn next_due(&mut self) -> Option<Due> {
        self.joined()?.next_due()
    }

    /// Whether what other nodes count has changed since the last call, or which nodes are counted.
    pub(super) fn take_changed(&mut self) -> bool {
        self.joined().is_some_and(Joined::take_changed)
    }
}
