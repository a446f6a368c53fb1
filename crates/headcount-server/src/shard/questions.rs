//! What a shard is asked about its table, and answers at once.

use std::sync::Arc;

use headcount_core::invalidation::{Rule, Standing};
use headcount_core::registry::{Filter, Outcomes, Page, Reach, Tally};
use tokio::sync::oneshot;

use super::reactor::Shard;

/// A question. Whoever no longer waits is not answered.
pub(crate) enum Question {
    /// How far would this rule reach?
    Reach {
        rule: Arc<Rule>,
        reply: oneshot::Sender<Reach>,
    },
    /// What became of the standing rules?
    Outcomes(oneshot::Sender<Vec<(u32, Outcomes)>>),
    /// Which connections are there, from this slot on?
    Page {
        from: u32,
        max: usize,
        filter: Filter,
        reply: oneshot::Sender<Page>,
    },
    /// How many connections of which version are on which route, from this slot on?
    Tally {
        from: u32,
        reply: oneshot::Sender<(Tally, Arc<Standing>)>,
    },
    /// How many connections run each version?
    Versions(oneshot::Sender<Vec<(Arc<str>, u64)>>),
}

impl Shard {
    pub(super) fn on_question(&self, question: Question) {
        match question {
            Question::Reach { rule, reply } => answer(reply, self.registry.reach(&rule)),
            Question::Outcomes(reply) => answer(reply, self.registry.outcomes()),
            Question::Page {
                from,
                max,
                filter,
                reply,
            } => answer(reply, self.registry.page(from, max, &filter)),
            Question::Tally { from, reply } => {
                let standing = Arc::clone(self.registry.standing());
                answer(reply, (self.registry.tally(from), standing));
            }
            Question::Versions(reply) => answer(reply, self.registry.versions()),
        }
    }
}

fn answer<T>(reply: oneshot::Sender<T>, answer: T) {
    let _asker_gone = reply.send(answer);
}
