//! What a shard is asked about its table.
//!
//! Most questions are answered at once. Those that need a walk over the table are walked a piece in each turn of the loop,
//! in between which sockets are heard, and dropped as soon as no asker waits for them.

use std::sync::Arc;

use headcount_core::invalidation::{Rule, Standing};
use headcount_core::registry::{ConnectionsPage, Filter, Reach, ReachWalk, RuleOutcomes, Tally, Unknowns};
use tokio::sync::oneshot;

use super::reactor::Shard;

/// How many connections run each version.
pub(crate) type Versions = Vec<(Arc<str>, u64)>;

/// A question. An asker that no longer waits is not answered.
pub(crate) enum Question {
    /// How far would this rule reach?
    Reach {
        rule: Arc<Rule>,
        reply: oneshot::Sender<Reach>,
    },
    /// The outcomes of the standing rules?
    Outcomes(oneshot::Sender<RuleOutcomes>),
    /// Which connections are there, from this slot on?
    Page {
        from: u32,
        max: usize,
        filter: Filter,
        reply: oneshot::Sender<ConnectionsPage>,
    },
    /// How many connections of which version are on which route, from this slot on?
    Tally {
        from: u32,
        reply: oneshot::Sender<Tally>,
    },
    /// Does it still turn?
    Pulse(oneshot::Sender<()>),
    /// How many connections run each version, and what was released?
    Versions(oneshot::Sender<(Versions, Arc<Standing>)>),
}

/// A walk over the table that answers a question at its end.
pub(super) enum Walk {
    Reach {
        rule: Arc<Rule>,
        walk: ReachWalk,
        reply: oneshot::Sender<Reach>,
    },
    /// As `Reach`, of a rule that stands now: what is found is told. It goes on without its asker.
    Hits {
        rule: Arc<Rule>,
        walk: ReachWalk,
        reply: oneshot::Sender<Reach>,
    },
    Outcomes {
        walk: Box<Unknowns>,
        reply: oneshot::Sender<RuleOutcomes>,
    },
}

impl Shard {
    pub(super) fn on_question(&mut self, question: Question) {
        match question {
            Question::Reach { rule, reply } => {
                let walk = ReachWalk::default();
                self.begin(Walk::Reach { rule, walk, reply });
            }
            Question::Outcomes(reply) => {
                let walk = Box::default();
                self.begin(Walk::Outcomes { walk, reply });
            }
            Question::Page {
                from,
                max,
                filter,
                reply,
            } => answer(reply, self.registry.page(from, max, &filter)),
            Question::Tally { from, reply } => answer(reply, self.registry.tally(from)),
            Question::Pulse(reply) => answer(reply, ()),
            Question::Versions(reply) => {
                let standing = Arc::clone(self.registry.standing());
                answer(reply, (self.registry.versions(), standing));
            }
        }
    }

    /// Finds the tabs that a rule concerns, which are told then, and answers how many they are.
    pub(super) fn begin_hits(&mut self, rule: Arc<Rule>, reply: oneshot::Sender<Reach>) {
        let walk = ReachWalk::with_hits();
        self.begin(Walk::Hits { rule, walk, reply });
    }

    /// The rules have changed: counts by position begin again.
    pub(super) fn begin_outcomes_anew(&mut self) {
        for walk in &mut self.walks {
            if let Walk::Outcomes { walk, .. } = walk {
                **walk = Unknowns::default();
            }
        }
    }

    /// Continues the next walk.
    pub(super) fn walk_some(&mut self) {
        let walk = self.walks.pop_front();
        if let Some(walk) = walk.and_then(|walk| self.step(walk)) {
            self.walks.push_back(walk);
        }
    }

    /// Takes the first step at once, for in a small table it is the only one.
    fn begin(&mut self, walk: Walk) {
        if let Some(walk) = self.step(walk) {
            self.walks.push_back(walk);
        }
    }

    /// Takes one step. The walk, unless that was the last one or its asker has gone.
    fn step(&mut self, walk: Walk) -> Option<Walk> {
        let asker_gone = match &walk {
            Walk::Reach { reply, .. } => reply.is_closed(),
            Walk::Hits { .. } => false,
            Walk::Outcomes { reply, .. } => reply.is_closed(),
        };
        if asker_gone {
            return None;
        }
        match walk {
            Walk::Reach {
                rule,
                mut walk,
                reply,
            } => match self.registry.walk_reach(&rule, &mut walk) {
                Some(reach) => answer(reply, reach),
                None => return Some(Walk::Reach { rule, walk, reply }),
            },
            Walk::Hits {
                rule,
                mut walk,
                reply,
            } => {
                let done = self.registry.walk_reach(&rule, &mut walk);
                self.go_by(walk.take_hits());
                match done {
                    Some(reach) => answer(reply, reach),
                    None => return Some(Walk::Hits { rule, walk, reply }),
                }
            }
            Walk::Outcomes { mut walk, reply } => match self.registry.walk_unknowns(&mut walk) {
                Some(unknown) => answer(reply, self.registry.outcomes(&unknown)),
                None => return Some(Walk::Outcomes { walk, reply }),
            },
        }
        None
    }
}

fn answer<T>(reply: oneshot::Sender<T>, answer: T) {
    let _asker_gone = reply.send(answer);
}
