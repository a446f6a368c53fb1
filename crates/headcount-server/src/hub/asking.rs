//! Questions to authorizers that answer later: which one is next, and how many at once.
//!
//! There are two lanes with separate turns. In the first are renewals, and browsers that were admitted before; in the
//! second are all others. So unknown visitors do not delay subscribers that have seen stats. Within the second lane the
//! newest and the oldest alternate: an admin who comes while hundreds of visitors wait is next, and each question gets
//! its turn.
//!
//! Invariants: of the second lane at most `limits.subscribers_pending_max` connections wait, and a new one takes the place of
//! the oldest question; connections that show the same are one question, where all authorizers answer alike.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::connection::ConnectionKey;

use crate::authorize::{ASKED_AT_ONCE, Credentials};
use crate::shard::AuthorizeJob;

/// Who wants to know.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) job: AuthorizeJob,
    /// Which of this connection's questions it is.
    pub(super) number: u64,
    /// How many of the cookies shown were taken back when it was asked.
    pub(super) ended: usize,
    /// Whether an admission is renewed by it, which its connection need not hear of.
    pub(super) renews: bool,
}

/// Which questions come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// A browser that was admitted before.
    First,
    /// An unknown browser.
    Second,
}

/// A question that may be asked now.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) number: u64,
    pub(super) job: AuthorizeJob,
    /// The authorizer that admitted before.
    pub(super) before: Option<usize>,
}

/// What makes two questions one.
type Same = (Arc<Credentials>, Option<IpAddr>, Lane, usize);

#[derive(Debug)]
struct Inquiry {
    lane: Lane,
    before: Option<usize>,
    same: Option<Same>,
    askers: Vec<Asker>,
    is_under_way: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    questions: VecDeque<u64>,
    under_way: usize,
    /// Whether the newest had the last turn.
    newest_was_last: bool,
}

/// All questions, waiting and under way.
#[derive(Debug)]
pub(super) struct Asking {
    first: Waiting,
    second: Waiting,
    questions: HashMap<u64, Inquiry>,
    by_what: HashMap<Same, u64>,
    by_asker: HashMap<ConnectionKey, u64>,
    numbers: u64,
    /// Connections in the second lane.
    pending: usize,
    pending_max: usize,
    /// Whether connections that show the same are one question.
    joins: bool,
}

impl Asking {
    pub(super) fn new(pending_max: usize, joins: bool) -> Self {
        Self {
            first: Waiting::default(),
            second: Waiting::default(),
            questions: HashMap::new(),
            by_what: HashMap::new(),
            by_asker: HashMap::new(),
            numbers: 0,
            pending: 0,
            pending_max,
            joins,
        }
    }

    /// Adds a question. Returns those that have no place any more: they stay undecided.
    pub(super) fn put(&mut self, asker: Asker, lane: Lane, before: Option<usize>) -> Vec<Asker> {
        let key = asker.job.key;
        // One that asks again keeps its place.
        self.remove(key, u64::MAX);
        let mut displaced = Vec::new();
        while lane == Lane::Second && self.pending >= self.pending_max {
            match self.second.questions.pop_front() {
                Some(oldest) => displaced.extend(self.take(oldest)),
                // All of them are under way.
                None => return vec![asker],
            }
        }
        let same = self.joins.then(|| {
            (
                Arc::clone(&asker.job.credentials),
                asker.job.ip,
                lane,
                asker.ended,
            )
        });
        let joined = same.as_ref().and_then(|same| self.by_what.get(same).copied());
        let number = match joined.filter(|number| self.before_of(*number) == before) {
            Some(number) => number,
            None => self.begin(lane, before, same),
        };
        if let Some(question) = self.questions.get_mut(&number) {
            question.askers.push(asker);
            self.by_asker.insert(key, number);
            self.pending += usize::from(lane == Lane::Second);
        }
        displaced
    }

    fn before_of(&self, number: u64) -> Option<usize> {
        self.questions.get(&number).and_then(|question| question.before)
    }

    fn begin(&mut self, lane: Lane, before: Option<usize>, same: Option<Same>) -> u64 {
        self.numbers += 1;
        let number = self.numbers;
        if let Some(same) = &same {
            self.by_what.insert(same.clone(), number);
        }
        let question = Inquiry {
            lane,
            before,
            same,
            askers: Vec::new(),
            is_under_way: false,
        };
        self.questions.insert(number, question);
        self.lane(lane).questions.push_back(number);
        self.forget_dropped(lane);
        number
    }

