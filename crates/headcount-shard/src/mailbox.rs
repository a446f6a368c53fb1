//! How the rest of the process talks to a shard: a bounded queue and a wake-up.
//!
//! The shard takes everything at once, so the lock is held for a push or a swap and never while anything is done. Between two
//! takes it is woken at most once: a burst costs one wake-up. What can wait a little may be left without any.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mio::Waker;

use crate::log::LOG;

/// A queue into a shard's thread.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    /// `None` once the shard has ended.
    queue: Mutex<Option<Queue<T>>>,
    waker: Waker,
    max: usize,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<T>,
    /// Whether the shard was woken for what waits.
    woken: bool,
}

/// When the shard hears of what is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waking {
    Now,
    Later,
}

impl<T> Mailbox<T> {
    pub(super) fn new(waker: Waker, max: usize) -> Self {
        Self {
            queue: Mutex::new(Some(Queue {
                waiting: VecDeque::new(),
                woken: false,
            })),
            waker,
            max,
        }
    }

    /// Puts something in, unless too much waits already or the shard has ended; gives it back then.
    pub(super) fn offer(&self, item: T) -> Result<(), T> {
        self.push(item, self.max, Waking::Now)
    }

    /// As [`Mailbox::offer`], but lets the shard sleep: the caller must see to [`Mailbox::wake_for_waiting`].
    pub(super) fn leave(&self, item: T) -> Result<(), T> {
        self.push(item, self.max, Waking::Later)
    }

    /// Adds a message that must not be lost. Only for messages that the sender bounds: one at a time, or one per
    /// connection. Returns whether the shard runs: if it has ended, the message is dropped, and its sender learns that.
    pub(super) fn force(&self, item: T) -> bool {
        self.push(item, usize::MAX, Waking::Now).is_ok()
    }

    /// Takes nothing in any more. What still waited.
    pub(super) fn close(&self) -> VecDeque<T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.take().map(|queue| queue.waiting).unwrap_or_default()
    }

    /// Moves everything that waits into `taken`, which must be empty.
    pub(super) fn take(&self, taken: &mut VecDeque<T>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_mut() {
            std::mem::swap(taken, &mut queue.waiting);
            queue.woken = false;
        }
    }

    /// Whether anything waits.
    pub(super) fn has_waiting(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| !queue.waiting.is_empty())
    }

    /// Wakes the shard if anything waits that it was not woken for.
    pub(super) fn wake_for_waiting(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let asleep = queue
            .as_mut()
            .filter(|queue| !queue.waiting.is_empty())
            .is_some_and(|queue| !std::mem::replace(&mut queue.woken, true));
        drop(queue);
        if asleep {
            self.wake();
        }
    }

    /// Wakes the shard although nothing waits.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(target: LOG, %error, "a shard cannot be woken");
        }
    }

    fn push(&self, item: T, max: usize, waking: Waking) -> Result<(), T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = queue.as_mut().filter(|queue| queue.waiting.len() < max) else {
            return Err(item);
        };
        open.waiting.push_back(item);
        let asleep = waking == Waking::Now && !std::mem::replace(&mut open.woken, true);
        drop(queue);
        if asleep {
            self.wake();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    fn was_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn what_is_left_wakes_nobody_until_it_is_asked_for_or_something_is_offered() {
        let mut poll = Poll::new().unwrap();
        let mailbox = Mailbox::new(Waker::new(poll.registry(), Token(0)).unwrap(), 9);
        mailbox.wake_for_waiting();
        assert!(!was_woken(&mut poll));

        mailbox.leave(1).unwrap();
        assert!(mailbox.has_waiting() && !was_woken(&mut poll));
        mailbox.wake_for_waiting();
        assert!(was_woken(&mut poll));
        // Once is enough until it has come.
        mailbox.wake_for_waiting();
        mailbox.offer(2).unwrap();
        assert!(!was_woken(&mut poll));

        let mut taken = VecDeque::new();
        mailbox.take(&mut taken);
        assert_eq!(taken, [1, 2]);
        assert!(!mailbox.has_waiting());
        mailbox.leave(3).unwrap();
        mailbox.offer(4).unwrap();
        assert!(was_woken(&mut poll));
    }
}
