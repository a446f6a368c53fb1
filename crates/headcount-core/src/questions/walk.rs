//! A question on its way over a table.

use std::ops::ControlFlow;

use super::{Answer, ConnectionsFrom, Pulse, Question, ReachOf, TallyFrom, VersionCounts};
use crate::registry::{ReachWalk, Registry, Unknowns};

/// A question that is being answered, piece by piece, so that the table's owner can hear its sockets in between. Most questions
/// take one piece.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
///
/// use headcount_core::invalidation::Standing;
/// use headcount_core::limits::Limits;
/// use headcount_core::questions::{Answer, QuestionWalk, VersionCounts};
/// use headcount_core::registry::{Opening, Registry};
///
/// let standing = Arc::new(Standing::default());
/// let mut registry = Registry::new(0, true, &Limits::default(), standing);
/// registry.open(&Opening { version: "v1", route: "/", ..Opening::default() }, ());
///
/// let ControlFlow::Break(answer) = QuestionWalk::new(VersionCounts).step(&registry) else {
///     unreachable!("one piece is enough");
/// };
/// assert_eq!(answer, Answer::VersionCounts(vec![("v1".into(), 1)]));
/// ```
#[derive(Clone, Debug)]
pub struct QuestionWalk(Way);

/// A question, and how far it has come.
#[derive(Clone, Debug)]
enum Way {
    Pulse(Pulse),
    VersionCounts(VersionCounts),
    OutcomesOfRules(Box<Unknowns>),
    ReachOf(ReachOf, Box<ReachWalk>),
    ConnectionsFrom(ConnectionsFrom),
    TallyFrom(TallyFrom),
}

impl QuestionWalk {
    /// A walk that has not begun.
    pub fn new(question: impl Into<Question>) -> Self {
        Self(match question.into() {
            Question::Pulse(pulse) => Way::Pulse(pulse),
            Question::VersionCounts(counts) => Way::VersionCounts(counts),
            Question::OutcomesOfRules(_) => Way::OutcomesOfRules(Box::default()),
            Question::ReachOf(reach) => Way::ReachOf(reach, Box::default()),
            Question::ConnectionsFrom(from) => Way::ConnectionsFrom(from),
            Question::TallyFrom(from) => Way::TallyFrom(from),
        })
    }

    /// Looks at one more piece of the table: some tenths of a millisecond. Breaks with the answer at the end.
    pub fn step<P>(mut self, registry: &Registry<P>) -> ControlFlow<Answer, Self> {
        match self.look(registry) {
            Some(answer) => ControlFlow::Break(answer),
            None => ControlFlow::Continue(self),
        }
    }

    fn look<P>(&mut self, registry: &Registry<P>) -> Option<Answer> {
        match &mut self.0 {
            Way::Pulse(Pulse) => Some(Answer::Pulse(())),
            Way::VersionCounts(VersionCounts) => Some(Answer::VersionCounts(registry.versions())),
            Way::OutcomesOfRules(unknowns) => {
                let unknown = registry.walk_unknowns(unknowns)?;
                Some(Answer::OutcomesOfRules(registry.outcomes(&unknown)))
            }
            Way::ReachOf(reach, walk) => registry.walk_reach(&reach.rule, walk).map(Answer::ReachOf),
            Way::ConnectionsFrom(ConnectionsFrom { slot, max, filter }) => {
                Some(Answer::ConnectionsFrom(registry.page(*slot, *max, filter)))
            }
            Way::TallyFrom(TallyFrom { slot }) => Some(Answer::TallyFrom(registry.tally(*slot))),
        }
    }

    /// Other rules stand now: a walk that counts by their positions begins again.
    pub fn rules_changed(&mut self) {
        if let Way::OutcomesOfRules(unknowns) = &mut self.0 {
            **unknowns = Unknowns::default();
        }
    }
}
