//! What nodes ask each other, and what several of them answered.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::sign_outs::SignOuts;
use crate::command_log::LogIndex;
use crate::connection::NodeId;
use crate::history::Sample;
use crate::questions::{Answer, Question};
use crate::registry::Reach;
use crate::stats::{Changes, Incarnation, Reporter, Sum};

/// Routes named in the [`Hits`] of one node.
pub const ROUTES_MAX: usize = 100_000;

/// Samples in one [`NodeAnswer::History`].
pub const SAMPLES_MAX: usize = 500;

/// Which tables of a node are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// All. The node answers with their sum.
    All,
    /// That of one shard, such as for the next page of its list. A shard that there is not answers as an empty table.
    Of(u16),
}

/// What a node asks others.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeQuestion {
    /// A question to tables of connections.
    Table {
        /// Which of the node.
        tables: Tables,
        /// What is asked.
        question: Question,
    },
    /// What does the node count now?
    Counts,
    /// How many tabs did the rule of this entry of the log reach at the node, when it came to stand there? Answered once the node has read
    /// the entry.
    Hits {
        /// The entry.
        index: LogIndex,
    },
    /// How did the counts of the cluster change over time, as the node sampled them?
    History {
        /// Samples from this time on, milliseconds since the Unix epoch.
        from_ms: u64,
        /// Only the last sample of each such time, milliseconds; `None`: as they were taken.
        step_ms: Option<NonZeroU64>,
    },
    /// Asks an app over a bridge of the node: may the browser of this connection see stats?
    Authorize {
        /// The id of the connection.
        connection: String,
        /// The headers of the browser.
        headers: Vec<(String, String)>,
    },
    /// What an app says to questions that the node asked it.
    Admitted {
        /// The number of each question, and whether the browser may see stats.
        answers: Vec<(u64, bool)>,
    },
    /// These tickets and cookies were ended. Will the node end them, too?
    SignOut(SignOuts),
    /// Which sign-outs has the node learned after the one with this number?
    SignOutsSince {
        /// How many of them are known: the [`SignOutMark::number`](super::SignOutMark::number) of the node's last answer, or 0.
        number: u64,
    },
    /// A question that this version does not know.
    Unknown,
}

/// How far a rule reached at a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Open tabs it applied to.
    pub tabs: u64,
    /// Open tabs of which that could not be known.
    pub unknown: u64,
    /// The routes of the tabs it applied to, each once, so that a route of several nodes is counted once. At most [`ROUTES_MAX`].
    pub routes: Vec<Arc<str>>,
    /// How many further routes there are.
    pub more_routes: u64,
}

impl From<Reach> for Hits {
    fn from(reach: Reach) -> Self {
        let mut routes = reach.routes;
        let more_routes = routes.len().saturating_sub(ROUTES_MAX) as u64;
        routes.truncate(ROUTES_MAX);
        Self {
            tabs: reach.tabs,
            unknown: reach.unknown,
            routes,
            more_routes,
        }
    }
}

/// What one name takes besides its bytes: a pointer with a length, and two counts of references.
const NAME_BYTES: usize = 32;

impl Hits {
    /// About how many bytes the named routes take.
    pub fn names_bytes(&self) -> usize {
        self.routes.iter().map(|route| route.len() + NAME_BYTES).sum()
    }

    /// Names only as many routes as take this many bytes, and counts the others in `more_routes`.
    ///
    /// ```
    /// use headcount_core::cluster::Hits;
    ///
    /// let mut hits = Hits { routes: vec!["/a".into(), "/b".into()], ..Hits::default() };
    /// hits.name_within(40);
    /// assert_eq!((hits.routes.len(), hits.more_routes), (1, 1));
    /// ```
    pub fn name_within(&mut self, bytes_max: usize) {
        let mut bytes = 0;
        let mut fits = |route: &Arc<str>| {
            bytes += route.len() + NAME_BYTES;
            bytes <= bytes_max
        };
        let named = self.routes.iter().take_while(|route| fits(route)).count();
        self.more_routes += (self.routes.len() - named) as u64;
        self.routes.truncate(named);
        self.routes.shrink_to_fit();
    }

