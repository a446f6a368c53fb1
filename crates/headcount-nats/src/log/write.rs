//! Appending: at the end of the log, with a checkpoint after many entries.

use std::time::Duration;

use headcount_core::command_log::{AppendError, Entry, LogIndex};
use headcount_core::protocol::log::encode;
use tokio::time::Instant;

use super::append::{Draft, NO_ROOM, Settled, TOO_SHORT, unwritable};
use super::{CHECKPOINT_AFTER, NatsLog, UNREAD_MAX};

/// Entries since the last checkpoint beyond which nothing is appended before there is another one.
const WITHOUT_CHECKPOINT_MAX: u64 = 10_000;
/// How long a checkpoint may hold up the answer to a command.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(500);
const TOO_OLD: &str = "its cluster has commands that this server does not know, so it must be upgraded";

impl NatsLog {
    /// Appends an entry after this one, which must be the last.
    pub(super) async fn append_as(
        &mut self,
        entry: &Entry,
        after: LogIndex,
    ) -> Result<LogIndex, AppendError> {
        let until = self.until();
        let written = encode(entry).map_err(unwritable)?;
        if self.without_checkpoint() >= WITHOUT_CHECKPOINT_MAX {
            // Whatever became of it, the command was not sent.
            self.add_checkpoint().await.map_err(|error| AppendError::Failed {
                reason: "the log of commands has grown too long, and no checkpoint can be added: purge its stream at the broker, as the guide to \
                         clusters says",
                source: Box::new(error),
            })?;
        }
        loop {
            self.catch_up();
            if self.is_stopped {
                return Err(AppendError::Failed {
                    reason: TOO_OLD,
                    source: TOO_OLD.into(),
                });
            }
            if self.must_read() || self.is_in_doubt {
                self.read_by(until).await?;
                continue;
            }
            if !self.ready.is_empty() || after != self.given {
                return Err(AppendError::Behind);
            }
            match self.append_at_end(&written, until).await? {
                Some(draft) => return Ok(self.appended(draft, entry).await),
                // What is there may be skipped: then this one is tried again behind it.
                None => self.read_by(until).await?,
            }
        }
    }

    /// Appends it after the last entry that is known here. `None`: something else is there.
    async fn append_at_end(&self, written: &[u8], until: Instant) -> Result<Option<Draft>, AppendError> {
        let subject = self.ledger.subjects.entry();
        let draft = self.ledger.draft(subject, written, self.seen)?;
        let mut settled = self.ledger.append(&draft, until).await;
        if matches!(&settled, Err(AppendError::Failed { reason, .. }) if *reason == NO_ROOM) {
            // Others have written to the log. What is before the last checkpoint is not needed.
            self.ledger.forget_before(self.checkpoint.index).await;
            settled = self.ledger.append(&draft, until).await;
        }
        if matches!(settled, Err(AppendError::Late(TOO_SHORT))) {
            self.again.notify_one();
        }
        Ok((settled? == Settled::Stored).then_some(draft))
    }

    /// The draft is stored. Adds a checkpoint where one is due.
    async fn appended(&mut self, draft: Draft, entry: &Entry) -> LogIndex {
        let index = draft.index();
        self.remember(draft);
        self.accept(index, entry.clone());
        if !self.has_later
            && self.without_checkpoint() >= CHECKPOINT_AFTER
            && let Err(error) = self.add_checkpoint().await
        {
            tracing::warn!(%error, "no checkpoint was added to the log of commands: the next command tries again");
        }
        LogIndex(index)
    }

    /// Until when a command may take. While the broker is away, only the first ones wait for it.
    fn until(&self) -> Instant {
        let link = *self.ledger.link.borrow();
        let from = if link.up { Instant::now() } else { link.since };
        from + self.patience
    }

    fn remember(&mut self, draft: Draft) {
        self.own.push_back((draft.index(), draft.id));
        if self.own.len() > UNREAD_MAX {
            self.own.pop_front();
        }
    }

    fn without_checkpoint(&self) -> u64 {
        self.seen.saturating_sub(self.checkpoint.index)
    }

    /// Adds a checkpoint of what stands after the last entry, if that is still the last one.
    async fn add_checkpoint(&mut self) -> Result<(), AppendError> {
        let whole = self.whole();
        let draft = self.ledger.draft_checkpoint(&whole, self.seen)?;
        let until = Instant::now() + CHECKPOINT_PATIENCE;
        match self.ledger.append(&draft, until).await? {
            Settled::Stored => {
                let index = draft.index();
                self.remember(draft);
                self.accept(index, Entry::Checkpoint(Box::new(whole)));
                let (ledger, before) = (self.ledger.clone(), self.checkpoint.before);
                tokio::spawn(async move { ledger.forget_before(before).await });
            }
            Settled::Taken => {}
        }
        Ok(())
    }
}
