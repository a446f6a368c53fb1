//! What a shard is asked about its table.
//!
//! Most questions are answered at once. Those that need a walk over the table are walked a piece in each turn of the loop,
//! in between which sockets are heard, and dropped as soon as no asker waits for them.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use headcount_core::invalidation::Rule;
use headcount_core::questions::{Answer, Question, QuestionWalk};
use headcount_core::registry::{Reach, ReachWalk};
use tokio::sync::oneshot;

use crate::deliver::Deliveries;
use crate::tabs::Tabs;

/// A walk over the table, and who waits for its end.
enum Walk {
    /// For a question. It ends with its asker.
    Question {
        walk: QuestionWalk,
        reply: oneshot::Sender<Answer>,
    },
    /// For a rule that stands now: the tabs it finds are told. It goes on without its asker.
    Hits {
        rule: Arc<Rule>,
        walk: ReachWalk,
        reply: oneshot::Sender<Reach>,
    },
}

/// The walks of a shard, each for an asker that waits.
#[derive(Default)]
pub(super) struct Walks(VecDeque<Walk>);

impl fmt::Debug for Walks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walks").field("len", &self.0.len()).finish()
    }
}

impl Walks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ask(
        &mut self,
        tabs: &Tabs,
        deliveries: &mut Deliveries,
        question: Question,
        reply: oneshot::Sender<Answer>,
    ) {
        let walk = QuestionWalk::new(question);
        self.begin(tabs, deliveries, Walk::Question { walk, reply });
    }

    /// Finds the tabs that a rule concerns, which are told then, and answers how many they are.
    pub(super) fn begin_hits(
        &mut self,
        tabs: &Tabs,
        deliveries: &mut Deliveries,
        rule: Arc<Rule>,
        reply: oneshot::Sender<Reach>,
    ) {
        let walk = ReachWalk::with_hits();
        self.begin(tabs, deliveries, Walk::Hits { rule, walk, reply });
    }

    /// The rules have changed: counts by position begin again.
    pub(super) fn rules_changed(&mut self) {
        for walk in &mut self.0 {
            if let Walk::Question { walk, .. } = walk {
                walk.rules_changed();
            }
        }
    }

    /// Continues the next walk.
    pub(super) fn walk_some(&mut self, tabs: &Tabs, deliveries: &mut Deliveries) {
        let walk = self.0.pop_front();
        if let Some(walk) = walk.and_then(|walk| step(tabs, deliveries, walk)) {
            self.0.push_back(walk);
        }
    }

    /// Takes the first step at once, for in a small table it is the only one.
    fn begin(&mut self, tabs: &Tabs, deliveries: &mut Deliveries, walk: Walk) {
        if let Some(walk) = step(tabs, deliveries, walk) {
            self.0.push_back(walk);
        }
    }
}

/// Takes one step. The walk, unless that was the last one or its asker has gone.
fn step(tabs: &Tabs, deliveries: &mut Deliveries, walk: Walk) -> Option<Walk> {
    match walk {
        Walk::Question { reply, .. } if reply.is_closed() => None,
        Walk::Question { walk, reply } => match walk.step(&tabs.table) {
            ControlFlow::Break(said) => answer(reply, said),
            ControlFlow::Continue(walk) => Some(Walk::Question { walk, reply }),
        },
        Walk::Hits {
            rule,
            mut walk,
            reply,
        } => {
            let done = tabs.table.walk_reach(&rule, &mut walk);
            deliveries.go_by(tabs, walk.take_hits());
            match done {
                Some(reach) => answer(reply, reach),
                None => Some(Walk::Hits { rule, walk, reply }),
            }
        }
    }
}

/// Answers the last step of a walk: nothing is left of it.
fn answer<T>(reply: oneshot::Sender<T>, answer: T) -> Option<Walk> {
    let _asker_gone = reply.send(answer);
    None
}
