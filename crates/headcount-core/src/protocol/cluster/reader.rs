//! Bytes to messages.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::UnreadableMessage;
use super::answers::WireAnswer;
use super::bodies::{
    AnswerBody, AskBody, BooksBody, GoodbyeBody, HeartbeatBody, MovedBody, RelayBody, RelayedBody,
    VersionsBody, WantWholeBody, report,
};
use super::parts::Unfinished;
use super::questions::WireQuestion;
use super::relays::WireErrand;
use super::taps::{AtBody, NewsBody, NextBody, OpenBody, TapBody};
use crate::cluster::{Errand, Message, NodeAnswer, NodeQuestion, TapMessage};
use crate::connection::NodeId;

/// What a reader dropped since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Messages of a kind that only newer versions know.
    pub unknown: u64,
    /// Messages that are not of the documented form, or say what cannot be.
    pub invalid: u64,
    /// Messages of which parts did not come in time, or for which there was no room.
    pub unfinished: u64,
}

/// Reads the messages of other nodes, and puts together those that come in parts.
#[derive(Debug, Default)]
pub struct Reader {
    unfinished: Unfinished,
    counts: ReadCounts,
}

impl Reader {
    /// What a node said, and which. `None`: a part of it that others must follow, or something that was dropped and counted.
    pub fn read(&mut self, bytes: &Bytes, now_ms: u64) -> Option<(NodeId, Message)> {
        match self.take(bytes, now_ms) {
            Ok(read) => read,
            Err(UnreadableMessage::Unknown { .. }) => {
                self.counts.unknown += 1;
                None
            }
            Err(UnreadableMessage::Json(_) | UnreadableMessage::Refused(_)) => {
                self.counts.invalid += 1;
                None
            }
        }
    }

    /// Drops parts of messages that have waited too long. To be called from time to time.
    pub fn look(&mut self, now_ms: u64) {
        self.unfinished.forget_old(now_ms);
    }

    /// What was dropped so far.
    pub fn counts(&self) -> ReadCounts {
        ReadCounts {
            unfinished: self.unfinished.dropped,
            ..self.counts
        }
    }

    fn take(&mut self, bytes: &Bytes, now_ms: u64) -> Result<Option<(NodeId, Message)>, UnreadableMessage> {
        // JSON is written without line feeds, so there is one only after the head of a part.
        let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else {
            return decode(bytes).map(Some);
        };
        let Some((sender, whole)) = self.unfinished.take(bytes, line, now_ms)? else {
            return Ok(None);
        };
        let (from, message) = decode(&whole)?;
        if from != sender {
            return Err(UnreadableMessage::Refused(
                "parts of one node and a message of another",
            ));
        }
        Ok(Some((from, message)))
    }

    /// How many messages wait for parts, and their bytes.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        self.unfinished.held()
    }
}

/// What every message has.
#[derive(Deserialize)]
struct Head {
    revision: u32,
    #[serde(with = "super::node")]
    from: NodeId,
    kind: String,
}

#[derive(Deserialize)]
struct WithBody<T> {
    body: T,
}

/// The message that these bytes are, and the node that it is from.
pub fn decode(bytes: &[u8]) -> Result<(NodeId, Message), UnreadableMessage> {
    let Head { revision, from, kind } = serde_json::from_slice(bytes)?;
    let message = match &*kind {
        "heartbeat" => body::<HeartbeatBody>(bytes)?.into_message()?,
        "goodbye" => body::<GoodbyeBody>(bytes)?.into_message(),
        "report" => report(body(bytes)?, from)?,
        "versions" => body::<VersionsBody>(bytes)?.into_message()?,
        "want-whole" => {
            let WantWholeBody {} = body(bytes)?;
            Message::WantWhole
        }
        "ask" => ask(bytes)?,
        "answer" => answer(bytes, from)?,
        "relay" => relay(bytes)?,
        "relayed" => body::<RelayedBody>(bytes)?.into_message(),
        "moved" => body::<MovedBody>(bytes)?.into_message(),
        "books" => body::<BooksBody>(bytes)?.into_message(),
        "tap-open" => Message::Tap(body::<OpenBody>(bytes)?.into_message()),
        "tap-next" => Message::Tap(body::<NextBody>(bytes)?.into_message()),
        "tap-end" => Message::Tap(TapMessage::End {
            tap: body::<TapBody>(bytes)?.tap(),
        }),
        "tap-news" => Message::Tap(body::<NewsBody>(bytes)?.into_message(from)?),
        "tap-at" => Message::Tap(body::<AtBody>(bytes)?.into_message()),
        "tap-lagged" => Message::Tap(TapMessage::Lagged {
            tap: body::<TapBody>(bytes)?.tap(),
        }),
        _ => return Err(UnreadableMessage::Unknown { revision, kind }),
    };
    Ok((from, message))
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<WithBody<T>>(bytes).map(|with| with.body)
}

fn ask(bytes: &[u8]) -> Result<Message, UnreadableMessage> {
    match body::<AskBody>(bytes) {
        Ok(known) => known.message(WireQuestion::into_question),
        Err(_) => body::<AskBody<IgnoredAny>>(bytes)?.message(|_| Ok(NodeQuestion::Unknown)),
    }
}

fn answer(bytes: &[u8], from: NodeId) -> Result<Message, UnreadableMessage> {
    match body::<AnswerBody>(bytes) {
        Ok(known) => known.message(|answer: WireAnswer| answer.into_answer(from)),
        Err(_) => body::<AnswerBody<IgnoredAny>>(bytes)?.message(|_| Ok(NodeAnswer::Unable)),
    }
}

fn relay(bytes: &[u8]) -> Result<Message, UnreadableMessage> {
    match body::<RelayBody>(bytes) {
        Ok(known) => known.message(WireErrand::into_errand),
        Err(_) => body::<RelayBody<IgnoredAny>>(bytes)?.message(|_| Ok(Errand::Unknown)),
    }
}
