//! What goes over a bridge between headcount and an app server. The specification is `protocol/BRIDGE.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line that the app server reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum BridgeLine {
    /// The first line.
    Hello {
        /// Whether this stream waits for another one of the same app to end.
        standby: bool,
    },
    /// A connection is open.
    Open {
        /// The id its tab was told.
        id: String,
        /// The build it runs.
        version: String,
        /// The page it shows; absent with route tracking off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// The client address; absent with IP tracking off, or where unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<String>,
        /// True where it was open before; absent otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replay: bool,
    },
    /// All that was open has been told.
    Ready,
    /// A connection is on another page.
    RouteUpdate {
        /// Its id.
        id: String,
        /// The page it now shows.
        route: String,
    },
    /// A connection closed.
    Close {
        /// Its id.
        id: String,
    },
    /// May this browser see stats?
    Authorize {
        /// What to name in the answer.
        ask: u64,
        /// The connection that wants stats.
        id: String,
        /// What its browser showed, names in lower case.
        headers: BTreeMap<String, String>,
    },
    /// Nothing happened for a while.
    Keepalive,
    /// The reader fell behind: the stream ends here.
    Lagged,
}

/// Body of `POST bridge/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagesRequest {
    /// Messages to tabs, in order.
    pub messages: Vec<TabMessage>,
}

/// A message to one tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabMessage {
    /// The connection's id.
    pub id: String,
    /// What its tab is sent.
    pub data: Value,
}

/// Answer of `POST bridge/messages`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagesAnswer {
    /// Handed to their connections.
    pub sent: u64,
    /// For connections that are not open.
    pub unknown: u64,
    /// Too long, or more than the server can take in now.
    pub refused: u64,
}

/// Body of `POST bridge/answers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersRequest {
    /// Answers to `authorize` lines.
    pub answers: Vec<AskAnswer>,
}

/// An answer to an `authorize` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskAnswer {
    /// The number of the question.
    pub ask: u64,
    /// Whether that browser may see stats.
    pub admitted: bool,
}

/// Answer of `POST bridge/answers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersAnswer {
    /// Answers that somebody was waiting for.
    pub taken: u64,
    /// Answers that came too late, or to no question.
    pub unknown: u64,
}

/// Body of `POST bridge/ended`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedRequest {
    /// Cookies, as `name=value`, that are worth nothing from now on.
    pub cookies: Vec<String>,
}

/// Answer of `POST bridge/ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAnswer {
    /// Always true.
    pub ok: bool,
}
