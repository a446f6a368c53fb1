//! What goes over a bridge between headcount and an app server. The specification is `protocol/BRIDGE.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nodes::NodesAsked;

/// One line that the app server reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum BridgeLine {
    /// The first line, and again when this bridge takes over from another one, or another one from it.
    Hello {
        /// Whether this bridge waits until another one of the same app ends.
        standby: bool,
    },
    /// A connection is open.
    Open {
        /// The id that the server gave to its tab.
        id: String,
        /// The build that the tab runs.
        version: String,
        /// The page that the tab shows; absent with route tracking off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// The client address; absent with IP tracking off, and where it is unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<String>,
        /// True if it was open before the bridge; absent otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replay: bool,
    },
    /// Every connection that was open has been told.
    Ready,
    /// A connection is on another page.
    RouteUpdate {
        /// The id of the connection.
        id: String,
        /// The page that the tab shows now.
        route: String,
    },
    /// A connection closed.
    Close {
        /// The id of the connection.
        id: String,
    },
    /// A question: may this browser see stats?
    Authorize {
        /// The number of the question, to repeat in the answer.
        ask: u64,
        /// The connection that wants stats.
        id: String,
        /// The headers of the browser, names in lower case.
        headers: BTreeMap<String, String>,
    },
    /// Nothing happened for five seconds.
    Keepalive,
    /// The reader fell behind, or a message between servers was lost. The bridge ends here.
    Lagged,
}

/// Messages to tabs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MessagesRequest {
    /// The messages, in order.
    pub messages: Vec<TabMessage>,
}

/// A message to one tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TabMessage {
    /// The connection's id.
    pub id: String,
    /// What the tab receives: any JSON.
    pub data: Value,
}

/// How many messages were sent, unknown or refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagesAnswer {
    /// Messages handed to their connections.
    pub sent: u64,
    /// Messages for connections that are not open.
    pub unknown: u64,
    /// Messages longer than `limits.send_bytes_max`, or more than the server can take in now.
    pub refused: u64,
}

/// Answers to questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswersRequest {
    /// The answers.
    pub answers: Vec<AskAnswer>,
}

/// The answer to an `authorize` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AskAnswer {
    /// The number of the question.
    pub ask: u64,
    /// Whether that browser may see stats.
    pub admitted: bool,
}

/// How many answers were accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswersAnswer {
    /// Answers to questions that were open.
    pub taken: u64,
    /// Answers that came too late, or to no question.
    pub unknown: u64,
}

/// Cookies that are no longer valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndedRequest {
    /// The cookies, each as `name=value`.
    pub cookies: Vec<String>,
}

/// The cookies are no longer accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndedAnswer {
    /// Always true.
    pub ok: bool,
    /// In a cluster, how many nodes have ended them by now. The others do when they are heard again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}
