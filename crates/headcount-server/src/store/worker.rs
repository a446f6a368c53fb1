//! The thread that writes one file of the store.
//!
//! Only this thread waits for the disk. Its callers wait for a bounded time, or not at all. After an error it closes
//! the database, opens it again and writes everything: with the next entry, and once a second until that works.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use redb::Database;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::file::StoreFile;
use super::health::Health;

/// Entries that may wait for the disk. The next one is refused, or forgotten where it is a sample.
const QUEUE_MAX: usize = 16;

/// How often a failed disk is tried.
const RETRY: Duration = Duration::from_secs(1);

/// The content that one file must have.
pub(super) trait Book: Send + 'static {
    type Entry: Send + 'static;

    /// Writes this entry, if any. The flag says that the state of the disk is unknown: then everything before it is written
    /// as well.
    fn write(
        &mut self,
        database: &Database,
        entry: Option<&Self::Entry>,
        anew: bool,
    ) -> Result<(), StoreError>;

    /// This entry is part of it from now on, whether or not it is on disk yet.
    fn accept(&mut self, entry: Self::Entry, is_stored: bool);
}

type Written = oneshot::Sender<Result<(), StoreError>>;

enum Job<Entry> {
    Write(Entry, Option<Written>),
    Release(oneshot::Sender<()>),
}

/// Where entries are given to the thread. It ends with this, and then the file is free.
#[derive(Debug)]
pub(super) struct Desk<Entry> {
    orders: SyncSender<Job<Entry>>,
    health: Arc<Health>,
}

impl<Entry: Send + 'static> Desk<Entry> {
    /// Starts the thread. `database` is `None` where it could not be opened yet, `is_behind` where it lacks something.
    pub(super) fn open<B: Book<Entry = Entry>>(
        book: B,
        place: StoreFile,
        database: Option<Database>,
        is_behind: bool,
        health: Health,
    ) -> std::io::Result<Self> {
        let health = Arc::new(health);
        let (orders, queue) = sync_channel(QUEUE_MAX);
        let name = format!("headcount-{}", health.name());
        let worker = Worker {
            book,
            is_behind: is_behind || database.is_none(),
            place,
            database,
            health: Arc::clone(&health),
        };
        std::thread::Builder::new()
            .name(name)
            .spawn(move || worker.run(&queue))?;
        Ok(Self { orders, health })
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Writes this. An error means that it is not on disk and will not be.
    pub(super) async fn write(&self, entry: Entry, patience: Duration) -> Result<(), StoreError> {
        if self.health.is_hanging() {
            return Err(StoreError::Hanging);
        }
        let (reply, mut outcome) = oneshot::channel();
        self.orders
            .try_send(Job::Write(entry, Some(reply)))
            .map_err(|_| StoreError::Hanging)?;
        match tokio::time::timeout(patience, &mut outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Unexpected),
            Err(_) => {
                // It may have been stored at this very moment: after this no more.
                outcome.close();
                self.health.give_up();
                outcome.try_recv().unwrap_or(Err(StoreError::Hanging))
            }
        }
    }

    /// Queues this to be written when the disk has time. False if too much waits already.
    pub(super) fn leave(&self, entry: Entry) -> bool {
        self.orders.try_send(Job::Write(entry, None)).is_ok()
    }

    /// Writes what waits, then closes the file. Takes nothing from then on.
    pub(super) async fn release(&self, patience: Duration) {
        let (done, released) = oneshot::channel();
        if self.orders.try_send(Job::Release(done)).is_ok() {
            let _hangs = tokio::time::timeout(patience, released).await;
        }
    }
}

struct Worker<B: Book> {
    book: B,
    place: StoreFile,
    /// `None` after an error.
    database: Option<Database>,
    /// Whether the disk may lack something, or have something that was refused.
    is_behind: bool,
    health: Arc<Health>,
}

impl<B: Book> Worker<B> {
    fn run(mut self, queue: &Receiver<Job<B::Entry>>) {
        if self.is_behind {
            self.catch_up();
        }
        loop {
            let order = if self.is_behind {
                queue.recv_timeout(RETRY)
            } else {
                queue.recv().map_err(RecvTimeoutError::from)
            };
            match order {
                Ok(Job::Write(entry, reply)) => self.on_entry(entry, reply),
                Ok(Job::Release(done)) => {
                    if self.is_behind {
                        self.catch_up();
                    }
                    drop(self.database.take());
                    let _nobody_waits = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.catch_up(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn on_entry(&mut self, entry: B::Entry, reply: Option<Written>) {
        let Some(reply) = reply else {
            let is_stored = self.attempt(Some(&entry)).is_ok();
            self.book.accept(entry, is_stored);
            return;
        };
        if reply.is_closed() {
            return;
        }
        let outcome = self.attempt(Some(&entry));
        let is_stored = outcome.is_ok();
        let is_told = reply.send(outcome).is_ok();
        if is_stored && is_told {
            self.book.accept(entry, true);
        } else if is_stored {
            // Its giver was told that it is not.
            self.is_behind = true;
            self.catch_up();
        }
    }

    fn catch_up(&mut self) {
        // What it says is in the log and the health.
        let _failed_again = self.attempt(None);
    }

    fn attempt(&mut self, entry: Option<&B::Entry>) -> Result<(), StoreError> {
        self.health.begins();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.write(entry)));
        let outcome = outcome.unwrap_or(Err(StoreError::Unexpected));
        self.is_behind = outcome.is_err();
        if outcome.is_err() {
            let closing = self.database.take();
            let _panicked_again = catch_unwind(AssertUnwindSafe(|| drop(closing)));
        }
        self.health.ends(outcome.as_ref().err());
        outcome
    }

    fn write(&mut self, entry: Option<&B::Entry>) -> Result<(), StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        let database = self.database.insert(database);
        self.book.write(database, entry, self.is_behind)
    }

    /// Everything is in memory, so a file that the fault has damaged is replaced by another one.
    fn reopen(&mut self) -> Result<Database, StoreError> {
        let nothing = |_: &Database| Ok(());
        let opened = match self.place.open(nothing) {
            Err(StoreError::Empty { .. } | StoreError::Damaged { .. }) => {
                let aside = self.place.set_aside()?;
                tracing::warn!(file = %aside.display(), "a damaged file of the store was set aside and is written again");
                self.place.open(nothing)
            }
            opened => opened,
        };
        opened.map(|(database, _)| database)
    }
}
