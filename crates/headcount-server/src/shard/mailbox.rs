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
    /// `None` once the shard has ended.
    queue: Mutex<Option<VecDeque<T>>>,
    waker: Waker,
    max: usize,
}

impl<T> Mailbox<T> {
    pub(super) fn new(waker: Waker, max: usize) -> Self {
        Self {
            queue: Mutex::new(Some(VecDeque::new())),
            waker,
            max,
        }
    }

    /// Puts something in, unless too much waits already or the shard has ended; gives it back then.
    pub(super) fn offer(&self, item: T) -> Result<(), T> {
        self.push(item, self.max)
    }

    /// Puts something in that must not be lost. Only for what its sender bounds: one at a time, or one per connection.
    /// Whether there was somebody to take it: where the shard has ended it is dropped, and whoever waits for an answer to it
    /// learns that.
    pub(super) fn force(&self, item: T) -> bool {
        self.push(item, usize::MAX).is_ok()
    }

    /// Takes nothing in any more. What still waited.
    pub(super) fn close(&self) -> VecDeque<T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.take().unwrap_or_default()
    }

    /// Moves everything that waits into `taken`, which must be empty.
    pub(super) fn take(&self, taken: &mut VecDeque<T>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = queue.as_mut() {
            std::mem::swap(taken, waiting);
        }
    }

    /// Wakes the shard although nothing waits.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a shard cannot be woken");
        }
    }

    fn push(&self, item: T, max: usize) -> Result<(), T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = queue.as_mut().filter(|waiting| waiting.len() < max) else {
            return Err(item);
        };
        let was_empty = waiting.is_empty();
        waiting.push_back(item);
        drop(queue);
        if was_empty {
            self.wake();
        }
        Ok(())
    }
}
