//! Whether a file of the store can be written, for `/readyz` and for the log: one line on each change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::StoreError;
use crate::clock;
use crate::metrics::{Count, Meters};
use crate::sources::with_sources;

/// How a file of the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It can be written, as far as anybody knows.
    Works,
    /// The last write failed, for this reason.
    Fails(&'static str),
}

/// In place of the start of a write whose waiter has given up.
const GIVEN_UP: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Health {
    name: &'static str,
    /// What the log calls it.
    what: &'static str,
    failure: Count,
    meters: Arc<Meters>,
    patience_ms: u64,
    /// When the write under way began, as milliseconds of the monotonic clock; 0 where none is.
    began_ms: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    condition: Condition,
    said: Condition,
}

impl Health {
    pub(super) fn new(is_history: bool, patience_ms: u32, meters: Arc<Meters>) -> Self {
        let (name, what, failure) = if is_history {
            ("history", "the history", Count::StoreFailedHistory)
        } else {
            ("store", "releases and rules", Count::StoreFailedCommand)
        };
        Self {
            name,
            what,
            failure,
            meters,
            patience_ms: patience_ms.into(),
            began_ms: AtomicU64::new(0),
            last: Mutex::new(Last {
                condition: Condition::Works,
                said: Condition::Works,
            }),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn condition(&self) -> Condition {
        if self.is_hanging() {
            return Condition::Fails(StoreError::Hanging.reason());
        }
        self.last().condition
    }

    /// Whether the write under way takes longer than it may.
    pub(super) fn is_hanging(&self) -> bool {
        let began_ms = self.began_ms.load(Ordering::Relaxed);
        began_ms == GIVEN_UP
            || began_ms != 0 && clock::steady_ms().saturating_sub(began_ms) >= self.patience_ms
    }

    pub(super) fn begins(&self) {
        self.began_ms.store(clock::steady_ms().max(1), Ordering::Relaxed);
    }

    pub(super) fn ends(&self, error: Option<&StoreError>) {
        self.began_ms.store(0, Ordering::Relaxed);
        if error.is_some() {
            self.meters.one(self.failure);
        }
        self.last().condition = error.map_or(Condition::Works, |error| Condition::Fails(error.reason()));
        self.say(error);
    }

    /// A waiter has given up on the write under way: further ones need not wait.
    pub(super) fn give_up(&self) {
        let began_ms = self.began_ms.load(Ordering::Relaxed);
        if began_ms != 0 {
            // Not where it has ended at this very moment.
            let _ended =
                self.began_ms
                    .compare_exchange(began_ms, GIVEN_UP, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.look();
    }

    /// Says so in the log where the write under way has begun to hang.
    pub(super) fn look(&self) {
        if self.is_hanging() {
            self.say(Some(&StoreError::Hanging));
        }
    }

    fn say(&self, error: Option<&StoreError>) {
        let now = error.map_or(Condition::Works, |error| Condition::Fails(error.reason()));
        let before = std::mem::replace(&mut self.last().said, now);
        if before == now {
            return;
        }
        let what = self.what;
        if let Some(error) = error {
            tracing::error!(error = with_sources(error), "{what} cannot be stored");
        } else {
            tracing::info!("{what} can be stored again");
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
