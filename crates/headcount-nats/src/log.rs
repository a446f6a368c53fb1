//! The log of commands, as one JetStream stream.
//!
//! An entry's index is its sequence in the stream. [`NatsLog::append`] asks the broker to take an entry only while the one that it was
//! decided after is the last, so of several servers one is first and the others read on. Its own entries are given by [`NatsLog::next`] as
//! soon as the broker acknowledged them, without another look at the stream.
//!
//! The log is bounded. The server that appends an entry [`CHECKPOINT_AFTER`] or more after the last checkpoint adds the next one, and then has
//! the broker forget what came before the last but one. So the last checkpoint and everything after it are always there, and servers that are
//! a little behind read every entry. A stream that is full, because others write to it, forgets what came before the last one.
//!
//! - `ledger`: what is asked of the broker. `append`: one entry, until it is known what became of it. `write`: entries and checkpoints at the end.
//!   `begin`: the stream, and its first checkpoint. `give_back`: what the broker has lost. `purged`: a stream without a checkpoint. `others`: those
//!   that add one. `follower`: reads on, as a task.

mod append;
mod begin;
mod follower;
mod give_back;
mod ledger;
mod others;
mod purged;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headcount_core::command_log::{
    AppendError, Checkpoint, CommandLog, Entry, Kept, Lineage, LogIndex, Source, compare,
};
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::Standing;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::broker::NatsBroker;
use crate::seal::Seal;
use crate::seldom::Seldom;
use append::SILENT;
use follower::{Follower, Known, Read};
use ledger::Ledger;

use begin::Held;
pub use begin::{MESSAGES_MAX, OpenError};

/// Entries after which another checkpoint is added.
pub const CHECKPOINT_AFTER: u64 = 500;
/// Entries that were read and wait for [`NatsLog::next`].
const UNREAD_MAX: usize = 256;
/// Entries that are given one by one where they are read together. More of them are given as one checkpoint.
const TOGETHER_MAX: usize = 1_000;
/// Why a command was not sent.
const UNREAD: &str = "there are other commands, and the broker does not give them";

/// The log. It has one reader, which is its writer too.
#[derive(Debug)]
pub struct NatsLog {
    ledger: Ledger,
    patience: Duration,
    reads: mpsc::Receiver<Read>,
    follower: JoinHandle<()>,
    /// Makes the follower begin again at the last checkpoint.
    again: Arc<Notify>,
    /// Entries that were not given yet.
    ready: VecDeque<(LogIndex, Entry)>,
    /// The entry that was given last.
    given: LogIndex,
    /// The last sequence of the stream that is known here, with those that are skipped.
    seen: u64,
    checkpoint: LastCheckpoint,
    /// The last sequence that is known to be there. Until it is read, nothing is given.
    up_to: u64,
    /// Whether the end of the log was not read yet, since it is read from a checkpoint on.
    is_leaping: bool,
    /// What stands after `seen`.
    standing: Standing,
    epoch: Epoch,
    lineage: Lineage,
    /// The same for the follower, which gives it back where the broker has lost it.
    known: watch::Sender<Known>,
    /// How often the log was begun again.
    era: u64,
    /// What was appended here, until the follower comes to it: sequences and ids.
    own: VecDeque<(u64, String)>,
    skipped: Arc<AtomicU64>,
    /// Whether the next entry is one that this version does not know.
    is_stopped: bool,
    /// Whether a checkpoint was read that says less than what was read before. Until the log is begun again, nothing more is taken.
    is_in_doubt: bool,
    /// Whether something was read that a later revision wrote. It may hold what a checkpoint of this server would lose.
    has_later: bool,
}

/// Where the last checkpoints are.
#[derive(Clone, Copy, Debug, Default)]
struct LastCheckpoint {
    index: u64,
    /// The one before.
    before: u64,
}

