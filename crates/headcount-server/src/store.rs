//! Releases, rules and the history on disk, so that they outlive the process.
//!
//! Two small embedded database files, each written by its own thread. A command is committed (and synced) before it is
//! answered, so an acknowledged command survives `kill -9` and power loss. Reads use memory: a disk that hangs or is
//! full stops only new commands, and those are answered in time. Values are the JSON of the admin API: a reader of the
//! files needs no other format. Without a directory the store keeps nothing.
//!
//! - `transaction`: what is read at start, and what one write changes.
//! - `file`: making and opening a file. `worker`: its thread. `health`: whether it can be written.
//! - `private`: its permissions.
//! - `log`: the log of commands that this store keeps. `commands`, `history`: the contents of the two files. `high_water`: the last number, in a file beside them. `error`: its
//!   errors.

mod commands;
mod error;
mod file;
mod health;
mod high_water;
mod history;
mod log;
mod private;
mod transaction;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headcount_core::epoch::Epoch;
use headcount_core::history::{Minute, Sample};
use headcount_core::limits::Limits;
use redb::Database;

use crate::clock;
use crate::faults::Faults;
use crate::metrics::Meters;
use commands::Commands;
use file::StoreFile;
use health::Health;
use history::Minutes;
use private::{COMMANDS_FILE, HISTORY_FILE};
use worker::{Book, Desk};

pub use error::StoreError;
pub(crate) use health::Condition;
pub(crate) use log::LocalLog;
pub(crate) use transaction::{Stored, Transaction};

/// How long a server that starts waits for the one before it to hand the store over. That takes a moment after the drain began.
const HANDOVER: Duration = Duration::from_secs(2);
const HANDOVER_LOOK: Duration = Duration::from_millis(20);

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    /// `None`: keeps nothing.
    commands: Option<Desk<Transaction>>,
    history: Option<Desk<Minute>>,
    patience: Duration,
    /// Whether the store was handed over.
    released: AtomicBool,
    meters: Arc<Meters>,
}

impl Store {
    /// A store that keeps nothing, and is a new one each time.
    pub(crate) fn in_memory() -> Result<(Self, Stored), StoreError> {
        let store = Self {
            commands: None,
            history: None,
            patience: Duration::ZERO,
            released: AtomicBool::new(false),
            meters: Arc::default(),
        };
        let stored = Stored {
            epoch: new_epoch()?,
            ..Stored::default()
        };
        Ok((store, stored))
    }