    /// How far the rule reached over these nodes: tabs, routes and unknown tabs. Each named route counts once, the others once for each node.
    ///
    /// ```
    /// use headcount_core::cluster::Hits;
    ///
    /// let at = |routes: &[&str], more_routes| Hits {
    ///     tabs: 3,
    ///     routes: routes.iter().map(|route| (*route).into()).collect(),
    ///     more_routes,
    ///     ..Hits::default()
    /// };
    /// assert_eq!(Hits::over([at(&["/", "/a"], 0), at(&["/a"], 5)]), (6, 7, 0));
    /// ```
    pub fn over(nodes: impl IntoIterator<Item = Self>) -> (u64, u64, u64) {
        let mut more_routes = 0;
        let reaches = nodes.into_iter().map(|hits| {
            more_routes += hits.more_routes;
            Reach {
                tabs: hits.tabs,
                unknown: hits.unknown,
                routes: hits.routes,
            }
        });
        let reach: Reach = reaches.sum();
        (reach.tabs, reach.routes.len() as u64 + more_routes, reach.unknown)
    }
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeAnswer {
    /// To [`NodeQuestion::Table`]: the sum over the tables that were asked.
    Table(Answer),
    /// To [`NodeQuestion::Counts`]: everything, with a bounded sample of rows.
    Counts(Changes),
    /// To [`NodeQuestion::Hits`].
    Hits(Hits),
    /// To [`NodeQuestion::History`]: the first [`SAMPLES_MAX`] samples, oldest first. Where there are as many, more may follow.
    History(Vec<Sample>),
    /// To [`NodeQuestion::Authorize`]: whether the browser may see stats.
    Authorized(bool),
    /// To [`NodeQuestion::Admitted`]: how many of the questions were still open.
    Taken(u64),
    /// To [`NodeQuestion::SignOut`]: they hold there no more.
    SignedOut,
    /// To [`NodeQuestion::SignOutsSince`].
    SignOuts {
        /// How many the node has learned.
        number: u64,
        /// Those, as far as it remembers them.
        ended: SignOuts,
    },
    /// The node does not know the question, or cannot answer it.
    Unable,
}

/// Why a node did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It has ended, and holds no connections any more.
    Ended,
    /// Nothing is heard of it. It may hold connections.
    Lost,
    /// It did not answer in time.
    Late,
    /// It cannot answer this question.
    Unable,
}

/// What the nodes of a cluster answered to one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeAnswers {
    /// What was answered, by node.
    pub answered: Vec<(NodeId, NodeAnswer)>,
    /// The nodes that did not answer, and why.
    pub missing: Vec<(NodeId, Absent)>,
}

impl NodeAnswers {
    /// How many nodes answered.
    pub fn answered(&self) -> usize {
        self.answered.len()
    }

    /// Of how many: a node that has ended holds no connections, so it does not count.
    pub fn of(&self) -> usize {
        let missing = self.missing.iter().filter(|(_, why)| *why != Absent::Ended);
        self.answered.len() + missing.count()
    }

    /// The sum of the [`NodeAnswer::Counts`], each node as one source, for [`protocol::stats::answer`](crate::protocol::stats::answer).
    ///
    /// ```
    /// use headcount_core::cluster::{NodeAnswer, NodeAnswers};
    /// use headcount_core::connection::NodeId;
    /// use headcount_core::stats::Changes;
    ///
    /// let tabs = |total| NodeAnswer::Counts(Changes { total, ..Changes::default() });
    /// let answers = NodeAnswers {
    ///     answered: vec![(NodeId(1), tabs(3)), (NodeId(2), tabs(4))],
    ///     missing: Vec::new(),
    /// };
    /// assert_eq!(answers.counts().total(), 7);
    /// ```
    pub fn counts(self) -> Sum {
        let mut sum = Sum::default();
        for (node, answer) in self.answered {
            if let NodeAnswer::Counts(changes) = answer {
                // The first report of a source is always applied.
                let _applied = sum.apply(node.into(), Reporter::new(Incarnation(0)).changes(changes));
            }
        }
        sum
    }

    /// The [`NodeAnswer::Hits`], for [`Hits::over`].
    pub fn hits(self) -> impl Iterator<Item = Hits> {
        let answers = self.answered.into_iter();
        answers.filter_map(|(_, answer)| match answer {
            NodeAnswer::Hits(hits) => Some(hits),
            _ => None,
        })
    }
}
