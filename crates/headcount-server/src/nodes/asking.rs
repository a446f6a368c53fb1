//! The other nodes, for the parts of this server that ask them or tell them something.

use std::collections::BTreeMap;
use std::sync::Arc;

use headcount_core::cluster::{
    Absent, Hits, NodeAnswer, NodeAnswers, NodeQuestion, Relay, RelayOutcome, RequestId, SignOuts, Slice,
    Tables,
};
use headcount_core::command_log::LogIndex;
use headcount_core::connection::NodeId;
use headcount_core::happening::{Happening, Wants};
use headcount_core::node::Whom;
use headcount_core::protocol::nodes::{NodesAnswer, NodesAsked};
use headcount_core::questions::{Ask, Missing};
use tokio::sync::{mpsc, oneshot, watch};

use crate::metrics::ClusterNumbers;

/// Events that may wait for the owner of the node.
const EVENTS_MAX: usize = 16_384;

/// What the owner of the node is told, or asked.
#[derive(Debug)]
pub(crate) enum NodeEvent {
    /// A question to nodes.
    Ask {
        whom: Whom,
        question: NodeQuestion,
        within_ms: u32,
        reply: oneshot::Sender<Said>,
    },
    /// What this server answers to a node, which may be its own.
    Answer {
        to: NodeId,
        request: RequestId,
        answer: NodeAnswer,
    },
    /// Something for a connection of another node.
    Relay {
        node: NodeId,
        relay: Relay,
        within_ms: u32,
        reply: oneshot::Sender<RelayOutcome>,
    },
    /// Tickets and cookies that were ended here. `reply` hears which nodes have ended them, too.
    SignOut {
        told: SignOuts,
        within_ms: u32,
        reply: oneshot::Sender<Said>,
    },
    /// The nodes that are there.
    List(oneshot::Sender<NodesAnswer>),
    /// How many tabs of this node run which version, for the history of the others.
    SayVersions { counts: ByVersion, holds_ms: u32 },
    /// How many tabs of the other nodes run which version; `None` where that is unknown.
    VersionsOfOthers(oneshot::Sender<Option<Others>>),
    /// The commander has read the log up to this entry. How far the entry reached, if it is a rule.
    Read { index: LogIndex, hits: Option<Hits> },
    /// The commander reads nothing more of the log.
    ReadsNoMore,
    /// What bridges need of other nodes.
    Bridge(BridgeEvent),
    /// The server begins to drain.
    Drains,
    /// The server has drained. `said` hears when the others have been told, or cannot.
    Ends { said: oneshot::Sender<()> },
}

/// What bridges need of other nodes.
#[derive(Debug)]
pub(crate) enum BridgeEvent {
    /// A bridge of this server hears of all other nodes.
    Tap { bridge: u64, wants: Wants },
    /// It does not any more.
    Untap { bridge: u64 },
    /// It has read a slice of this node.
    Read { bridge: u64, node: NodeId },
    /// The owner of a tap is told what happened here, and then what is open here.
    Tell {
        owner: NodeId,
        tap: RequestId,
        news: Vec<Happening>,
        slice: Option<Slice>,
    },
    /// The owner of a tap cannot be told fast enough.
    Lagged { owner: NodeId, tap: RequestId },
}

/// The bridges of this server, as other nodes know them. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// When the newest opened that decides who may see stats.
    pub(crate) authorizes_ms: Option<u64>,
    /// The hashes of the apps whose bridges share, and when the first of each opened.
    pub(crate) shared: BTreeMap<u64, u64>,
}

/// Tabs by version. A version may come more than once.
type ByVersion = Vec<(Arc<str>, u64)>;

/// The other nodes, and what runs there.
#[derive(Debug)]
pub(crate) struct Others {
    pub(crate) versions: ByVersion,
    /// The nodes, from the one with the next id on, so that not all nodes begin with the same one.
    pub(crate) nodes: Vec<NodeId>,
}

/// Asks and tells nodes, through the owner of the node of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    events: mpsc::Sender<NodeEvent>,
    claims: Arc<watch::Sender<Claims>>,
    #[cfg_attr(
        not(feature = "metrics"),
        allow(dead_code, reason = "there is no `/metrics` then")
    )]
    numbers: watch::Receiver<ClusterNumbers>,
    clock: watch::Receiver<Option<i64>>,
}

/// The owner's ends of [`Nodes`].
#[derive(Debug)]
pub(crate) struct OwnerEnds {
    pub(super) events: mpsc::Receiver<NodeEvent>,
    /// The bridges of this server, whenever they change.
    pub(super) claims: watch::Receiver<Claims>,
    /// What it counts about the cluster.
    pub(super) numbers: watch::Sender<ClusterNumbers>,
    /// The time of the cluster, where the clock of this server is wrong: what must be added to [`crate::clock::steady_ms`].
    pub(super) clock: watch::Sender<Option<i64>>,
}

/// What nodes answered, and how many did.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) answers: NodeAnswers,
    pub(crate) nodes: NodesAsked,
}

impl Said {
    /// `name_of` says what a node is called.
    pub(super) fn new(answers: NodeAnswers, name_of: impl Fn(NodeId) -> String) -> Self {
        let absent = answers.missing.iter().filter(|(_, why)| *why != Absent::Ended);
        let missing = absent.map(|(node, _)| name_of(*node)).collect();
        let nodes = NodesAsked::new(answers.answered(), missing);
        Self { answers, nodes }
    }
}