    /// Withdrawn questions leave their numbers in the queue, up to a bound.
    fn forget_dropped(&mut self, lane: Lane) {
        let live = self.questions.len();
        let Self {
            first,
            second,
            questions,
            ..
        } = self;
        let waiting = match lane {
            Lane::First => first,
            Lane::Second => second,
        };
        if waiting.questions.len() > 2 * live + ASKED_AT_ONCE {
            waiting.questions.retain(|number| questions.contains_key(number));
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut Waiting {
        match lane {
            Lane::First => &mut self.first,
            Lane::Second => &mut self.second,
        }
    }

    /// The next question that may be asked now, if any.
    pub(super) fn next(&mut self) -> Option<Next> {
        for lane in [Lane::First, Lane::Second] {
            while let Some(number) = self.lane(lane).take() {
                // A withdrawn question is gone.
                let Some(question) = self.questions.get_mut(&number) else {
                    continue;
                };
                let Some(asker) = question.askers.first() else {
                    continue;
                };
                question.is_under_way = true;
                let (job, before) = (asker.job.clone(), question.before);
                self.lane(lane).under_way += 1;
                return Some(Next { number, job, before });
            }
        }
        None
    }

    /// A question was answered. Returns the connections that wait for it.
    pub(super) fn answered(&mut self, number: u64) -> Vec<Asker> {
        let Some(question) = self.questions.get(&number) else {
            return Vec::new();
        };
        let lane = question.lane;
        let under_way = &mut self.lane(lane).under_way;
        *under_way = under_way.saturating_sub(1);
        self.take(number)
    }

    /// A connection wants no answer to what it asked up to this turn.
    pub(super) fn remove(&mut self, key: ConnectionKey, turn: u64) {
        let Some(number) = self.by_asker.get(&key).copied() else {
            return;
        };
        let asked = self.questions.get(&number).map(|question| &question.askers);
        if asked.is_some_and(|askers| {
            askers
                .iter()
                .any(|asker| asker.job.key == key && asker.job.turn > turn)
        }) {
            return;
        }
        self.by_asker.remove(&key);
        let Some(question) = self.questions.get_mut(&number) else {
            return;
        };
        let before = question.askers.len();
        question.askers.retain(|asker| asker.job.key != key);
        if question.lane == Lane::Second {
            self.pending -= before - question.askers.len();
        }
        if question.askers.is_empty() && !question.is_under_way {
            self.take(number);
        }
    }

    fn take(&mut self, number: u64) -> Vec<Asker> {
        let Some(question) = self.questions.remove(&number) else {
            return Vec::new();
        };
        if let Some(same) = &question.same
            && self.by_what.get(same) == Some(&number)
        {
            self.by_what.remove(same);
        }
        for asker in &question.askers {
            self.by_asker.remove(&asker.job.key);
            self.pending -= usize::from(question.lane == Lane::Second);
        }
        question.askers
    }
}

impl Waiting {
    /// Takes the next question, if there is room.
    fn take(&mut self) -> Option<u64> {
        if self.under_way >= ASKED_AT_ONCE {
            return None;
        }
        self.newest_was_last = !self.newest_was_last;
        if self.newest_was_last {
            self.questions.pop_back()
        } else {
            self.questions.pop_front()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(slot: u32, cookie: &str) -> Asker {
        let key = ConnectionKey {
            shard: 0,
            slot,
            generation: 0,
        };
        Asker {
            job: AuthorizeJob {
                key,
                ip: None,
                credentials: Arc::new(Credentials::of(&[("cookie", cookie)])),
                turn: 1,
            },
            number: u64::from(slot),
            ended: 0,
            renews: false,
        }
    }

    fn strangers(asking: &mut Asking, slots: std::ops::Range<u32>) -> usize {
        slots
            .map(|slot| {
                asking
                    .put(asker(slot, &format!("sid={slot}")), Lane::Second, None)
                    .len()
            })
            .sum()
    }

    fn slot(next: Option<&Next>) -> Option<u32> {
        next.map(|next| next.job.key.slot)
    }

    #[test]
    fn a_subscriber_admitted_before_is_asked_about_although_strangers_take_every_turn() {
        let mut asking = Asking::new(1_000, true);
        strangers(&mut asking, 0..500);
        while asking.next().is_some() {}
        asking.put(asker(900, "sid=admin"), Lane::First, Some(0));
        let next = asking.next().unwrap();
        assert_eq!((slot(Some(&next)), next.before), (Some(900), Some(0)));
        assert!(asking.next().is_none());
    }

    #[test]
    fn a_newcomer_is_next_and_the_oldest_is_not_forgotten() {
        let mut asking = Asking::new(1_000, true);
        strangers(&mut asking, 0..500);
        let under_way: Vec<Next> = std::iter::from_fn(|| asking.next()).collect();
        assert_eq!(under_way.len(), ASKED_AT_ONCE);
        asking.put(asker(900, "sid=admin"), Lane::Second, None);
        for (number, expected) in [(0, 900), (1, 32), (2, 467)] {
            asking.answered(under_way[number].number);
            assert_eq!(slot(asking.next().as_ref()), Some(expected));
        }
    }

    #[test]
    fn strangers_displace_each_other_within_the_limit() {
        let mut asking = Asking::new(100, true);
        assert_eq!(strangers(&mut asking, 0..300), 200);
        assert_eq!(asking.pending, 100);
        assert_eq!(asking.put(asker(900, "sid=a"), Lane::First, None).len(), 0);
        while let Some(next) = asking.next() {
            asking.answered(next.number);
        }
        assert_eq!((asking.pending, asking.questions.len()), (0, 0));
        assert_eq!((asking.by_what.len(), asking.by_asker.len()), (0, 0));
    }

    #[test]
    fn those_who_show_the_same_are_one_question_where_all_answer_alike() {
        for (joins, expected) in [(true, 1), (false, 3)] {
            let mut asking = Asking::new(100, joins);
            for slot in 0..3 {
                asking.put(asker(slot, "sid=1"), Lane::Second, None);
            }
            let questions: Vec<Next> = std::iter::from_fn(|| asking.next()).collect();
            assert_eq!(questions.len(), expected);
            let told: usize = questions
                .iter()
                .map(|next| asking.answered(next.number).len())
                .sum();
            assert_eq!(told, 3);
        }
    }

    #[test]
    fn coming_and_going_leaves_nothing_behind() {
        let mut asking = Asking::new(100, true);
        strangers(&mut asking, 0..64);
        while asking.next().is_some() {}
        for round in 0..10_000 {
            asking.put(asker(70, &format!("sid={round}")), Lane::Second, None);
            asking.remove(asker(70, "").job.key, 1);
        }
        assert_eq!(asking.pending, 64);
        assert!(asking.second.questions.len() <= 3 * ASKED_AT_ONCE + 1);
    }
}