impl NatsLog {
    /// Opens the log of the broker's cluster. A missing log is made: `begin` is its first entry, unless another server is
    /// faster. The first entry that [`CommandLog::next`] gives is all that stands at the end of the log, as one checkpoint.
    pub async fn open(broker: &NatsBroker, seal: Seal, begin: &Checkpoint) -> Result<Self, OpenError> {
        let ledger = Ledger::new(broker, seal);
        let until = Instant::now() + broker.append;
        let held = Held {
            stands: begin,
            source: Source::Copy,
        };
        let first = ledger.begin(held, until).await?;
        let (out, reads) = mpsc::channel(UNREAD_MAX);
        let (known, _) = watch::channel(Known {
            era: 0,
            index: 0,
            stands: begin.clone(),
            has_later: first.is_later,
        });
        let again = Arc::new(Notify::new());
        let skipped = Arc::<AtomicU64>::default();
        let follower = Follower {
            ledger: ledger.clone(),
            read: first.index,
            last_id: first.id.clone(),
            checkpoint: first.index,
            created: first.created,
            out,
            known: known.subscribe(),
            era: 0,
            again: Arc::clone(&again),
            skipped: Arc::clone(&skipped),
            owes_end: true,
            said_skipped: Seldom::default(),
            said_unread: Seldom::default(),
            said_purged: Seldom::default(),
        };
        let hints = broker.client.subscribe(broker.subjects.stored()).await?;
        let mut log = Self {
            ledger,
            patience: broker.append,
            reads,
            follower: tokio::spawn(follower.run(hints)),
            again,
            ready: VecDeque::new(),
            given: LogIndex::default(),
            seen: 0,
            checkpoint: LastCheckpoint::default(),
            up_to: 0,
            is_leaping: true,
            standing: Standing::default(),
            epoch: first.checkpoint.epoch,
            lineage: Lineage::default(),
            known,
            era: 0,
            own: VecDeque::new(),
            skipped,
            is_stopped: false,
            is_in_doubt: false,
            has_later: first.is_later,
        };
        log.accept(first.index, Entry::Checkpoint(Box::new(first.checkpoint)));
        Ok(log)
    }

    /// Messages of the stream that were skipped, because they are no entries.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Lets an entry be read by [`NatsLog::next`].
    fn accept(&mut self, index: u64, entry: Entry) {
        self.standing.apply(&entry);
        if let Entry::Checkpoint(checkpoint) = &entry {
            if self.epoch != checkpoint.epoch {
                (self.epoch, self.lineage) = (checkpoint.epoch, Lineage::default());
            }
            self.checkpoint = LastCheckpoint {
                index,
                before: self.checkpoint.index,
            };
        }
        self.lineage.follow(&entry);
        self.seen = index;
        self.known.send_replace(Known {
            era: self.era,
            index,
            stands: self.whole(),
            has_later: self.has_later,
        });
        if self.is_leaping {
            // The last one is enough to know where the log ends.
            self.ready.clear();
        }
        self.ready.push_back((LogIndex(index), entry));
        if self.ready.len() > TOGETHER_MAX {
            self.fold();
        }
    }

    /// All that stands after what was read.
    fn whole(&self) -> Checkpoint {
        Checkpoint {
            lineage: self.lineage.clone(),
            ..self.standing.checkpoint(self.epoch)
        }
    }

    /// Takes what the follower read.
    fn take(&mut self, read: Read) {
        if self.is_in_doubt && !matches!(read, Read::Again | Read::Newer) {
            return;
        }
        match read {
            Read::Again => {
                self.is_in_doubt = false;
                self.era += 1;
                self.own.clear();
                self.ready.clear();
                self.is_leaping = true;
                self.seen = 0;
                self.up_to = 0;
                self.given = LogIndex::default();
                self.checkpoint = LastCheckpoint::default();
            }
            Read::End => self.leap(),
            Read::Newer => {
                self.is_stopped = true;
                self.is_in_doubt = false;
                self.up_to = 0;
                self.leap();
            }
            Read::UpTo { last } => self.up_to = last,
            Read::Skipped { index } => {
                self.seen = self.seen.max(index);
                let seen = self.seen;
                self.known.send_modify(|known| known.index = seen);
            }
            Read::Entry {
                index,
                entry,
                is_later: false,
                ..
            } if index > self.seen && self.says_less(&entry) => {
                tracing::warn!(
                    index,
                    "a checkpoint of the log of commands says less than what was read before: the log is read again"
                );
                self.is_in_doubt = true;
                self.up_to = 0;
                self.again.notify_one();
            }
            Read::Entry {
                index,
                id,
                entry,
                is_later,
            } if index > self.seen => {
                self.own.clear();
                self.has_later |= is_later;
                drop(id);
                self.accept(index, *entry);
            }
            Read::Entry { index, id, .. } => self.compare(index, &id),
        }
    }

