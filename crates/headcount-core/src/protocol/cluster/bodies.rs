//! The body of each kind of message.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use super::answers::WireAnswer;
use super::counts::{WireKey, WireReport, WireStamp, add_up, count, key, wire_key};
use super::questions::WireQuestion;
use super::relays::WireErrand;
use super::sign_outs::WireSignOutMark;
use super::taps::WireBridging;
use crate::cluster::{
    Errand, Heartbeat, Message, MovedTab, NodeAnswer, NodeQuestion, Relay, RequestId, Settings, TabBooks,
};
use crate::command_log::LogIndex;
use crate::connection::NodeId;
use crate::stats::{Incarnation, Stamp};

/// Bytes of the name of a node, and of what it runs.
const NAME_BYTES_MAX: usize = 1_024;

/// Settings of a node, and bytes of the name of each.
const SETTINGS_MAX: usize = 64;
const SETTING_BYTES_MAX: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeartbeatBody {
    pub(super) number: u64,
    pub(super) name: Arc<str>,
    pub(super) software: Arc<str>,
    pub(super) tabs: u64,
    pub(super) read: u64,
    pub(super) watches: bool,
    pub(super) drains: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bridges: Option<WireBridging>,
    #[serde(default, skip_serializing_if = "WireSignOutMark::is_none")]
    pub(super) signed_out: WireSignOutMark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unix_ms: Option<u64>,
    pub(super) last: WireStamp,
    pub(super) sent_ms: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) settings: BTreeMap<Arc<str>, u32>,
}

impl HeartbeatBody {
    pub(super) fn new(heartbeat: &Heartbeat, last: Stamp, sent_ms: u64) -> Self {
        Self {
            number: heartbeat.number,
            name: Arc::clone(&heartbeat.name),
            software: Arc::clone(&heartbeat.software),
            tabs: heartbeat.tabs,
            read: heartbeat.read.0,
            watches: heartbeat.watches,
            drains: heartbeat.drains,
            bridges: heartbeat.bridges.as_ref().map(WireBridging::from),
            signed_out: heartbeat.signed_out.into(),
            unix_ms: heartbeat.unix_ms,
            last: last.into(),
            sent_ms,
            settings: heartbeat
                .settings
                .iter()
                .map(|(name, digest)| (Arc::clone(name), digest))
                .collect(),
        }
    }

