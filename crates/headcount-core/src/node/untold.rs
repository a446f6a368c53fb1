//! Sign-outs that the other nodes are yet to be told of.

use crate::cluster::SignOuts;

/// Between two questions that tell of sign-outs.
pub(super) const FLUSH_MS: u64 = 100;

/// Tickets and cookies that wait to be told. With more, they are told at once.
pub(super) const WAITING_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Untold {
    waiting: SignOuts,
    /// For how long their question waits for answers.
    within_ms: u32,
    /// Before this, nothing is told.
    flush_ms: u64,
}

impl Untold {
    pub(super) fn add(&mut self, ended: SignOuts, within_ms: u32) {
        self.waiting.extend(ended);
        self.within_ms = self.within_ms.max(within_ms);
    }

    /// What is to be told now, if that is due, and for how long its question waits.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<(SignOuts, u32)> {
        let next_ms = self.next_ms()?;
        if now_ms < next_ms && self.waiting.len() < WAITING_MAX {
            return None;
        }
        self.flush_ms = now_ms + FLUSH_MS;
        let within_ms = std::mem::take(&mut self.within_ms);
        Some((std::mem::take(&mut self.waiting), within_ms))
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.flush_ms)
    }
}
