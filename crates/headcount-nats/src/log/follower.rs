//! Reads on, as a separate task, so that nothing that a caller does or leaves undone interrupts it.
//!
//! The broker sends a notice of every message that it stored, without the message. A notice is only a reason to look: what counts is read from
//! the stream, so messages that others write to the notices' subject do no harm. The other reasons are a broker that is reached again,
//! and every two seconds, because a notice can be lost between brokers.
//!
//! The log is bounded, so whatever is missing is asked for one by one, 32 at a time. No consumer is needed, and none can stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use headcount_core::command_log::{Checkpoint, Entry, Source};
use headcount_core::protocol::log::{Decoded, REVISION};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep};

use super::begin::{First, Held};
use super::ledger::{Created, Found, Kept, Ledger};
use crate::seldom::Seldom;

/// How often it is looked for what no notice came of.
const CHECK: Duration = Duration::from_secs(2);
/// How long until a broker that did not answer is asked again.
const RETRY: Duration = Duration::from_millis(100);
/// How long it may take to begin again.
const BEGIN: Duration = Duration::from_secs(10);
/// Questions at the same time.
const QUESTIONS_MAX: usize = 32;
/// The header with the sequence of what was stored.
const SEQUENCE: &str = "Nats-Sequence";

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    Entry {
        index: u64,
        id: String,
        entry: Box<Entry>,
        /// Whether a later revision wrote it, so that it may hold more.
        is_later: bool,
    },
    /// What follows up to this sequence was there when it was looked for. 0: reading stopped, and what came so far is all for now.
    UpTo { last: u64 },
    /// A message that no version can read, or that is not there any more.
    Skipped { index: u64 },
    /// An entry that only later versions know. Nothing follows.
    Newer,
    /// The log is no longer what was read. What follows begins with a checkpoint.
    Again,
    /// Everything was read that there was, for the first time since the follower began, or began again.
    End,
}

/// What this server has of the log: what was read here, and what was appended here.
#[derive(Debug)]
pub(super) struct Known {
    /// How often the log was begun again.
    pub(super) era: u64,
    /// The last sequence.
    pub(super) index: u64,
    pub(super) stands: Checkpoint,
    /// Whether a later revision wrote some of it, so that it may not be all.
    pub(super) has_later: bool,
}

/// The task.
pub(super) struct Follower {
    pub(super) ledger: Ledger,
    /// The last sequence that was read.
    pub(super) read: u64,
    /// The id of that message.
    pub(super) last_id: String,
    /// The sequence of the last checkpoint that was read.
    pub(super) checkpoint: u64,
    pub(super) created: Created,
    pub(super) out: mpsc::Sender<Read>,
    /// What the broker gets back where it has lost it.
    pub(super) known: watch::Receiver<Known>,
    /// How often it began again.
    pub(super) era: u64,
    pub(super) again: Arc<Notify>,
    pub(super) skipped: Arc<AtomicU64>,
    /// Whether it has still to say [`Read::End`].
    pub(super) owes_end: bool,
    pub(super) said_skipped: Seldom,
    pub(super) said_unread: Seldom,
    pub(super) said_purged: Seldom,
}

/// Why reading stopped.
pub(super) enum Stop {
    /// The broker did not answer.
    NoAnswer,
    /// The log is not the one that was read.
    OtherLog,
    /// The next entry is one that only later versions know.
    Newer,
    /// Nobody reads any more.
    Ended,
}

