//! Releases, rules and the history on disk, so that they outlive the process.
//!
//! Two small embedded database files, each written by its own thread. A command is committed (and synced) before it is
//! answered, so an acknowledged command survives `kill -9` and power loss. Reads use memory: a disk that hangs or is
//! full stops only new commands, and those are answered in time. Values are the JSON of the admin API: a reader of the
//! files needs no other format. Without a directory the store keeps nothing; without the feature `store` there is no other (`absent`).
//!
//! - `transaction`: what is read at start, and what one write changes.
//! - `opening`: finding a store where there is one. `file`: making and opening a file. `worker`: its thread. `health`: whether it can be written.
//! - `private`: its permissions.
//! - `log`: the log of commands that this store keeps. `commands`, `history`: the contents of the two files. `high_water`: the last number, in a file beside them. `error`: its
//!   errors.

#[cfg(not(feature = "store"))]
mod absent;
#[cfg(feature = "store")]
mod commands;
mod error;
#[cfg(feature = "store")]
mod file;
#[cfg_attr(
    not(feature = "store"),
    allow(dead_code, reason = "without files none is well or not")
)]
mod health;
#[cfg(feature = "store")]
mod high_water;
#[cfg(feature = "store")]
mod history;
mod log;
#[cfg(feature = "store")]
mod opening;
#[cfg(feature = "store")]
mod private;
#[cfg_attr(
    not(feature = "store"),
    allow(dead_code, reason = "what nothing keeps is never read")
)]
mod transaction;
#[cfg(feature = "store")]
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headcount_core::epoch::Epoch;
use headcount_core::history::Minutes;

use crate::metrics::Meters;
#[cfg(not(feature = "store"))]
use absent::Desk;
use health::Health;
#[cfg(feature = "store")]
use worker::Desk;

pub use error::StoreError;
pub(crate) use health::Condition;
pub(crate) use log::LocalLog;
pub(crate) use transaction::{Positions, Stored, Transaction};

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    /// `None`: keeps nothing.
    commands: Option<Desk<Transaction>>,
    history: Option<Desk<Minutes>>,
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

    /// Takes a step that can be taken later as well. False: too much waits already.
    pub(crate) fn try_note(&self, step: Transaction) -> bool {
        self.commands.as_ref().is_none_or(|desk| desk.leave(step))
    }

    /// Keeps a sample, and forgets those that are too old, or from a clock that was set back since.
    pub(crate) fn keep(&self, minutes: Minutes) {
        if let Some(desk) = &self.history
            && !desk.leave(minutes)
        {
            desk.health().look();
        }
    }

    /// Keeps samples of the past, and waits until they are on disk, or are refused. Takes `limits.store_ms` at most.
    pub(crate) async fn keep_past(&self, minutes: Minutes) {
        if let Some(desk) = &self.history
            && !minutes.samples.is_empty()
        {
            // What is refused stays in memory, as long as this process runs.
            let _refused = desk.write(minutes, self.patience).await;
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

fn new_epoch() -> Result<Epoch, StoreError> {
    Ok(Epoch::new(random()?))
}

fn random() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|error| StoreError::System(std::io::Error::other(error)))
}

#[cfg(feature = "store")]
#[cfg(test)]
mod tests;