    pub(super) fn into_message(self) -> Result<Message, UnreadableMessage> {
        if self.name.len() > NAME_BYTES_MAX || self.software.len() > NAME_BYTES_MAX {
            return Err(UnreadableMessage::Refused("a name that is too long"));
        }
        if self.settings.len() > SETTINGS_MAX
            || self.settings.keys().any(|name| name.len() > SETTING_BYTES_MAX)
        {
            return Err(UnreadableMessage::Refused("too many settings"));
        }
        Ok(Message::Heartbeat {
            heartbeat: Heartbeat {
                number: self.number,
                name: self.name,
                software: self.software,
                tabs: count(self.tabs)?,
                read: LogIndex(self.read),
                watches: self.watches,
                drains: self.drains,
                bridges: self.bridges.map(WireBridging::into_bridging),
                signed_out: self.signed_out.into(),
                settings: Settings::new(self.settings),
                unix_ms: self.unix_ms,
            },
            last: self.last.into(),
            sent_ms: self.sent_ms,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GoodbyeBody {
    pub(super) incarnation: u64,
}

impl GoodbyeBody {
    pub(super) fn into_message(self) -> Message {
        Message::Goodbye {
            incarnation: Incarnation(self.incarnation),
        }
    }
}

pub(super) fn report(body: WireReport, from: NodeId) -> Result<Message, UnreadableMessage> {
    Ok(Message::Report(body.into_report(from)?))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionsBody {
    pub(super) number: u64,
    pub(super) holds_ms: u32,
    pub(super) counts: Vec<(Arc<str>, u64)>,
}

impl VersionsBody {
    pub(super) fn into_message(self) -> Result<Message, UnreadableMessage> {
        add_up(&self.counts)?;
        Ok(Message::Versions {
            number: self.number,
            holds_ms: self.holds_ms,
            counts: self.counts,
        })
    }
}

/// Nothing, so far.
#[derive(Serialize, Deserialize)]
pub(super) struct WantWholeBody {}

/// `T` is the question: [`serde::de::IgnoredAny`] where it is one that is not known.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AskBody<T = WireQuestion> {
    pub(super) request: u64,
    pub(super) within_ms: u32,
    pub(super) question: T,
}

impl AskBody {
    pub(super) fn new(request: RequestId, within_ms: u32, question: &NodeQuestion) -> Self {
        Self {
            request: request.0,
            within_ms,
            question: question.into(),
        }
    }
}

impl<T> AskBody<T> {
    pub(super) fn message(
        self,
        read: impl FnOnce(T) -> Result<NodeQuestion, UnreadableMessage>,
    ) -> Result<Message, UnreadableMessage> {
        Ok(Message::Ask {
            request: RequestId(self.request),
            within_ms: self.within_ms,
            question: read(self.question)?,
        })
    }
}

/// `T` is the answer: [`serde::de::IgnoredAny`] where it is one that is not known.
#[derive(Serialize, Deserialize)]
pub(super) struct AnswerBody<T = WireAnswer> {
    pub(super) request: u64,
    pub(super) answer: T,
}

impl AnswerBody {
    pub(super) fn new(request: RequestId, answer: &NodeAnswer) -> Self {
        Self {
            request: request.0,
            answer: answer.into(),
        }
    }
}

impl<T> AnswerBody<T> {
    pub(super) fn message(
        self,
        read: impl FnOnce(T) -> Result<NodeAnswer, UnreadableMessage>,
    ) -> Result<Message, UnreadableMessage> {
        Ok(Message::Answer {
            request: RequestId(self.request),
            answer: read(self.answer)?,
        })
    }
}

/// `T` is the errand: [`serde::de::IgnoredAny`] where it is one that is not known.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RelayBody<T = WireErrand> {
    pub(super) request: u64,
    pub(super) within_ms: u32,
    pub(super) connection: WireKey,
    pub(super) errand: T,
}

impl RelayBody {
    pub(super) fn new(request: RequestId, within_ms: u32, relay: &Relay) -> Self {
        Self {
            request: request.0,
            within_ms,
            connection: wire_key(relay.connection),
            errand: (&relay.errand).into(),
        }
    }
}

impl<T> RelayBody<T> {
    pub(super) fn message(
        self,
        read: impl FnOnce(T) -> Result<Errand, UnreadableMessage>,
    ) -> Result<Message, UnreadableMessage> {
        Ok(Message::Relay {
            request: RequestId(self.request),
            within_ms: self.within_ms,
            relay: Relay {
                connection: key(self.connection),
                errand: read(self.errand)?,
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RelayedBody {
    pub(super) request: u64,
    pub(super) taken: bool,
}

impl RelayedBody {
    pub(super) fn into_message(self) -> Message {
        Message::Relayed {
            request: RequestId(self.request),
            taken: self.taken,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MovedBody {
    pub(super) sent_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ahead_ms: Option<u64>,
    tabs: Vec<WireMoved>,
}

/// The hash of a tab, how long before the message it opened, and the rules for which it was reloaded.
#[derive(Serialize, Deserialize)]
struct WireMoved(u64, u32, #[serde(default)] Arc<[u32]>);

#[derive(Serialize, Deserialize)]
pub(super) struct BooksBody {
    /// The hash of each tab, and the rules that it was told.
    pub(super) tabs: Vec<(u64, Vec<u32>)>,
}

impl BooksBody {
    pub(super) fn into_message(self) -> Message {
        let tabs = self.tabs.into_iter();
        Message::Books {
            tabs: tabs.map(|(tab, told)| TabBooks { tab, told }).collect(),
        }
    }
}

impl MovedBody {
    pub(super) fn new((sent_ms, ahead_ms): (u64, Option<u64>), tabs: &[MovedTab]) -> Self {
        let wire = |moved: &MovedTab| WireMoved(moved.tab, moved.ago_ms, Arc::clone(&moved.reloaded));
        let tabs = tabs.iter().map(wire).collect();
        Self {
            sent_ms,
            ahead_ms,
            tabs,
        }
    }

    pub(super) fn into_message(self) -> Message {
        let tabs = self.tabs.into_iter();
        Message::Moved {
            sent_ms: self.sent_ms,
            ahead_ms: self.ahead_ms,
            tabs: tabs
                .map(|WireMoved(tab, ago_ms, reloaded)| MovedTab {
                    tab,
                    ago_ms,
                    reloaded,
                })
                .collect(),
        }
    }
}
