//! Messages in parts: those that are longer than the bus carries.
//!
//! A part may be lost, and then its message is. So what waits for further parts is bounded in number, bytes and age, and what has waited
//! longest is dropped for what is new.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{MESSAGE_BYTES_MAX, REVISION, UnreadableMessage};
use crate::connection::NodeId;

/// Messages that may wait for further parts.
pub const UNFINISHED_MAX: usize = 64;

/// Bytes of all of them: one message of the greatest length fits.
pub const UNFINISHED_BYTES_MAX: usize = MESSAGE_BYTES_MAX + MESSAGE_BYTES_MAX / 4;

/// How long a message may wait for its other parts, milliseconds.
pub const UNFINISHED_MS: u64 = 10_000;

/// What a part costs besides its bytes.
const PART_BYTES: usize = 128;

/// Bytes of a part that are not of its message, at the most.
const HEAD_BYTES_MAX: usize = 160;

/// What stands before a part's piece of the message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartHead {
    revision: u32,
    #[serde(with = "super::node")]
    from: NodeId,
    kind: PartKind,
    /// Which of the messages that its writer sent in parts.
    message: u64,
    /// Which part, from 0.
    part: u32,
    /// Of how many.
    parts: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PartKind {
    Part,
}

/// A message as parts of at most `bytes_max` bytes. `None`: too few for a part.
pub(super) fn split(
    from: NodeId,
    message: u64,
    whole: &Bytes,
    bytes_max: usize,
) -> Result<Option<Vec<Bytes>>, serde_json::Error> {
    let piece_bytes = bytes_max.saturating_sub(HEAD_BYTES_MAX);
    if piece_bytes == 0 {
        return Ok(None);
    }
    let Ok(parts) = u32::try_from(whole.len().div_ceil(piece_bytes)) else {
        return Ok(None);
    };
    let part = |(part, piece): (u32, &[u8])| {
        let mut bytes = serde_json::to_vec(&PartHead {
            revision: REVISION,
            from,
            kind: PartKind::Part,
            message,
            part,
            parts,
        })?;
        bytes.push(b'\n');
        bytes.extend_from_slice(piece);
        Ok(Bytes::from(bytes))
    };
    let pieces = (0..).zip(whole.chunks(piece_bytes));
    pieces.map(part).collect::<Result<_, _>>().map(Some)
}

/// Messages of which parts are missing.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    messages: BTreeMap<(NodeId, u64), Begun>,
    /// Of all pieces.
    bytes: usize,
    /// How many messages have begun.
    begun: u64,
    /// Messages that were dropped.
    pub(super) dropped: u64,
}

#[derive(Debug)]
struct Begun {
    /// In which order messages began.
    number: u64,
    began_ms: u64,
    parts: u32,
    pieces: BTreeMap<u32, Bytes>,
    bytes: usize,
}

impl Unfinished {
    /// Takes in a part, which ends with the piece after byte `line`. Returns the message if that was the last missing part.
    pub(super) fn take(
        &mut self,
        bytes: &Bytes,
        line: usize,
        now_ms: u64,
    ) -> Result<Option<(NodeId, Vec<u8>)>, UnreadableMessage> {
        self.forget_old(now_ms);
        let head: PartHead = serde_json::from_slice(&bytes[..line])?;
        if head.part >= head.parts {
            return Err(UnreadableMessage::Refused("a part beyond the last one"));
        }
        let name = (head.from, head.message);
        let begun = &mut self.begun;
        let pieces = self.messages.entry(name).or_insert_with(|| {
            *begun += 1;
            Begun::new(*begun, now_ms, head.parts)
        });
        if pieces.parts != head.parts {
            self.drop_message(name);
            return Err(UnreadableMessage::Refused(
                "parts that do not agree how many they are",
            ));
        }
        // The piece alone is kept, not what the bus read it into.
        let piece = Bytes::copy_from_slice(&bytes[line + 1..]);
        let cost = piece.len() + PART_BYTES;
        if pieces.pieces.insert(head.part, piece).is_none() {
            pieces.bytes += cost;
            self.bytes += cost;
        }
        if pieces.pieces.len() == head.parts as usize {
            return Ok(self.finish(name));
        }
        while self.messages.len() > UNFINISHED_MAX || self.bytes > UNFINISHED_BYTES_MAX {
            let oldest = self.messages.iter().min_by_key(|(_, pieces)| pieces.number);
            let Some(name) = oldest.map(|(name, _)| *name) else {
                break;
            };
            self.drop_message(name);
        }
        Ok(None)
    }

    /// Drops what has waited too long.
    pub(super) fn forget_old(&mut self, now_ms: u64) {
        let is_old = |pieces: &Begun| now_ms.saturating_sub(pieces.began_ms) >= UNFINISHED_MS;
        let old = self.messages.iter().filter(|(_, pieces)| is_old(pieces));
        for name in old.map(|(name, _)| *name).collect::<Vec<_>>() {
            self.drop_message(name);
        }
    }

    fn drop_message(&mut self, name: (NodeId, u64)) {
        if let Some(pieces) = self.messages.remove(&name) {
            self.bytes -= pieces.bytes;
            self.dropped += 1;
        }
    }

    fn finish(&mut self, name: (NodeId, u64)) -> Option<(NodeId, Vec<u8>)> {
        let pieces = self.messages.remove(&name)?;
        self.bytes -= pieces.bytes;
        let mut whole = Vec::with_capacity(pieces.bytes);
        for piece in pieces.pieces.values() {
            whole.extend_from_slice(piece);
        }
        Some((name.0, whole))
    }

    /// How many messages wait, and their bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.messages.len(), self.bytes)
    }
}

impl Begun {
    fn new(number: u64, began_ms: u64, parts: u32) -> Self {
        Self {
            number,
            began_ms,
            parts,
            pieces: BTreeMap::new(),
            bytes: 0,
        }
    }
}
