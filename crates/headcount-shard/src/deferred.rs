//! Navigations that wait until their connection's allowance has recovered.
//!
//! A client that sends too fast is not heard faster, only later: the last page it named is applied then, so that the counts come
//! out true. The pages wait here and not with their connections, in their normal form, and never more bytes of them than the
//! limit: a connection that would exceed it is closed, and says its page when it returns.

use std::collections::HashMap;

use headcount_core::connection::ConnectionKey;

/// Bytes that one takes here beside its text.
const OVERHEAD: usize = 64;

/// The pages that wait, by connection.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    routes: HashMap<ConnectionKey, Box<str>>,
    bytes: usize,
}

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Lets a navigation wait in place of an earlier one. False if there is no room.
    pub(super) fn put(&mut self, key: ConnectionKey, route: &str, bytes_max: usize) -> bool {
        self.remove(key);
        let bytes = route.len() + OVERHEAD;
        let fits = self.bytes + bytes <= bytes_max;
        if fits {
            self.bytes += bytes;
            self.routes.insert(key, route.into());
        }
        fits
    }

    /// Takes out what waits for this connection.
    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<Box<str>> {
        // Most shards never have any.
        if self.routes.is_empty() {
            return None;
        }
        let route = self.routes.remove(&key)?;
        self.bytes -= route.len() + OVERHEAD;
        Some(route)
    }

    /// The connections for which something waits.
    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        self.routes.keys().copied().collect()
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

    #[test]
    fn waiting_pages_stay_within_the_limit_and_the_last_one_of_each_counts() {
        let mut deferred = Deferred::default();
        let long = "/".repeat(1_000);
        let kept = (0..100)
            .filter(|slot| deferred.put(key(*slot), &long, 10_000))
            .count();
        assert_eq!(kept, 9);
        assert!(deferred.put(key(0), "/b", 10_000));
        assert_eq!(deferred.remove(key(0)).as_deref(), Some("/b"));
        for slot in 1..9 {
            deferred.remove(key(slot));
        }
        assert_eq!((deferred.bytes, deferred.is_empty()), (0, true));
    }
}