impl Follower {
    pub(super) async fn run(mut self, mut hints: Subscriber) {
        let mut times = self.ledger.link.borrow().times;
        let mut is_other = false;
        loop {
            if self.ledger.link.wait_for(|link| link.up).await.is_err() {
                return;
            }
            let now = self.ledger.link.borrow().times;
            let read = if is_other {
                self.begin_again().await
            } else {
                self.read_on(now != times).await
            };
            let wait = match read {
                Ok(()) => {
                    times = now;
                    is_other = false;
                    CHECK
                }
                Err(Stop::NoAnswer) => {
                    if self.send(Read::UpTo { last: 0 }).await.is_err() {
                        return;
                    }
                    RETRY
                }
                Err(Stop::OtherLog) => {
                    is_other = true;
                    Duration::ZERO
                }
                Err(Stop::Newer) => return self.out.closed().await,
                Err(Stop::Ended) => return,
            };
            if !self.wait(&mut hints, wait, &mut is_other).await {
                return;
            }
        }
    }

    /// Waits for a reason to look. False: nobody reads any more.
    async fn wait(&mut self, hints: &mut Subscriber, wait: Duration, is_other: &mut bool) -> bool {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                hint = hints.next() => match hint {
                    Some(hint) if self.is_news(&hint) => return true,
                    Some(_) => {}
                    None => return false,
                },
                changed = self.ledger.link.changed() => return changed.is_ok(),
                () = self.again.notified() => {
                    *is_other = true;
                    return true;
                }
                () = self.out.closed() => return false,
                () = tokio::time::sleep_until(until) => return true,
            }
        }
    }

    fn is_news(&self, hint: &async_nats::Message) -> bool {
        let sequence = hint
            .headers
            .as_ref()
            .and_then(|headers| headers.get(SEQUENCE))
            .and_then(|sequence| sequence.as_str().parse::<u64>().ok());
        sequence.is_some_and(|sequence| sequence > self.read)
    }

    /// Reads everything that there is. `doubts`: whether the log may have become another one.
    async fn read_on(&mut self, doubts: bool) -> Result<(), Stop> {
        loop {
            // An entry that was acknowledged may be lost before it is read.
            let known = self.known_index();
            let info = match self.ledger.info().await {
                Ok(Some(info)) => info,
                Ok(None) => return Err(Stop::NoAnswer),
                Err(_) => return Err(Stop::OtherLog),
            };
            let (first, last) = (info.state.first_sequence, info.state.last_sequence);
            if Created(info.created) != self.created || last < known {
                return Err(Stop::OtherLog);
            }
            if doubts && first <= self.read {
                self.recognize().await?;
            }
            if last == self.read {
                if self.owes_end {
                    self.send(Read::End).await?;
                    self.owes_end = false;
                }
                if self.lacks_checkpoint(&info).await? && self.replace_checkpoint(last).await {
                    continue;
                }
                return Ok(());
            }
            self.send(Read::UpTo { last }).await?;
            if first > self.read + 1 {
                self.leap().await?;
            } else {
                self.read_to(last).await?;
            }
        }
    }

    /// The last sequence that is known here.
    fn known_index(&self) -> u64 {
        let known = self.known.borrow();
        let acknowledged = if known.era == self.era { known.index } else { 0 };
        acknowledged.max(self.read)
    }

    /// Whether the message that was read last is still the one that it was. A broker that lost its end gives its sequences again.
    async fn recognize(&self) -> Result<(), Stop> {
        match self.ledger.at(self.read).await {
            Found::Message(kept) if kept.id == self.last_id => Ok(()),
            Found::Message(_) => Err(Stop::OtherLog),
            Found::Nothing => Ok(()),
            Found::NoAnswer => Err(Stop::NoAnswer),
        }
    }

    /// What comes next was forgotten: the last checkpoint stands for it.
    async fn leap(&mut self) -> Result<(), Stop> {
        match self.ledger.last_checkpoint().await {
            Found::Message(kept) if kept.index > self.read => self.hand_over(kept).await,
            // It is behind: somebody removed entries that follow it.
            Found::Message(_) | Found::Nothing => Err(Stop::OtherLog),
            Found::NoAnswer => Err(Stop::NoAnswer),
        }
    }

    /// Reads up to this message, in order.
    async fn read_to(&mut self, last: u64) -> Result<(), Stop> {
        let ledger = self.ledger.clone();
        let asked = |index| {
            let ledger = ledger.clone();
            async move { (index, ledger.at(index).await) }
        };
        let mut answers =
            futures_util::stream::iter((self.read + 1..=last).map(asked)).buffered(QUESTIONS_MAX);
        while let Some((index, found)) = answers.next().await {
            match found {
                Found::Message(kept) => self.hand_over(kept).await?,
                Found::NoAnswer => return Err(Stop::NoAnswer),
                Found::Nothing => match self.ledger.info().await {
                    // Others went on, and it was forgotten meanwhile: the next look leaps.
                    Ok(Some(info)) if info.state.first_sequence > index => return Ok(()),
                    Ok(Some(_)) => self.skip(index, "it was removed").await?,
                    Ok(None) => return Err(Stop::NoAnswer),
                    Err(_) => return Err(Stop::OtherLog),
                },
            }
        }
        Ok(())
    }

    async fn hand_over(&mut self, kept: Kept) -> Result<(), Stop> {
        let read = self.ledger.read(&kept);
        let is_later = matches!(read, Ok(Decoded::Later(_)));
        let Kept { index, id, .. } = kept;
        match read {
            Ok(Decoded::Entry(entry) | Decoded::Later(entry)) => {
                if matches!(entry, Entry::Checkpoint(_)) {
                    self.checkpoint = index;
                }
                let read = Read::Entry {
                    index,
                    id: id.clone(),
                    entry: Box::new(entry),
                    is_later,
                };
                self.send(read).await?;
            }
            Ok(Decoded::Unknown { revision, kind }) if revision > REVISION => {
                tracing::error!(
                    index,
                    revision,
                    kind = format!("{kind:.40}"),
                    "the log of commands has an entry that only later versions know: this server takes no command and reads none until it is \
                     upgraded"
                );
                self.send(Read::Newer).await?;
                return Err(Stop::Newer);
            }
            Ok(Decoded::Unknown { revision, kind }) => {
                let why = format!("its kind is `{kind:.40}`, of revision {revision}");
                self.skip(index, &why).await?;
            }
            Err(error) => self.skip(index, &error.to_string()).await?,
        }
        (self.read, self.last_id) = (index, id);
        Ok(())
    }

    async fn skip(&mut self, index: u64, why: &str) -> Result<(), Stop> {
        if let Some(more) = self.said_skipped.due() {
            tracing::warn!(index, why, more, "a message of the log of commands was skipped");
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        (self.read, self.last_id) = (index, String::new());
        self.send(Read::Skipped { index }).await
    }

    /// Begins with the last checkpoint of a log that is not the one that was read. One that is empty is begun with what stands here.
    async fn begin_again(&mut self) -> Result<(), Stop> {
        tracing::warn!(
            "the broker has lost entries of the log of commands: it is read again from its last checkpoint"
        );
        let stands = self.known.borrow().stands.clone();
        let held = Held {
            stands: &stands,
            source: Source::Log,
        };
        let First {
            index,
            id,
            checkpoint,
            is_later,
            created,
        } = match self.ledger.begin(held, Instant::now() + BEGIN).await {
            Ok(first) => first,
            Err(error) => {
                if self.said_unread.due().is_some() {
                    tracing::error!(%error, "the log of commands cannot be read");
                }
                sleep(RETRY).await;
                return Err(Stop::NoAnswer);
            }
        };
        self.send(Read::Again).await?;
        self.era += 1;
        self.owes_end = true;
        let entry = Box::new(Entry::Checkpoint(Box::new(checkpoint)));
        (self.read, self.last_id, self.created) = (index, id.clone(), created);
        self.checkpoint = index;
        let read = Read::Entry {
            index,
            id,
            entry,
            is_later,
        };
        self.send(read).await?;
        self.read_on(false).await
    }

    async fn send(&self, read: Read) -> Result<(), Stop> {
        self.out.send(read).await.map_err(|_| Stop::Ended)
    }
}
