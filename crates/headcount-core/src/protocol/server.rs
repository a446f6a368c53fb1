//! Messages to clients: one JSON object each, sent as an SSE event or a WebSocket text message.
//!
//! `connected` is always the first. Messages that are the same for everyone are made once and shared.

use serde::Serialize;

use crate::connection::ConnectionId;
use crate::epoch::Epoch;
use crate::invalidation::Mode;

/// Answer to a subscription that was not admitted, and to one whose admission ended.
pub const STATS_UNAUTHORIZED: &str = r#"{"type":"stats-unauthorized"}"#;

/// The last message on an SSE stream whose tab opened a newer one. A WebSocket is closed with 4409 instead.
pub const REPLACED: &str = r#"{"type":"replaced"}"#;

/// Answer to a ping.
pub const PONG: &str = r#"{"type":"pong"}"#;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Message<'a> {
    Connected {
        version: &'a str,
        #[serde(rename = "connectionId")]
        connection_id: &'a str,
        timestamp: u64,
        #[serde(skip_serializing_if = "str::is_empty")]
        resume: &'a str,
        keepalive: u32,
        #[serde(serialize_with = "as_text_if_known", skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
        #[serde(skip_serializing_if = "Clone::clone")]
        announced: bool,
    },
    Keepalive {
        timestamp: u64,
    },
    Version {
        version: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        force: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        prompt: bool,
        id: u32,
        #[serde(serialize_with = "as_text")]
        epoch: Epoch,
    },
    Reconnect {
        after: u32,
    },
}

impl Message<'_> {
    fn text(&self) -> String {
        // Strings and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn as_text<S: serde::Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(epoch)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn as_text_if_known<S: serde::Serializer>(epoch: &Option<Epoch>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&epoch.unwrap_or_default())
}

/// The first message: the current release, the connection's id, the time (milliseconds since the Unix epoch), the
/// resume id that the page sends back when it reconnects, the longest time between two signs of life (milliseconds),
/// the epoch of the commands, and `announced: false` if the build that the tab runs is not an announced release. An empty resume id and
/// an epoch that is not known yet are left out.
pub fn connected(
    version: &str,
    id: ConnectionId,
    timestamp: u64,
    resume: &str,
    keepalive_ms: u32,
    epoch: Option<Epoch>,
    announced: bool,
) -> String {
    Message::Connected {
        version,
        connection_id: id.as_str(),
        timestamp,
        resume,
        keepalive: keepalive_ms,
        epoch,
        announced,
    }
    .text()
}

/// A sign of life for SSE clients.
pub fn keepalive(timestamp: u64) -> String {
    Message::Keepalive { timestamp }.text()
}

/// A release was announced by the command of this number.
pub fn released(version: &str, id: u32, epoch: Epoch) -> String {
    Message::Version {
        version,
        force: false,
        prompt: false,
        id,
        epoch,
    }
    .text()
}

/// An invalidation hit this tab.
pub fn invalidated(version: &str, id: u32, mode: Mode, epoch: Epoch) -> String {
    Message::Version {
        version,
        force: mode == Mode::Force,
        prompt: mode == Mode::Prompt,
        id,
        epoch,
    }
    .text()
}

/// The server is stopping: reconnect after this many milliseconds.
pub fn reconnect(after_ms: u32) -> String {
    Message::Reconnect { after: after_ms }.text()
}

#[cfg(test)]
mod tests;
