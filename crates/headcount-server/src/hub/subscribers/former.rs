//! Who was admitted before.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use crate::authorize::Credentials;

/// Credentials that were admitted lately: a browser that sends them again goes before unknown ones.
#[derive(Debug)]
pub(super) struct Former {
    hashes: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
    max: usize,
}

impl Former {
    pub(super) fn new(max: usize) -> Self {
        Self {
            hashes: RandomState::new(),
            known: HashSet::new(),
            order: VecDeque::new(),
            max,
        }
    }

    pub(super) fn note(&mut self, credentials: &Credentials) {
        let hash = self.hashes.hash_one(credentials);
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        if self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether these credentials were admitted. Empty credentials do not count, because anyone has them.
    pub(super) fn knows(&self, credentials: &Credentials) -> bool {
        !credentials.is_empty() && self.known.contains(&self.hashes.hash_one(credentials))
    }
}
