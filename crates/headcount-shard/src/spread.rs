//! Telling many is spread over a while, so that an app is not loaded by all of its tabs in the same moment.
//!
//! A rule has the length of its spread ([`Rule::spread_ms`]), and each tab a moment in that time, drawn from the hash
//! of its id. So a tab that reconnects or navigates keeps its moment, and a connection stores nothing for it. Only
//! while a spread lasts, slots wait here with the time of their next visit. Whether a rule is still due is decided
//! then, as in every round.
//!
//! A rule in waves is spread again for each wave: the tabs of that wave have a moment in its time, and those of earlier waves have had theirs.
//!
//! Once the time is over, the rule is sent at once wherever it is due, as one without a spread. After a restart the
//! server also sends it at once: the reconnects of its tabs are spread already.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use headcount_core::invalidation::waves::Share;
use headcount_core::invalidation::{Rule, Standing};

/// Entries that may wait beyond two per connection before all are collected again.
const SPARE: usize = 1_024;

/// A rule while it is spread.
#[derive(Debug)]
struct Spread {
    rule: Arc<Rule>,
    position: usize,
    /// Tabs with places below were told before, or are told at once.
    from: Share,
    began_ms: u64,
}

/// The rules that are being spread, and the slots that wait for their moment.
#[derive(Debug, Default)]
pub(super) struct Spreads {
    spreads: Vec<Spread>,
    /// When to look at which slot; the next one on top.
    waiting: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Spreads {
    /// Begins to tell the tabs of the rule at this position.
    pub(super) fn begin(&mut self, rule: Arc<Rule>, position: usize, from: Share, now_ms: u64) {
        self.spreads.retain(|spread| spread.position != position);
        if rule.spread_ms > 0 {
            self.spreads.push(Spread {
                rule,
                position,
                from,
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

    /// Whether nothing is spread and no slot waits.
    pub(super) fn is_idle(&self) -> bool {
        self.spreads.is_empty() && self.waiting.is_empty()
    }

    /// The rules in `due` whose moment has come for the tab in this slot, which has this lot. The slot waits for the moment of the
    /// next one.
    pub(super) fn now(&mut self, slot: u32, due: u64, lot: impl FnOnce() -> u64, now_ms: u64) -> u64 {
        if due == 0 || self.spreads.is_empty() {
            return due;
        }
        let (now, next) = self.split(due, lot(), now_ms);
        if let Some(next) = next {
            self.waiting.push(Reverse((next, slot)));
        }
        now
    }

    /// Takes out the slots whose moment has come. Of a table with so many connections, none may wait much more often than
    /// twice for each: `None` then, nothing waits any more, and all slots must be looked at again.
    pub(super) fn take_come(&mut self, now_ms: u64, connections: usize) -> Option<Vec<u32>> {
        let mut come = Vec::new();
        while let Some(Reverse((moment_ms, slot))) = self.waiting.peek().copied()
            && moment_ms <= now_ms
        {
            self.waiting.pop();
            come.push(slot);
        }
        // Slots of connections that have gone wait as well.
        let are_too_many = self.waiting.len() > 2 * connections + SPARE;
        if self.waiting.is_empty() || are_too_many {
            self.waiting = BinaryHeap::new();
        }
        (!are_too_many).then_some(come)
    }

    /// When a slot's moment comes.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((moment_ms, _))| *moment_ms)
    }

    /// The rules in `due` whose moment has come for a tab with this lot, and the moment of the next one.
    fn split(&self, due: u64, lot: u64, now_ms: u64) -> (u64, Option<u64>) {
        let (mut now, mut next) = (due, None);
        for spread in self
            .spreads
            .iter()
            .filter(|spread| due & 1 << spread.position != 0)
        {
            let moment_ms = spread.began_ms + spread.rule.moment_ms(lot);
            let is_new = spread.from == Share::NONE || spread.rule.place(lot) >= spread.from.parts();
            if is_new && moment_ms > now_ms {
                now &= !(1 << spread.position);
                next = Some(next.map_or(moment_ms, |next: u64| next.min(moment_ms)));
            }
        }
        (now, next)
    }
}

#[cfg(test)]
mod tests {
    use headcount_core::command_log::Entry;
    use headcount_core::invalidation::{Audience, Mode};
    use headcount_core::limits::Limits;
    use headcount_core::pattern::RoutePattern;

    use super::*;

    const SPREAD_MS: u32 = 10_000;

    /// One rule that is spread from 0 on, and what stands.
    fn one() -> (Spreads, Standing, usize) {
        let mut standing = Standing::default();
        let rule = Rule {
            id: 5,
            pattern: RoutePattern::exact("/a", &Limits::default()).unwrap(),
            versions: None,
            audience: Audience::All,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 0,
            expires_ms: u64::MAX,
            spread_ms: SPREAD_MS,
            waves: None,
            continues: None,
        };
        let change = standing.apply(&Entry::Rule { rule, rules_max: 64 });
        let position = change.position.unwrap();
        let mut spreads = Spreads::default();
        let rule = Arc::clone(standing.rule(position).unwrap());
        spreads.begin(rule, position, Share::NONE, 0);
        (spreads, standing, position)
    }

    #[test]
    fn each_slot_comes_once_at_its_moment_and_all_within_the_time() {
        let (mut spreads, _, position) = one();
        let due = 1 << position;
        let mut told = 0;
        for slot in 0..100 {
            let lot = u64::from(slot) * (u64::MAX / 100);
            told += usize::from(spreads.now(slot, due, || lot, 0) != 0);
        }
        let mut moments = 0;
        for now_ms in 0..=u64::from(SPREAD_MS) {
            let come = spreads.take_come(now_ms, 100).unwrap();
            moments += usize::from(!come.is_empty());
            for slot in come {
                let lot = u64::from(slot) * (u64::MAX / 100);
                assert_eq!(spreads.now(slot, due, || lot, now_ms), due);
                told += 1;
            }
        }
        assert_eq!((told, spreads.next_ms()), (100, None));
        assert!(moments > 50, "{moments}");
    }

    #[test]
    fn a_rule_that_was_lifted_or_whose_time_is_over_is_spread_no_more() {
        let (mut spreads, mut standing, position) = one();
        spreads.prune(&standing, SPREAD_MS.into());
        assert!(!spreads.is_idle());
        standing.apply(&Entry::End { ids: vec![5] });
        spreads.prune(&standing, 1);
        assert!(spreads.is_idle());
        let (mut spreads, standing, _) = one();
        spreads.prune(&standing, u64::from(SPREAD_MS) + 1);
        assert!(spreads.is_idle());
        assert_eq!(spreads.now(0, 1 << position, || u64::MAX, 1), 1 << position);
    }

    #[test]
    fn slots_that_wait_too_often_are_all_looked_at_again() {
        let (mut spreads, _, position) = one();
        for _ in 0..=SPARE {
            let now = spreads.now(0, 1 << position, || u64::MAX, 0);
            assert_eq!(now, 0);
        }
        assert_eq!(spreads.take_come(0, 0), None);
        assert_eq!(spreads.next_ms(), None);
    }
}
