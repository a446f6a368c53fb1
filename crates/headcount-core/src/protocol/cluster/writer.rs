//! Messages to bytes.

use bytes::Bytes;
use serde::Serialize;

use super::bodies::{
    AnswerBody, AskBody, BooksBody, GoodbyeBody, HeartbeatBody, MovedBody, RelayBody, RelayedBody,
    VersionsBody, WantWholeBody,
};
use super::counts::WireReport;
use super::taps::{AtBody, NewsBody, NextBody, OpenBody, TapBody};
use super::{MESSAGE_BYTES_MAX, REVISION, parts};
use crate::cluster::{Message, RequestId, TapMessage};
use crate::connection::NodeId;
use crate::stats::Incarnation;

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It cannot be JSON, which does not happen.
    #[error("a message cannot be written")]
    Json(#[from] serde_json::Error),
    /// It is longer than [`MESSAGE_BYTES_MAX`], or the bus carries no part of it.
    #[error("a message of {bytes} bytes is too long")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
}

/// Writes the messages of one node.
///
/// ```
/// use headcount_core::cluster::Message;
/// use headcount_core::connection::NodeId;
/// use headcount_core::protocol::cluster::{Reader, Writer};
///
/// let written = Writer::new(NodeId(10)).write(&Message::WantWhole, 1_024)?;
/// assert_eq!(&*written[0], br#"{"revision":1,"from":"0000000a","kind":"want-whole","body":{}}"#);
/// let read = Reader::default().read(&written[0], 0);
/// assert_eq!(read, Some((NodeId(10), Message::WantWhole)));
/// # Ok::<(), headcount_core::protocol::cluster::WriteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    from: NodeId,
    /// Messages that went in parts.
    parted: u64,
}

#[derive(Serialize)]
struct Written<T> {
    revision: u32,
    #[serde(with = "super::node")]
    from: NodeId,
    kind: &'static str,
    body: T,
}

impl Writer {
    /// For the messages of this node.
    pub fn new(from: NodeId) -> Self {
        Self { from, parted: 0 }
    }

    /// A message as bytes: one text, or several parts of at most `bytes_max` bytes, in the order in which they are best sent.
    pub fn write(&mut self, message: &Message, bytes_max: usize) -> Result<Vec<Bytes>, WriteError> {
        let whole = Bytes::from(encode(self.from, message)?);
        if whole.len() <= bytes_max {
            return Ok(vec![whole]);
        }
        let bytes = whole.len();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(WriteError::TooLong { bytes });
        }
        self.parted += 1;
        parts::split(self.from, self.parted, &whole, bytes_max)?.ok_or(WriteError::TooLong { bytes })
    }
}

fn encode(from: NodeId, message: &Message) -> Result<Vec<u8>, serde_json::Error> {
    match message {
        Message::Heartbeat {
            heartbeat,
            last,
            sent_ms,
        } => written(from, "heartbeat", HeartbeatBody::new(heartbeat, *last, *sent_ms)),
        Message::Goodbye {
            incarnation: Incarnation(incarnation),
        } => {
            let incarnation = *incarnation;
            written(from, "goodbye", GoodbyeBody { incarnation })
        }
        Message::Report(report) => written(from, "report", WireReport::from(report)),
        Message::Versions {
            number,
            holds_ms,
            counts,
        } => {
            let (number, holds_ms, counts) = (*number, *holds_ms, counts.clone());
            let body = VersionsBody {
                number,
                holds_ms,
                counts,
            };
            written(from, "versions", body)
        }
        Message::WantWhole => written(from, "want-whole", WantWholeBody {}),
        Message::Ask {
            request,
            within_ms,
            question,
        } => written(from, "ask", AskBody::new(*request, *within_ms, question)),
        Message::Answer { request, answer } => written(from, "answer", AnswerBody::new(*request, answer)),
        Message::Relay {
            request,
            within_ms,
            relay,
        } => written(from, "relay", RelayBody::new(*request, *within_ms, relay)),
        Message::Relayed {
            request: RequestId(request),
            taken,
        } => {
            let (request, taken) = (*request, *taken);
            written(from, "relayed", RelayedBody { request, taken })
        }
        Message::Moved {
            sent_ms,
            ahead_ms,
            tabs,
        } => written(from, "moved", MovedBody::new((*sent_ms, *ahead_ms), tabs)),
        Message::Books { tabs } => {
            let tabs = tabs.iter().map(|books| (books.tab, books.told.clone())).collect();
            written(from, "books", BooksBody { tabs })
        }
        Message::Tap(message) => encode_tap(from, message),
    }
}

fn encode_tap(from: NodeId, message: &TapMessage) -> Result<Vec<u8>, serde_json::Error> {
    match message {
        TapMessage::Open { tap, wants } => written(from, "tap-open", OpenBody::new(*tap, *wants)),
        TapMessage::Next { tap, slice } => {
            let (tap, slice) = (tap.0, *slice);
            written(from, "tap-next", NextBody { tap, slice })
        }
        TapMessage::End { tap } => written(from, "tap-end", TapBody { tap: tap.0 }),
        TapMessage::News {
            tap,
            number,
            news,
            slice,
        } => written(
            from,
            "tap-news",
            NewsBody::new(*tap, *number, news, slice.as_ref()),
        ),
        TapMessage::At { taps } => {
            let taps = taps.iter().map(|(tap, number)| (tap.0, *number)).collect();
            written(from, "tap-at", AtBody { taps })
        }
        TapMessage::Lagged { tap } => written(from, "tap-lagged", TapBody { tap: tap.0 }),
    }
}

fn written<T: Serialize>(from: NodeId, kind: &'static str, body: T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Written {
        revision: REVISION,
        from,
        kind,
        body,
    })
}