    /// Whether this is a checkpoint without what was read before. After an `Again` the first one counts: it was compared already.
    fn says_less(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Checkpoint(checkpoint) if self.seen > 0 && !self.has_later => !matches!(
                compare(&self.whole(), Source::Log, checkpoint),
                Kept::All | Kept::OtherEpoch
            ),
            _ => false,
        }
    }

    /// Gives all that was read as one entry, so that nothing that was ended since the checkpoint stands again for a moment.
    fn leap(&mut self) {
        if std::mem::take(&mut self.is_leaping) {
            self.fold();
        }
    }

    /// Makes one entry of those that were not given yet.
    fn fold(&mut self) {
        let last = self.ready.back().map(|(index, _)| *index);
        self.ready.clear();
        if let Some(index) = last {
            let whole = Entry::Checkpoint(Box::new(self.whole()));
            self.ready.push_back((index, whole));
        }
    }

    /// The follower comes to what was appended here. Where another entry is there, the broker has lost one that it acknowledged.
    fn compare(&mut self, index: u64, id: &str) {
        while let Some((own, own_id)) = self.own.front() {
            if *own > index {
                return;
            }
            if *own == index && own_id != id {
                tracing::warn!(
                    index,
                    "the broker has lost an entry that it acknowledged: the log is read again"
                );
                self.again.notify_one();
            }
            self.own.pop_front();
        }
    }

    /// Whether nothing is given before more is read.
    fn must_read(&self) -> bool {
        self.is_leaping || self.seen < self.up_to
    }

    /// Takes what is there to be taken, up to the next entry.
    fn catch_up(&mut self) {
        while self.must_read() || self.ready.is_empty() {
            match self.reads.try_recv() {
                Ok(read) => self.take(read),
                Err(_) => return,
            }
        }
    }

    /// Takes one more thing that the follower read.
    async fn read_by(&mut self, until: Instant) -> Result<(), AppendError> {
        match timeout_at(until, self.reads.recv()).await {
            Ok(Some(read)) => self.take(read),
            Ok(None) => return Err(AppendError::Closed),
            Err(_) => return Err(AppendError::Late(UNREAD)),
        }
        Ok(())
    }
}

impl CommandLog for NatsLog {
    /// Waits for the broker at most [`NatsOptions::append_ms`](crate::NatsOptions::append_ms). What it answers:
    ///
    /// - an index: the entry is stored, on as many brokers as the stream has replicas;
    /// - `Behind`, `Late`, `Failed`, `Closed`: it is not stored and will not be;
    /// - `Unknown`: it was sent, and until the end of the wait the broker said neither what became of it nor what has its index. It may be
    ///   stored as long as no other entry is.
    async fn append(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        self.append_as(entry, after).await
    }

    async fn note(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        if !self.ledger.link.borrow().up {
            return Err(AppendError::Late(SILENT));
        }
        self.append_as(entry, after).await
    }

    async fn next(&mut self) -> Option<(LogIndex, Entry)> {
        while self.must_read() || self.ready.is_empty() {
            let read = self.reads.recv().await?;
            self.take(read);
        }
        self.ready()
    }

    fn ready(&mut self) -> Option<(LogIndex, Entry)> {
        self.catch_up();
        if self.must_read() {
            return None;
        }
        let (index, entry) = self.ready.pop_front()?;
        self.given = index;
        Some((index, entry))
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

impl Drop for NatsLog {
    fn drop(&mut self) {
        self.follower.abort();
    }
}
