//! What one node says to others.
//!
//! Every message may be lost, repeated, late, or overtaken by a later one. So each means the same whenever it comes, or has a number by which
//! its receiver tells.

use std::sync::Arc;

use super::members::Heartbeat;
use super::question::{NodeAnswer, NodeQuestion};
use super::relay::Relay;
use super::request::RequestId;
use super::tap::TapMessage;
use crate::stats::{Incarnation, Report, Stamp};

/// A tab that opened a connection at the node that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MovedTab {
    /// The keyed hash of the tab's id.
    pub tab: u64,
    /// How long before the message it opened, milliseconds.
    pub ago_ms: u32,
    /// The rules for which it says that its page was reloaded.
    pub reloaded: Arc<[u32]>,
}

/// A tab that is at another node now, and what it was told before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TabBooks {
    /// The keyed hash of the tab's id.
    pub tab: u64,
    /// The numbers of the standing rules that it was told.
    pub told: Vec<u32>,
}

/// What one node says to others.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// It is there. To all, once a second.
    Heartbeat {
        /// What it says of itself.
        heartbeat: Heartbeat,
        /// The latest report that a watching node must have.
        last: Stamp,
        /// When it was sent: milliseconds of the sender's clock, which is never set.
        sent_ms: u64,
    },
    /// It ends: its connections are closed. To all.
    Goodbye {
        /// The life of the node as a source of counts.
        incarnation: Incarnation,
    },
    /// Its counts: what changed to all that watch, everything to one that asked for it.
    Report(Report),
    /// How many of its tabs run which version. To all, once per step of its history, and to one that has come.
    Versions {
        /// Counts these messages of the node, from 1. One that is sent again has the same number.
        number: u64,
        /// For how long it holds, milliseconds.
        holds_ms: u32,
        /// Tabs by version.
        counts: Vec<(Arc<str>, u64)>,
    },
    /// The receiver shall send everything it counts.
    WantWhole,
    /// The receiver shall answer a question.
    Ask {
        /// What the answer refers to.
        request: RequestId,
        /// How long the sender waits for an answer, milliseconds.
        within_ms: u32,
        /// What is asked.
        question: NodeQuestion,
    },
    /// The answer to a question.
    Answer {
        /// The number of the question.
        request: RequestId,
        /// What is answered.
        answer: NodeAnswer,
    },
    /// The receiver shall do something for one of its connections.
    Relay {
        /// What the answer refers to.
        request: RequestId,
        /// How long the sender waits for an answer, milliseconds.
        within_ms: u32,
        /// What it shall do.
        relay: Relay,
    },
    /// The answer to a relay.
    Relayed {
        /// The number of the relay.
        request: RequestId,
        /// Whether the connection is open, and took it.
        taken: bool,
    },
    /// These tabs opened connections at the sender. To all, and again to a node that says later that an earlier connection came to it.
    Moved {
        /// When it was sent: milliseconds of the sender's clock, which is never set.
        sent_ms: u64,
        /// What the sender adds to its clock to compare openings; `None` from a version that adds nothing.
        ahead_ms: Option<u64>,
        /// The tabs.
        tabs: Vec<MovedTab>,
    },
    /// The receiver has these tabs now: what they were told at the sender is in its books from now on, and no longer in those of the sender.
    Books {
        /// The tabs, each once.
        tabs: Vec<TabBooks>,
    },
    /// About what bridges are told.
    Tap(TapMessage),
}
