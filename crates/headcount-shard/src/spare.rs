//! What is left to do where the process has no file descriptor.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::log::LOG;
use crate::meters::{Count, Meters};

/// A descriptor kept for when there is no other: with it a socket can be accepted and refused. All listeners share it.
#[derive(Debug)]
pub struct Spare {
    file: Mutex<Option<File>>,
    /// Whether it was ever needed. Before that, the lock is not taken.
    was_needed: AtomicBool,
}

impl Default for Spare {
    fn default() -> Self {
        Self {
            file: Mutex::new(keep()),
            was_needed: AtomicBool::new(false),
        }
    }
}

fn keep() -> Option<File> {
    File::open("/dev/null").ok()
}

impl Spare {
    /// Gives the descriptor up for as long as `act` runs. `None` where it is gone.
    pub fn lend<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        self.was_needed.store(true, Ordering::SeqCst);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        drop(file.take().or_else(keep)?);
        let done = act();
        *file = keep();
        Some(done)
    }

    /// Whether the descriptor is there. While it was lent, something else may have got it: a caller that just got a
    /// descriptor and gets `false` closes it, and calls [`Spare::restore`].
    pub fn is_there(&self) -> bool {
        !self.was_needed.load(Ordering::SeqCst) || self.restore()
    }

    /// Takes a descriptor again, if one is free. Whether it is there.
    pub fn restore(&self) -> bool {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        *file = file.take().or_else(keep);
        file.is_some()
    }
}

/// Says that sockets could not be accepted, once a second at the most, and counts them.
#[derive(Debug, Default)]
pub struct Shortage {
    said_ms: Option<u64>,
    unsaid: u64,
}

/// Least time between two lines of a shard about it.
const SAY_MS: u64 = 1_000;

impl Shortage {
    /// This many sockets were refused, or one could not be accepted.
    pub fn note(&mut self, now_ms: u64, refused: u64, error: &std::io::Error, meters: &Meters) {
        meters.add(Count::RefusedDescriptors, refused);
        self.unsaid += refused;
        if self.said_ms.is_some_and(|said_ms| now_ms < said_ms + SAY_MS) {
            return;
        }
        let refused = std::mem::take(&mut self.unsaid);
        self.said_ms = Some(now_ms);
        tracing::warn!(target: LOG, %error, refused, "no connection can be accepted; trying again shortly");
    }
}
