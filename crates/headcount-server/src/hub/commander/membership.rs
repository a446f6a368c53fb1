//! What a commander does besides where it shares the log with the servers of a cluster.
//!
//! **A copy.** What stands is written to the server's own store after it was read, so that it stands also where the broker is away at the next
//! start. It is a copy: the log is what counts, no command waits for it, and one that could not be written is written at the next look.
//!
//! **Lapsed rules** are left out of what tabs obey as soon as they have lapsed, whether or not the log can be reached. The entry that ends them for
//! all is appended by a server whose clock is settled, and is that of the cluster: one that has just started may be wrong.
//!
//! **Clocks.** Rules are given and lapse by the time of the cluster, where the clock of this server differs from it by more than ten seconds. A correction of this server's clock moves no rule: the times of rules come from the clocks of many servers, and the correction
//! says nothing about theirs. A rule that this server gave while its clock was wrong, and
//! no other node was there to say so, keeps its times. Lift it, or give it again.
//!
//! **The configured release** is announced as soon as the log can be reached.

use headcount_core::command_log::Entry;
use headcount_core::invalidation::Standing;

use crate::clock;

/// What the commander keeps for it.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) cluster: String,
    /// Rules that have lapsed, and that no entry has ended yet.
    pub(super) masked: Vec<u32>,
    /// Whether the copy is not what stands.
    pub(super) is_behind: bool,
    /// The configured release, until it could be decided whether it is news.
    pub(super) to_configure: Option<String>,
}

impl Membership {
    pub(super) fn new(cluster: String, standing: &Standing) -> Self {
        Self {
            cluster,
            masked: standing.lapsed(clock::unix_ms()),
            is_behind: standing.epoch.is_some(),
            to_configure: None,
        }
    }

    /// What tabs obey of what stands.
    pub(super) fn obeyed(&self, standing: &Standing) -> Standing {
        let mut obeyed = standing.clone();
        if !self.masked.is_empty() {
            let ids = self.masked.clone();
            obeyed.apply(&Entry::End { ids });
        }
        obeyed
    }
}