    /// Opens or makes the store in this directory. `with_history`: whether there is a history to keep.
    pub(crate) async fn open(
        directory: &Path,
        limits: &Limits,
        with_history: bool,
        faults: &Faults,
    ) -> Result<(Self, Stored), StoreError> {
        private::directory(directory).map_err(|source| StoreError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let meters: Arc<Meters> = Arc::default();
        let place = |name: &str| StoreFile {
            path: directory.join(name),
            is_history: name == HISTORY_FILE,
            faults: faults.clone(),
        };
        let health = |is_history| Health::new(is_history, limits.store_ms, Arc::clone(&meters));
        let opened = open_commands(&place(COMMANDS_FILE), place(HISTORY_FILE).path.exists()).await?;
        let mut stored = opened.commands.stored(limits);
        let history = if with_history {
            let place = place(HISTORY_FILE);
            let (database, samples) = open_history(&place, &opened.database, limits).await?;
            stored.samples = samples;
            let desk = Desk::open(Minutes::default(), place, database, false, health(true));
            Some(desk.map_err(StoreError::System)?)
        } else {
            None
        };
        let (book, database) = (opened.commands, Some(opened.database));
        let is_behind = opened.is_behind;
        let desk = Desk::open(book, place(COMMANDS_FILE), database, is_behind, health(false));
        let store = Self {
            commands: Some(desk.map_err(StoreError::System)?),
            history,
            patience: Duration::from_millis(limits.store_ms.into()),
            released: AtomicBool::new(false),
            meters,
        };
        Ok((store, stored))
    }

    /// Takes a step; when this returns it is on disk. Takes `limits.store_ms` at most.
    pub(crate) async fn commit(&self, step: Transaction) -> Result<(), StoreError> {
        if self.released.load(Ordering::Acquire) {
            return Err(StoreError::Released);
        }
        match &self.commands {
            Some(desk) => desk.write(step, self.patience).await,
            None => Ok(()),
        }
    }

    /// Takes a step that happens in any case: the disk hears of it when it can.
    pub(crate) fn note(&self, step: Transaction) {
        if let Some(desk) = &self.commands {
            // Where too much waits, what the disk has in excess is found again at the next start.
            let _left = desk.leave(step);
        }
    }

    /// Keeps a sample, and forgets those that are too old, or from a clock that was set back since.
    pub(crate) fn keep(&self, minute: Minute) {
        if let Some(desk) = &self.history
            && !desk.leave(minute)
        {
            desk.health().look();
        }
    }

    /// Hands the store over: a server that starts now can open it. Commands are refused from then on.
    pub(crate) async fn release(&self) {
        self.released.store(true, Ordering::Release);
        let commands = async {
            if let Some(desk) = &self.commands {
                desk.release(self.patience).await;
            }
        };
        let history = async {
            if let Some(desk) = &self.history {
                desk.release(self.patience).await;
            }
        };
        tokio::join!(commands, history);
    }

    /// Looks whether a disk has begun to hang, for the log.
    pub(crate) fn look(&self) {
        for health in [
            self.commands.as_ref().map(Desk::health),
            self.history.as_ref().map(Desk::health),
        ] {
            health.into_iter().for_each(Health::look);
        }
    }

    /// Whether releases and rules can be stored.
    pub(crate) fn condition(&self) -> Condition {
        let desk = self.commands.as_ref();
        desk.map_or(Condition::Works, |desk| desk.health().condition())
    }

    /// Whether the history can be stored.
    pub(crate) fn history_condition(&self) -> Condition {
        let desk = self.history.as_ref();
        desk.map_or(Condition::Works, |desk| desk.health().condition())
    }

    pub(crate) fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }
}

struct Opened {
    database: Database,
    commands: Commands,
    /// Whether there is something in memory that is not on disk.
    is_behind: bool,
}

async fn open_commands(place: &StoreFile, had_history: bool) -> Result<Opened, StoreError> {
    let epoch = new_epoch()?;
    let fill = |database: &Database| Commands::new(epoch, place).commit(database, None, true);
    let (database, is_new) = patiently(|| place.open(fill)).await?;
    if is_new {
        let file = place.path.display();
        if had_history {
            tracing::warn!("the store `{file}` is gone: this server begins without releases and rules");
        } else {
            tracing::info!("made a new store, `{file}`");
        }
    }
    let (commands, has_epoch) = Commands::load(&database, place, epoch)?;
    Ok(Opened {
        database,
        commands,
        is_behind: !has_epoch,
    })
}

/// The server starts also if the history cannot be opened: it goes on in memory, and on disk as soon as that works.
async fn open_history(
    place: &StoreFile,
    commands: &Database,
    limits: &Limits,
) -> Result<(Option<Database>, Vec<Sample>), StoreError> {
    let fill = |database: &Database| Minutes::default().write(database, None, true);
    let opened = patiently(|| place.open(fill)).await.and_then(|(database, _)| {
        history::migrate(commands, &database)?;
        let samples = history::samples(&database, limits.history_versions_max)?;
        Ok((database, samples))
    });
    match opened {
        Ok((database, samples)) => Ok((Some(database), samples)),
        Err(error @ StoreError::Locked { .. }) => Err(error),
        Err(error) => {
            let error = crate::with_sources(&error);
            tracing::warn!(
                error,
                "the history cannot be read and starts empty; releases and rules are in another file and are not affected"
            );
            Ok((None, Vec::new()))
        }
    }
}

/// Tries again while the server before this one hands over what it holds.
async fn patiently<T>(mut open: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let until: Instant = clock::now() + HANDOVER;
    loop {
        match open() {
            Err(StoreError::Locked { .. }) if clock::now() < until => tokio::time::sleep(HANDOVER_LOOK).await,
            opened => return opened,
        }
    }
}

fn new_epoch() -> Result<Epoch, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::System(std::io::Error::other(error)))?;
    Ok(Epoch::new(random))
}

#[cfg(test)]
mod tests;
