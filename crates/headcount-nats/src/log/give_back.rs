//! What the broker has lost is given back.
//!
//! A broker may come back without entries that servers have read: with an older disk, an empty one, or because somebody deleted the stream. Nobody
//! may then give a command under a number that tabs have heard already. So before a server reads on, or begins to read, it compares what the log has
//! with what it has read itself, or has as a copy:
//!
//! - an earlier state of what it has: it appends all that it has as a checkpoint, and the numbers go on behind that;
//! - commands that it has not read under numbers that it has: what the log has stands from now on under a new epoch, so that no number counts
//!   as heard;
//! - another epoch, because a server that knew less has begun the log again: a server that has read the log before, and has not just a copy, appends
//!   what it has. If commands were given under the other epoch, that is done under a new one.
//!
//! A server that reads on notices the same by a checkpoint that follows what it has read, and then begins again. `purged` is about a stream without
//! a checkpoint.
//!
//! A log in which a later version wrote what this one does not know is left as it is: a server of that version gives back what is missing.
//!
//! Of several servers that notice it, one is first; the others then find in the log what it appended.

use futures_util::StreamExt;
use headcount_core::command_log::{AppendError, Checkpoint, Entry, Kept, Lineage, Source, compare};
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::Standing;
use headcount_core::protocol::log::{Decoded, REVISION};
use tokio::time::Instant;

use super::append::Settled;
use super::begin::{First, Held, OpenError};
use super::ledger::{Found, Ledger};

/// Questions at the same time.
const QUESTIONS_MAX: usize = 32;

impl Ledger {
    /// Sees to it that the log has what was `read` of it before. Where to begin to read then; `None`: others went on meanwhile.
    pub(super) async fn give_back(
        &self,
        held: &Held<'_>,
        first: First,
        until: Instant,
    ) -> Result<Option<First>, OpenError> {
        let read = held.stands;
        let is_over = held.source == Source::Copy && read.epoch != first.checkpoint.epoch;
        if read.head == 0 || is_over || first.is_later {
            return Ok(Some(first));
        }
        let Some((last, log)) = self.whole(&first).await? else {
            return Ok(Some(first));
        };
        let stands = match compare(read, held.source, &log) {
            Kept::OtherEpoch | Kept::All => return Ok(Some(first)),
            Kept::Blank => {
                tracing::warn!(
                    here = read.head,
                    "a server that knew no command has begun the log of commands again: this server gives back what stands"
                );
                read.clone()
            }
            Kept::Less(stands) => {
                tracing::error!(
                    broker = log.head,
                    here = read.head,
                    "the log of commands was begun again with other commands, and fewer: what stands here stands under a new epoch"
                );
                Checkpoint {
                    epoch: new_epoch()?,
                    ..stands
                }
            }
            Kept::Earlier(stands) => {
                tracing::warn!(
                    broker = log.head,
                    here = read.head,
                    "the broker has lost commands: this server gives them back"
                );
                stands
            }
            Kept::Otherwise => {
                tracing::error!(
                    broker = log.head,
                    here = read.head,
                    "the broker has lost commands, and their numbers were given again: what it has now stands under a new epoch"
                );
                Checkpoint {
                    epoch: new_epoch()?,
                    head: log.head.max(read.head),
                    ..log
                }
            }
        };
        self.append_checkpoint(stands, last, &first, until).await
    }

    /// All that stands at the end of the log, and where that is. `None`: a later version wrote some of it.
    pub(super) async fn whole(&self, first: &First) -> Result<Option<(u64, Checkpoint)>, OpenError> {
        let info = self.info().await;
        let end = match info {
            Ok(Some(info)) => info.state.last_sequence.max(first.index),
            Ok(None) | Err(_) => return Err(OpenError::NoAnswer),
        };
        let (mut standing, mut lineage) = (Standing::default(), Lineage::default());
        let mut epoch = first.checkpoint.epoch;
        let mut follow = |entry: &Entry| {
            standing.apply(entry);
            if let Entry::Checkpoint(checkpoint) = entry
                && epoch != checkpoint.epoch
            {
                (epoch, lineage) = (checkpoint.epoch, Lineage::default());
            }
            lineage.follow(entry);
        };
        follow(&Entry::Checkpoint(Box::new(first.checkpoint.clone())));
        let mut answers = futures_util::stream::iter((first.index + 1..=end).map(|index| self.at(index)))
            .buffered(QUESTIONS_MAX);
        while let Some(found) = answers.next().await {
            match found {
                Found::Message(kept) => match self.read(&kept) {
                    Ok(Decoded::Entry(entry)) => follow(&entry),
                    Ok(Decoded::Later(_)) => return Ok(None),
                    Ok(Decoded::Unknown { revision, .. }) if revision > REVISION => return Ok(None),
                    // Those that read the log skip it, too.
                    Ok(Decoded::Unknown { .. }) | Err(_) => {}
                },
                Found::Nothing => {}
                Found::NoAnswer => return Err(OpenError::NoAnswer),
            }
        }
        drop(answers);
        let whole = Checkpoint {
            lineage,
            ..standing.checkpoint(epoch)
        };
        Ok(Some((end, whole)))
    }

    /// `None`: something else was appended first.
    pub(super) async fn append_checkpoint(
        &self,
        checkpoint: Checkpoint,
        after: u64,
        first: &First,
        until: Instant,
    ) -> Result<Option<First>, OpenError> {
        let draft = self
            .draft_checkpoint(&checkpoint, after)
            .map_err(OpenError::NotBegun)?;
        match self.append(&draft, until).await {
            Ok(Settled::Stored) => Ok(Some(First {
                index: draft.index(),
                id: draft.id,
                checkpoint,
                is_later: false,
                created: first.created,
            })),
            Ok(Settled::Taken) => Ok(None),
            Err(error) => Err(OpenError::NotBegun(error)),
        }
    }
}

fn new_epoch() -> Result<Epoch, OpenError> {
    let random = getrandom::u64().map_err(|source| {
        OpenError::NotBegun(AppendError::Failed {
            reason: "the system gives no random numbers",
            source: Box::new(source),
        })
    })?;
    Ok(Epoch::new(random))
}
