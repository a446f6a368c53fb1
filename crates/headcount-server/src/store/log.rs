//! The log of commands of a server alone: its own store keeps it.
//!
//! The store has what stands instead of the entries that led to it. So the log keeps a copy of that, finds out what each entry changes, and
//! has that much written.

use std::collections::VecDeque;
use std::sync::Arc;

use headcount_core::command_log::{AppendError, CommandLog, Entry, LogIndex};
use headcount_core::invalidation::Standing;

use super::Store;
use super::error::StoreError;
use super::transaction::Transaction;

/// The log. It has one reader, which is its writer too.
#[derive(Debug)]
pub(crate) struct LocalLog {
    store: Arc<Store>,
    /// What stands after all entries.
    standing: Standing,
    end: LogIndex,
    /// Entries that were not read yet.
    unread: VecDeque<(LogIndex, Entry)>,
}

impl LocalLog {
    /// The log that goes on from what stands.
    pub(crate) fn new(store: Arc<Store>, standing: Standing) -> Self {
        Self {
            store,
            standing,
            end: LogIndex::default(),
            unread: VecDeque::new(),
        }
    }

    /// What stands after this entry, and how the store gets there.
    fn step(&self, entry: &Entry, after: LogIndex) -> Result<(Standing, Transaction), AppendError> {
        if after != self.end {
            return Err(AppendError::Behind);
        }
        let mut next = self.standing.clone();
        let change = next.apply(entry);
        let step = Transaction::of(entry, &change, next.head);
        Ok((next, step))
    }

    fn accept(&mut self, entry: &Entry, standing: Standing) -> LogIndex {
        self.standing = standing;
        self.end.0 += 1;
        self.unread.push_back((self.end, entry.clone()));
        self.end
    }
}

impl CommandLog for LocalLog {
    async fn append(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        let (standing, step) = self.step(entry, after)?;
        self.store.commit(step).await?;
        Ok(self.accept(entry, standing))
    }

    async fn note(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        let (standing, step) = self.step(entry, after)?;
        self.store.note(step);
        Ok(self.accept(entry, standing))
    }

    async fn next(&mut self) -> Option<(LogIndex, Entry)> {
        match self.unread.pop_front() {
            Some(entry) => Some(entry),
            // Only the reader itself appends.
            None => std::future::pending().await,
        }
    }

    fn ready(&mut self) -> Option<(LogIndex, Entry)> {
        self.unread.pop_front()
    }
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Released => Self::Closed,
            StoreError::Hanging => Self::Late(error.reason()),
            error => Self::Failed {
                reason: error.reason(),
                source: Box::new(error),
            },
        }
    }
}
