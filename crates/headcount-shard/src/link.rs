//! The queue of bytes to a tab whose socket lies elsewhere.
//!
//! The queue is bounded as that of a socket is: by bytes and not by messages, so a burst of small messages does no
//! harm, and a message that is alone may have any length. Queued bytes are handed on in one piece.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use headcount_core::connection::ConnectionKey;

/// Bytes handed on at once.
const PIECE_BYTES: usize = 65_536;

/// A reader with less than this waiting keeps up: its task has only yet to run.
const FEW_BYTES: usize = 16_384;

#[derive(Debug, Default)]
struct Queue {
    waiting: BytesMut,
    /// Where the connection is held, from when it is open.
    key: Option<ConnectionKey>,
    /// Nothing more comes.
    is_ended: bool,
    /// The reader is gone.
    is_gone: bool,
    /// When something began to wait, on the shard's clock, and whether anything was taken since.
    since_ms: u64,
    was_taken: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Queue>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and wakes the task that waits for that.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.lock();
        let changed = change(&mut queue);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        changed
    }
}

/// Both ends of a queue.
pub(super) fn queue() -> (RemoteLink, FarEnd) {
    let shared = Shared::default();
    (RemoteLink(shared.clone()), FarEnd(shared))
}

/// The shard's end of the queue of a connection. The stream ends when it goes.
#[derive(Debug)]
pub struct RemoteLink(Shared);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Yes,
    /// Too many bytes wait already.
    TooSlow,
    /// The reader is gone.
    Gone,
}

impl RemoteLink {
    /// Reports the place of the connection. Returns whether the reader is still there.
    pub fn open(&self, key: ConnectionKey) -> bool {
        self.0.change(|queue| {
            queue.key = Some(key);
            !queue.is_gone
        })
    }

    /// Queues a message that consists of these pieces.
    pub fn send<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>, now_ms: u64, bytes_max: usize) -> Queued {
        self.0.change(|queue| {
            if queue.is_gone {
                return Queued::Gone;
            }
            let waited = queue.waiting.len();
            if waited == 0 {
                (queue.since_ms, queue.was_taken) = (now_ms, false);
            }
            pieces.for_each(|piece| queue.waiting.extend_from_slice(piece));
            if waited >= few_bytes(bytes_max) && queue.waiting.len() > bytes_max {
                Queued::TooSlow
            } else {
                Queued::Yes
            }
        })
    }

    /// Whether it takes what it is sent at once, or nearly so.
    pub fn keeps_up(&self, bytes_max: usize) -> bool {
        self.0.lock().waiting.len() < few_bytes(bytes_max)
    }

    /// For how long nothing of what waits was taken.
    pub fn untouched_ms(&self, now_ms: u64) -> u64 {
        let mut queue = self.0.lock();
        if queue.waiting.is_empty() {
            return 0;
        }
        if std::mem::take(&mut queue.was_taken) {
            queue.since_ms = now_ms;
        }
        now_ms.saturating_sub(queue.since_ms)
    }

    /// Ends the stream behind what waits and these bytes.
    pub fn end(&self, last: &[u8]) {
        self.0.change(|queue| {
            queue.waiting.extend_from_slice(last);
            queue.is_ended = true;
        });
    }
}

impl Drop for RemoteLink {
    fn drop(&mut self) {
        self.end(&[]);
    }
}

fn few_bytes(bytes_max: usize) -> usize {
    FEW_BYTES.min(bytes_max / 4).max(1)
}

/// The end of a queue at which its bytes are taken.
#[derive(Debug)]
pub(super) struct FarEnd(Shared);

impl FarEnd {
    /// The next bytes to send; `None` at the end.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = self.0.lock();
        if !queue.waiting.is_empty() {
            queue.was_taken = true;
            let bytes = queue.waiting.len().min(PIECE_BYTES);
            let piece = queue.waiting.split_to(bytes).freeze();
            if queue.waiting.is_empty() {
                // At rest it holds no memory.
                queue.waiting = BytesMut::new();
            }
            return Poll::Ready(Some(piece));
        }
        if queue.is_ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Where the connection is held, while it is open.
    pub(super) fn key(&self) -> Option<ConnectionKey> {
        let queue = self.0.lock();
        queue.key.filter(|_| !queue.is_ended)
    }

    /// Takes nothing any more. Where the connection was held, if it was open until now.
    pub(super) fn leave(&self) -> Option<ConnectionKey> {
        let mut queue = self.0.lock();
        queue.is_gone = true;
        queue.waiting = BytesMut::new();
        queue.key.filter(|_| !queue.is_ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(link: &RemoteLink, bytes: usize) -> Queued {
        link.send(std::iter::once(&vec![b'x'; bytes][..]), 0, 100_000)
    }

    #[test]
    fn bytes_are_bounded_and_messages_are_not() {
        let link = RemoteLink(Shared::default());
        for _ in 0..10_000 {
            assert_eq!(send(&link, 10), Queued::Yes);
        }
        assert!(!link.keeps_up(100_000));
        assert_eq!(send(&link, 1), Queued::TooSlow);
        // A message that is alone may be longer, also behind a few bytes that the reader has not taken yet.
        let link = RemoteLink(Shared::default());
        assert_eq!(send(&link, 100), Queued::Yes);
        assert_eq!(send(&link, 1_000_000), Queued::Yes);
        assert_eq!(send(&link, 1), Queued::TooSlow);
    }

    #[test]
    fn time_runs_while_nothing_is_taken() {
        let link = RemoteLink(Shared::default());
        assert_eq!(link.untouched_ms(5_000), 0);
        send(&link, 10);
        assert_eq!(link.untouched_ms(7_000), 7_000);
        link.0.lock().was_taken = true;
        assert_eq!(link.untouched_ms(8_000), 0);
        assert_eq!(link.untouched_ms(9_000), 1_000);
    }
}
