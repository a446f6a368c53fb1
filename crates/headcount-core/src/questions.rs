//! Questions about a table of connections, and their answers, as plain data.
//!
//! Both hold only what could be sent to another machine: so one question can be put to the tables of this process and to those of
//! others, and it does not matter to the asker which of them answers. Each question is a type that knows the type of its answer
//! ([`Ask`]); [`Question`] and [`Answer`] are all of them, for what carries them.
//!
//! Deliberately absent: where an answer goes, for how long it is waited for, and how either is written down.

mod answers;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use crate::invalidation::Rule;
use crate::registry::{ConnectionsPage, Filter, Reach, RuleOutcomes, Tally};

pub use answers::{Answers, Missing};
pub use walk::QuestionWalk;

/// A question, with the type of its answer.
///
/// ```
/// use headcount_core::questions::{Answer, Ask, Pulse, Question, VersionCounts};
///
/// assert_eq!(Question::from(Pulse), Question::Pulse(Pulse));
/// let answer = Answer::VersionCounts(vec![("v1".into(), 3)]);
/// assert_eq!(VersionCounts::pick(answer.clone()), Some(vec![("v1".into(), 3)]));
/// assert_eq!(Pulse::pick(answer), None);
/// ```
pub trait Ask: Into<Question> {
    /// What is answered.
    type Answer;

    /// The answer to a question of this type; `None` where it answers one of another type.
    fn pick(answer: Answer) -> Option<Self::Answer>;
}

/// Does the table's owner still turn? Answered by nothing but an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse;

/// How many connections run each version? Answered by the versions with any, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionCounts;

/// What became of the standing rules?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomesOfRules;

/// How far would this rule reach?
#[derive(Clone, Debug, PartialEq)]
pub struct ReachOf {
    /// The rule, which need not stand.
    pub rule: Arc<Rule>,
}

/// Which connections are there, from a slot on?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionsFrom {
    /// The first slot that is looked at.
    pub slot: u32,
    /// Connections in the answer at the most. There may be fewer, or none, with more behind them.
    pub max: usize,
    /// Which connections.
    pub filter: Filter,
}

/// How many connections of which version are on which route, in the piece of the table that begins with a slot?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyFrom {
    /// The first slot that is looked at.
    pub slot: u32,
}

/// Defines [`Question`] and [`Answer`] from the questions and the types of their answers.
macro_rules! questions {
    ($($question:ident => $answer:ty,)+) => {
        /// Any question.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Question {
            $(
                #[doc = concat!("See [`", stringify!($question), "`].")]
                $question($question),
            )+
        }

        /// Any answer, named after its question.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Answer {
            $(
                #[doc = concat!("To [`", stringify!($question), "`].")]
                $question($answer),
            )+
        }

        $(
            impl From<$question> for Question {
                fn from(question: $question) -> Self {
                    Self::$question(question)
                }
            }

            impl Ask for $question {
                type Answer = $answer;

                fn pick(answer: Answer) -> Option<$answer> {
                    match answer {
                        Answer::$question(answer) => Some(answer),
                        _ => None,
                    }
                }
            }
        )+
    };
}

questions! {
    Pulse => (),
    VersionCounts => Vec<(Arc<str>, u64)>,
    OutcomesOfRules => RuleOutcomes,
    ReachOf => Reach,
    ConnectionsFrom => ConnectionsPage,
    TallyFrom => Tally,
}
