//! The commander of a server that shares the log with others: the copy, lapsed rules, and the configured release. `membership` says why.

use headcount_core::command_log::{Change, CommandLog, Entry};
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::Standing;

use super::Commander;
use super::configured::Configured;
use crate::clock;
use crate::nodes::NodeEvent;
use crate::store::Transaction;

impl<Log: CommandLog> Commander<Log> {
    /// What tabs obey.
    pub(super) fn obeyed(&self) -> Standing {
        match &self.membership {
            Some(membership) => membership.obeyed(&self.standing),
            None => self.standing.clone(),
        }
    }

    /// After another entry was read.
    pub(super) fn on_read(&mut self, before: Option<Epoch>, change: &Change) {
        let now_ms = self.everywhere.unix_ms();
        let Some(membership) = &mut self.membership else {
            return;
        };
        membership.masked = self.standing.lapsed(now_ms);
        membership.is_behind = true;
        if before != self.standing.epoch {
            tracing::warn!(
                ended = change.ended.len(),
                forgotten = change.forgotten.len(),
                "this server goes over to the releases and rules of its cluster, and its tabs reconnect"
            );
        }
    }

    /// Writes the copy, if it is behind.
    pub(super) fn keep_copy(&mut self) {
        let Some(membership) = &mut self.membership else {
            return;
        };
        if membership.is_behind {
            let copy = Transaction::copy(&membership.cluster, &self.standing);
            membership.is_behind = !self.store.try_note(copy);
        }
    }

    /// Once a second.
    pub(super) async fn look_after_cluster(&mut self) {
        self.keep_copy();
        self.mask().await;
        if self.log.is_stopped()
            && let Some(nodes) = &self.everywhere.nodes
        {
            nodes.tell(NodeEvent::ReadsNoMore).await;
        }
        let awaited = self
            .membership
            .as_mut()
            .and_then(|membership| membership.to_configure.take());
        if let Some(version) = awaited {
            self.configure_later(version).await;
        }
    }

    /// Lets tabs obey no rule that has lapsed, and ends it for all.
    async fn mask(&mut self) {
        let lapsed = self.standing.lapsed(self.everywhere.unix_ms());
        let Some(membership) = &mut self.membership else {
            return;
        };
        if membership.masked != lapsed {
            let masked = std::mem::replace(&mut membership.masked, lapsed.clone());
            if !lapsed.is_empty() {
                tracing::info!(?lapsed, "rules lapsed");
            }
            self.tell_shards(None, None).await;
            let back = masked.into_iter().filter(|id| !lapsed.contains(id));
            self.tell_again(back.collect()).await;
        }
        if !lapsed.is_empty() && clock::is_settled() && self.everywhere.is_clock_right() {
            self.note(Entry::End { ids: lapsed }).await;
        }
    }

    /// Tells tabs of rules that seemed to have lapsed, because the clock of this server was wrong.
    async fn tell_again(&mut self, ids: Vec<u32>) {
        for id in ids {
            if let Some(position) = self.standing.position(id) {
                tracing::info!(
                    id,
                    "a rule stands again, because the clock was wrong when it ended"
                );
                self.tell_shards(None, Some(position)).await;
            }
        }
    }

    /// Announces the configured release after all, if that can be done now.
    async fn configure_later(&mut self, version: String) {
        match self.configure(version.clone()).await {
            Ok(Configured::Later) => {}
            Ok(configured) => configured.say(&version, &self.standing.releases.current()),
            Err(error) => tracing::error!(%error, version, "the configured release cannot be announced"),
        }
    }
}
