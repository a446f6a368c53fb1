//! What browsers showed with their WebSocket handshakes, for as long as a subscription by message may be on its way.
//!
//! A client that knows PROTOCOL.md subscribes by POST, which shows the cookies of now, or by message as soon as its stream is
//! open. So what a handshake showed is kept for a moment and then dropped, and a tab at rest holds none of it. A client that
//! subscribes by message later is sent away with a code that says to come back at once.
//!
//! Invariant: no more bytes are kept than the limit, whatever visitors send.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use headcount_core::connection::ConnectionKey;

use crate::credentials::Credentials;

/// Bytes that one handshake takes here beside what it showed.
const OVERHEAD: usize = 96;

/// What was shown lately.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    kept: HashMap<ConnectionKey, Arc<Credentials>>,
    /// Until when each is kept, the oldest first.
    order: VecDeque<(u64, ConnectionKey)>,
    bytes: usize,
}

impl Handshakes {
    /// Keeps what a handshake showed until then, and drops the oldest where that is too much together.
    pub(super) fn keep(
        &mut self,
        key: ConnectionKey,
        credentials: Arc<Credentials>,
        until_ms: u64,
        bytes_max: usize,
    ) {
        self.bytes += credentials.bytes() + OVERHEAD;
        self.kept.insert(key, credentials);
        self.order.push_back((until_ms, key));
        while self.bytes > bytes_max && self.drop_oldest() {}
    }

    /// What this connection showed.
    pub(super) fn of(&self, key: ConnectionKey) -> Option<Arc<Credentials>> {
        self.kept.get(&key).cloned()
    }

    /// When the next one's time is over.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.order.front().map(|(until_ms, _)| *until_ms)
    }

    /// Drops the entries whose time is over.
    pub(super) fn expire(&mut self, now_ms: u64) {
        while self.next_ms().is_some_and(|until_ms| until_ms <= now_ms) {
            self.drop_oldest();
        }
        if self.order.is_empty() && self.kept.capacity() > 0 {
            // A storm of openings must not leave its tables behind.
            *self = Self::default();
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_front() else {
            return false;
        };
        if let Some(credentials) = self.kept.remove(&key) {
            self.bytes -= credentials.bytes() + OVERHEAD;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> ConnectionKey {
        ConnectionKey {
            shard: 0,
            slot,
            generation: 0,
        }
    }

    fn shown(bytes: usize) -> Arc<Credentials> {
        Arc::new(Credentials::of(&[("cookie", &"x".repeat(bytes))]))
    }

    #[test]
    fn what_strangers_show_stays_within_the_limit_and_goes_by_itself() {
        let mut handshakes = Handshakes::default();
        for slot in 0..10_000 {
            handshakes.keep(key(slot), shown(1_000), 5_000, 100_000);
            assert!(handshakes.bytes <= 100_000);
        }
        assert!(handshakes.of(key(9_999)).is_some(), "the newest is there");
        assert!(handshakes.of(key(0)).is_none(), "the oldest went");
        assert_eq!(handshakes.next_ms(), Some(5_000));
        handshakes.expire(4_999);
        assert!(handshakes.of(key(9_999)).is_some());
        handshakes.expire(5_000);
        assert_eq!((handshakes.bytes, handshakes.kept.capacity()), (0, 0));
    }

    #[test]
    fn one_that_is_too_large_alone_is_not_kept() {
        let mut handshakes = Handshakes::default();
        handshakes.keep(key(1), shown(1_000), 5_000, 500);
        assert!(handshakes.of(key(1)).is_none());
        assert_eq!(handshakes.bytes, 0);
    }
}
