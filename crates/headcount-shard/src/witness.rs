//! Who observes the connections of a shard: the hooks of an embedding app, and taps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use headcount_core::registry::Registry;

use crate::meters::{Count, Meters};
use crate::tap::{Tap, Tapped};
use headcount_core::happening::Happening;

/// The observer of connections. Without an observer, which is the default, no event is built.
#[derive(Debug, Default)]
pub struct Witness {
    /// The hooks of an embedding app.
    hooks: Option<(SyncSender<Happening>, Arc<AtomicU64>)>,
    /// Readers that come and go.
    taps: Vec<Tapped>,
}

impl Witness {
    /// An observer that reads this queue; `dropped` counts the events that did not fit.
    pub fn new(queue: SyncSender<Happening>, dropped: Arc<AtomicU64>) -> Self {
        Self {
            hooks: Some((queue, dropped)),
            taps: Vec::new(),
        }
    }

    /// The same, for another shard: taps are one shard's own.
    pub(super) fn for_another(&self) -> Self {
        Self {
            hooks: self.hooks.clone(),
            taps: Vec::new(),
        }
    }

    /// Tells what `make` builds, or drops it where the hooks' queue is full.
    pub(super) fn tell(&mut self, meters: &Meters, make: impl FnOnce() -> Option<Happening>) {
        if self.hooks.is_none() && self.taps.is_empty() {
            return;
        }
        let Some(happening) = make() else { return };
        self.taps.retain(|tap| tap.tell(&happening));
        if let Some((queue, dropped)) = &self.hooks
            && queue.try_send(happening).is_err()
        {
            dropped.fetch_add(1, Ordering::Relaxed);
            meters.one(Count::HookDropped);
        }
    }

    /// Opens a tap and tells its first slice.
    pub(super) fn tap<P>(&mut self, tap: Tap, shard: u16, registry: &Registry<P>) {
        let number = tap.number;
        // Readers that are gone are noticed here at the latest, so taps that want nothing do not pile up.
        self.taps.retain(|tapped| !tapped.is_gone());
        self.taps.push(Tapped::new(tap));
        self.replay(number, shard, registry);
    }

    /// Tells the tap with this number the next slice of what is open.
    pub(super) fn replay<P>(&mut self, number: u64, shard: u16, registry: &Registry<P>) {
        self.taps
            .retain_mut(|tapped| tapped.number() != number || tapped.replay(shard, registry));
    }
}
