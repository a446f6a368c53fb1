//! Telling many is spread over a while, so that an app is not loaded by all of its tabs in the same moment.
//!
//! A rule has the length of its spread ([`Rule::spread_ms`]), and each tab a moment in that time, drawn from the hash
//! of its id. So a tab that reconnects or navigates keeps its moment, and a connection stores nothing for it. Only
//! while a spread lasts, slots wait here with the time of their next visit. Whether a rule is still due is decided
//! then, as in every round.
//!
//! Once the time is over, the rule is sent at once wherever it is due, as one without a spread. After a restart the
//! server also sends it at once: the reconnects of its tabs are spread already.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use headcount_core::invalidation::{Rule, Standing};

use super::reactor::Shard;

/// Entries that may wait beyond two per connection before all are collected again.
const SPARE: usize = 1_024;

/// A rule while it is spread.
struct Spread {
    rule: Arc<Rule>,
    position: usize,
    began_ms: u64,
}

/// The rules that are being spread, and the slots that wait for their moment.
#[derive(Default)]
pub(super) struct Spreads {
    spreads: Vec<Spread>,
    /// When to look at which slot; the next one on top.
    waiting: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Spreads {
    /// Begins to tell the tabs of the rule at this position.
    pub(super) fn begin(&mut self, rule: Arc<Rule>, position: usize, now_ms: u64) {
        if rule.spread_ms > 0 {
            self.spreads.push(Spread {
                rule,
                position,
                began_ms: now_ms,
            });
        }
    }

    /// Forgets the rules that no longer stand, and those whose time is over.
    pub(super) fn prune(&mut self, standing: &Standing, now_ms: u64) {
        self.spreads.retain(|spread| {
            let stands = standing
                .rule(spread.position)
                .is_some_and(|rule| rule.id == spread.rule.id);
            stands && now_ms <= spread.began_ms + u64::from(spread.rule.spread_ms)
        });
    }

    /// The rules in `due` whose moment has come for a tab with this lot, and the moment of the next one.
    fn now(&self, due: u64, lot: u64, now_ms: u64) -> (u64, Option<u64>) {
        let (mut now, mut next) = (due, None);
        for spread in self
            .spreads
            .iter()
            .filter(|spread| due & 1 << spread.position != 0)
        {
            let moment_ms = spread.began_ms + spread.rule.moment_ms(lot);
            if moment_ms > now_ms {
                now &= !(1 << spread.position);
                next = Some(next.map_or(moment_ms, |next: u64| next.min(moment_ms)));
            }
        }
        (now, next)
    }
}

impl Shard {
    /// The rules in `due` that the connection in this slot must be told now. It is visited again when the rest is due.
    pub(super) fn due_now(&mut self, slot: u32, due: u64) -> u64 {
        if due == 0 || self.spreads.spreads.is_empty() {
            return due;
        }
        let (now, next) = self.spreads.now(due, self.registry.lot(slot), self.now_ms);
        if let Some(next) = next {
            self.spreads.waiting.push(Reverse((next, slot)));
        }
        now
    }

    /// Visits the slots whose moment has come.
    pub(super) fn end_waits(&mut self) {
        if self.spreads.spreads.is_empty() && self.spreads.waiting.is_empty() {
            return;
        }
        let mut come = Vec::new();
        while let Some(Reverse((moment_ms, slot))) = self.spreads.waiting.peek().copied()
            && moment_ms <= self.now_ms
        {
            self.spreads.waiting.pop();
            come.push(slot);
        }
        if self.spreads.waiting.is_empty() {
            self.spreads.waiting = BinaryHeap::new();
        } else if self.spreads.waiting.len() > 2 * self.registry.len() + SPARE {
            // Slots of connections that have gone: all waiting slots are collected again.
            self.spreads.waiting = BinaryHeap::new();
            self.go_by_all();
        }
        if !come.is_empty() {
            self.go_by(come);
        }
        let standing = Arc::clone(self.registry.standing());
        self.spreads.prune(&standing, self.now_ms);
    }

    /// When a slot's moment comes.
    pub(super) fn next_moment_ms(&self) -> Option<u64> {
        self.spreads
            .waiting
            .peek()
            .map(|Reverse((moment_ms, _))| *moment_ms)
    }
}
