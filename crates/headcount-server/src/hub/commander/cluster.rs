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
        let Some(membership) = &mut self.membership else {
            return;
        };
        membership.masked = self.standing.lapsed(clock::unix_ms());
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
        let lapsed = self.standing.lapsed(clock::unix_ms());
        let Some(membership) = &mut self.membership else {
            return;
        };
        if membership.masked != lapsed {
            membership.masked.clone_from(&lapsed);
            if !lapsed.is_empty() {
                tracing::info!(?lapsed, "rules lapsed");
            }
            self.tell_shards(None, None).await;
        }
        if !lapsed.is_empty() && clock::is_settled() {
            self.note(Entry::End { ids: lapsed }).await;
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
