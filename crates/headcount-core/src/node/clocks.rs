//! When another node sent something, by the clock of this node.
//!
//! Clocks of nodes began at different moments. What was sent cannot have arrived before, so the smallest difference between the two clocks that was
//! ever seen is that of the fastest message. By it, a moment of another node is known to within the time that the fastest message took. Clocks
//! also run at slightly different speeds, so only the last one to two minutes count: at 100 millionths that is 12 ms.

use std::collections::BTreeMap;

use crate::connection::NodeId;

/// How long a smallest difference is looked for.
const WINDOW_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Clocks(BTreeMap<NodeId, Difference>);

/// Milliseconds of this node's clock minus those of the other one's: the smallest, in this window and in the one before.
#[derive(Debug)]
struct Difference {
    now: i64,
    before: i64,
    window_began_ms: u64,
}

impl Clocks {
    /// Notes when a message was sent and when it came. To be called for nodes that are known.
    pub(super) fn note(&mut self, node: NodeId, sent_ms: u64, now_ms: u64) {
        let seen = signed(now_ms).saturating_sub(signed(sent_ms));
        let known = self.0.entry(node).or_insert(Difference {
            now: seen,
            before: seen,
            window_began_ms: now_ms,
        });
        if now_ms.saturating_sub(known.window_began_ms) >= WINDOW_MS {
            *known = Difference {
                now: seen,
                before: known.now,
                window_began_ms: now_ms,
            };
        }
        known.now = known.now.min(seen);
    }

    /// When it was here, at the latest, when it was `at_ms` there.
    pub(super) fn here_ms(&self, node: NodeId, at_ms: u64) -> i64 {
        signed(at_ms).saturating_add(self.difference_ms(node))
    }

    /// By how much the clock there is behind the one here, at the most.
    pub(super) fn difference_ms(&self, node: NodeId) -> i64 {
        self.0.get(&node).map_or(0, |known| known.now.min(known.before))
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
