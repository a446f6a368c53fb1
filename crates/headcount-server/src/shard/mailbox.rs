//! How the rest of the process talks to a shard: a bounded queue and a wake-up.
//!
//! The shard takes everything at once, so the lock is held for a push or a swap and never while anything is done. The
//! wake-up is sent only when the queue was empty: a burst costs one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mio::Waker;

/// A queue into a shard's thread.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    queue: Mutex<VecDeque<T>>,
    waker: Waker,
    max: usize,
}

impl<T> Mailbox<T> {
    pub(super) fn new(waker: Waker, max: usize) -> Self {
        Self {
            queue: Mutex::default(),
            waker,
            max,
        }
    }

    /// Puts something in, unless too much waits already; gives it back then.
    pub(super) fn offer(&self, item: T) -> Result<(), T> {
        self.push(item, self.max)
    }

    /// Puts something in that must not be lost. Only for what its sender bounds: one at a time, or one per connection.
    pub(super) fn force(&self, item: T) {
        let _never_full = self.push(item, usize::MAX);
    }

    /// Moves everything that waits into `taken`, which must be empty.
    pub(super) fn take(&self, taken: &mut VecDeque<T>) {
        std::mem::swap(
            taken,
            &mut self.queue.lock().unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Wakes the shard although nothing waits.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a shard cannot be woken");
        }
    }

    fn push(&self, item: T, max: usize) -> Result<(), T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= max {
            return Err(item);
        }
        let was_empty = queue.is_empty();
        queue.push_back(item);
        drop(queue);
        if was_empty {
            self.wake();
        }
        Ok(())
    }
}
