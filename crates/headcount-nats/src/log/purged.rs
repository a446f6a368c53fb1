//! A stream without a checkpoint, because somebody purged it: by hand, or to make room.
//!
//! Whatever was purged, the servers that run know what stands. So one that finds the stream without a checkpoint appends one at once, if it has
//! read everything. A server that starts gives them the time for it before it begins the log with its own copy, which may be old: see `others`.

use std::time::Duration;

use async_nats::jetstream::stream::Info;
use headcount_core::command_log::Checkpoint;
use tokio::time::{Instant, timeout};

use super::append::Settled;
use super::begin::{First, Held, OpenError};
use super::follower::{Follower, Stop};
use super::ledger::{ANSWER, Created, Found, Ledger};

/// How long a checkpoint may take that replaces one.
const REPLACE: Duration = Duration::from_secs(2);

impl Ledger {
    /// Begins the log of a stream that has no checkpoint with what is held, and with the commands that the stream has all the same. `None`: another
    /// server was faster.
    pub(super) async fn begin_without_checkpoint(
        &self,
        held: &Held<'_>,
        info: &Info,
        until: Instant,
    ) -> Result<Option<First>, OpenError> {
        let before = First {
            index: info.state.first_sequence.saturating_sub(1),
            id: String::new(),
            checkpoint: held.stands.clone(),
            is_later: false,
            created: Created(info.created),
        };
        let Some((last, whole)) = self.whole(&before).await? else {
            return Err(OpenError::Unreadable(None));
        };
        if last > 0 {
            tracing::warn!(
                head = whole.head,
                "the stream of the log has no checkpoint, and no other server has added one: the log begins with what this server has"
            );
        }
        self.append_checkpoint(whole, last, &before, until).await
    }
}

impl Follower {
    /// Whether the stream, of which everything was read, has no checkpoint any more.
    pub(super) async fn lacks_checkpoint(&self, info: &Info) -> Result<bool, Stop> {
        let state = &info.state;
        if state.first_sequence > self.checkpoint {
            return Ok(true);
        }
        let is_whole = state.messages > state.last_sequence.saturating_sub(state.first_sequence);
        if is_whole {
            return Ok(false);
        }
        match self.ledger.last_checkpoint().await {
            Found::Message(_) => Ok(false),
            Found::Nothing => Ok(true),
            Found::NoAnswer => Err(Stop::NoAnswer),
        }
    }

    /// Appends a checkpoint of what stands after this sequence, the last one. False: it was not appended now.
    pub(super) async fn replace_checkpoint(&mut self, last: u64) -> bool {
        let Some(stands) = self.stands_after(last).await else {
            return false;
        };
        let appended = match self.ledger.draft_checkpoint(&stands, last) {
            Ok(draft) => self.ledger.append(&draft, Instant::now() + REPLACE).await,
            Err(error) => Err(error),
        };
        match appended {
            Ok(Settled::Stored) => {
                tracing::warn!(
                    head = stands.head,
                    "the stream of the log was purged, and had no checkpoint any more: this server has added one"
                );
                true
            }
            // That of another server, most likely.
            Ok(Settled::Taken) => true,
            Err(error) => {
                if self.said_purged.due().is_some() {
                    tracing::error!(%error, "the stream of the log has no checkpoint, and none can be added");
                }
                false
            }
        }
    }

    /// What stands after this sequence, as soon as it was taken from here. `None`: that takes longer, or a later revision wrote some of it.
    async fn stands_after(&mut self, last: u64) -> Option<Checkpoint> {
        let era = self.era;
        let taken = self
            .known
            .wait_for(|known| known.era == era && known.index == last);
        let known = timeout(ANSWER, taken).await.ok()?.ok()?;
        (!known.has_later).then(|| known.stands.clone())
    }
}