/// What all nodes answered, and how many of them.
#[derive(Debug)]
pub(crate) struct FromAll<A> {
    pub(crate) answers: Vec<A>,
    pub(crate) nodes: NodesAsked,
}

impl Nodes {
    /// The nodes, and what their owner reads and says of them.
    pub(crate) fn new() -> (Self, OwnerEnds) {
        let (events, queue) = mpsc::channel(EVENTS_MAX);
        let (claiming, claims) = watch::channel(Claims::default());
        let (say, numbers) = watch::channel(ClusterNumbers::default());
        let (say_clock, clock) = watch::channel(None);
        let ends = OwnerEnds {
            events: queue,
            claims,
            numbers: say,
            clock: say_clock,
        };
        let nodes = Self {
            events,
            claims: Arc::new(claiming),
            numbers,
            clock,
        };
        (nodes, ends)
    }

    /// The bridges of this server are these from now on.
    pub(crate) fn claim(&self, claims: Claims) {
        self.claims.send_replace(claims);
    }

    /// What the owner counts about the cluster, as of the last second.
    #[cfg(feature = "metrics")]
    pub(crate) fn numbers(&self) -> ClusterNumbers {
        *self.numbers.borrow()
    }

    /// The time of the cluster, where the clock of this server is wrong: what must be added to [`crate::clock::steady_ms`].
    pub(crate) fn corrected_clock(&self) -> Option<i64> {
        *self.clock.borrow()
    }

    /// Asks nodes, and waits for at most `within_ms` until all have answered.
    pub(crate) async fn ask(
        &self,
        whom: Whom,
        question: NodeQuestion,
        within_ms: u32,
    ) -> Result<Said, Missing> {
        let (reply, answer) = oneshot::channel();
        self.tell(NodeEvent::Ask {
            whom,
            question,
            within_ms,
            reply,
        })
        .await;
        answer.await.map_err(|_| Missing::Ended)
    }

    /// Asks all nodes the same of all their tables. An error where not even this node answered.
    pub(crate) async fn ask_all<Q: Ask>(
        &self,
        question: Q,
        within_ms: u32,
    ) -> Result<FromAll<Q::Answer>, Missing> {
        let question = NodeQuestion::Table {
            tables: Tables::All,
            question: question.into(),
        };
        let Said { answers, nodes } = self.ask(Whom::All, question, within_ms).await?;
        let answers = answers
            .answered
            .into_iter()
            .filter_map(|(_, answer)| match answer {
                NodeAnswer::Table(answer) => Q::pick(answer),
                _ => None,
            });
        let answers: Vec<_> = answers.collect();
        if answers.is_empty() {
            return Err(Missing::Late);
        }
        Ok(FromAll { answers, nodes })
    }

    /// Passes something on to another node.
    pub(crate) async fn relay(&self, node: NodeId, relay: Relay, within_ms: u32) -> RelayOutcome {
        let (reply, outcome) = oneshot::channel();
        self.tell(NodeEvent::Relay {
            node,
            relay,
            within_ms,
            reply,
        })
        .await;
        outcome.await.unwrap_or(RelayOutcome::Gone)
    }

    /// As [`Nodes::relay`]: what becomes of it is for later. `None` where too much waits already.
    pub(crate) fn begin_relay(
        &self,
        node: NodeId,
        relay: Relay,
        within_ms: u32,
    ) -> Option<oneshot::Receiver<RelayOutcome>> {
        let (reply, outcome) = oneshot::channel();
        let event = NodeEvent::Relay {
            node,
            relay,
            within_ms,
            reply,
        };
        self.events.try_send(event).is_ok().then_some(outcome)
    }

    /// Ends at all nodes what was ended here, and waits for at most `within_ms`, and a tenth of a second where there are many, until all have.
    pub(crate) async fn sign_out(&self, told: SignOuts, within_ms: u32) -> Result<NodesAsked, Missing> {
        let (reply, answer) = oneshot::channel();
        self.tell(NodeEvent::SignOut {
            told,
            within_ms,
            reply,
        })
        .await;
        let said = answer.await.map_err(|_| Missing::Ended)?;
        Ok(said.nodes)
    }

    /// The nodes that are there.
    pub(crate) async fn list(&self) -> Result<NodesAnswer, Missing> {
        let (reply, answer) = oneshot::channel();
        self.tell(NodeEvent::List(reply)).await;
        answer.await.map_err(|_| Missing::Ended)
    }

    /// Tells the other nodes how many tabs of this one run which version. The word holds for `holds_ms`.
    pub(crate) async fn say_versions(&self, counts: ByVersion, holds_ms: u64) {
        let holds_ms = u32::try_from(holds_ms).unwrap_or(u32::MAX);
        self.tell(NodeEvent::SayVersions { counts, holds_ms }).await;
    }

    /// How many tabs of the other nodes run which version. `None` where some nodes cannot be heard: the broker is not reached, or was not
    /// until a moment ago.
    pub(crate) async fn versions_of_others(&self) -> Result<Option<Others>, Missing> {
        let (reply, answer) = oneshot::channel();
        self.tell(NodeEvent::VersionsOfOthers(reply)).await;
        answer.await.map_err(|_| Missing::Ended)
    }

    /// What the owner of the node must know, or does for nobody who waits.
    pub(crate) async fn tell(&self, event: NodeEvent) {
        // Where the owner has ended, so has the server.
        let _ended = self.events.send(event).await;
    }
}
