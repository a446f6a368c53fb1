//! Cookies that are worth nothing any more, because the app said so.
//!
//! A WebSocket is judged by the cookies of its handshake, and a sealed session cookie stays valid after its user has signed out.
//! So the app says which cookie it took back, and it admits nobody from then on. Only hashes are kept, the newest
//! [`ENDED_MAX`]: a stream that outlives so many sign-outs is judged by its old cookie again.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// Cookies remembered. 16 bytes each.
const ENDED_MAX: usize = 16_384;

/// The cookies that were taken back.
#[derive(Debug, Default)]
pub(super) struct Ended {
    hashes: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ended {
    /// Remembers a cookie, `name=value`.
    pub(super) fn add(&mut self, pair: &str) {
        let hash = self.hashes.hash_one(pair.trim());
        if !self.known.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether one of the cookies in a `cookie` header was taken back.
    pub(super) fn holds_any_of(&self, cookies: &str) -> bool {
        !self.known.is_empty()
            && cookies
                .split(';')
                .any(|pair| self.known.contains(&self.hashes.hash_one(pair.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_was_taken_back_is_known_among_others_and_others_are_not() {
        let mut ended = Ended::default();
        assert!(!ended.holds_any_of("sid=1"));
        ended.add("sid=1");
        assert!(ended.holds_any_of("theme=dark; sid=1; a=b"));
        assert!(!ended.holds_any_of("theme=dark; sid=12; xsid=1"));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut ended = Ended::default();
        for number in 0..=ENDED_MAX {
            ended.add(&format!("sid={number}"));
            ended.add(&format!("sid={number}"));
        }
        assert!(!ended.holds_any_of("sid=0"));
        assert!(ended.holds_any_of("sid=1"));
        assert!(ended.holds_any_of(&format!("sid={ENDED_MAX}")));
    }
}
