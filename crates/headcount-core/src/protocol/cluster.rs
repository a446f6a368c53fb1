//! What nodes say to each other, as it is written.
//!
//! A message is a JSON object with the `revision` of its writer, the node that it is `from`, its `kind`, and a `body` that depends on the kind.
//! Fields that a reader does not know are ignored. Kinds that it does not know are dropped and counted, so that nodes of two revisions can
//! share a bus while they are upgraded. A question or an errand that a reader does not know is still answered: the node that asks need not
//! wait for its deadline.
//!
//! ```json
//! {"revision":1,"from":"0000000a","kind":"goodbye","body":{"incarnation":1}}
//! ```
//!
//! A message that is longer than the bus carries goes in parts. A part is an object of kind `part` without a body, a line feed, and a piece of
//! the bytes of the message ([`parts`]).
//!
//! - `writer`: messages to bytes. `reader`: bytes to messages. `bodies`: the body of each kind. `counts`, `questions`, `answers`, `relays`,
//!   `taps`: what is in them.
//!   `sign_outs`: what is in them.

mod answers;
mod bodies;
mod counts;
pub mod parts;
mod questions;
mod reader;
mod relays;
mod sign_outs;
mod taps;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{ReadCounts, Reader, decode};
pub use writer::{WriteError, Writer};

/// The revision of the messages that this version writes.
pub const REVISION: u32 = 1;

/// Bytes of the longest message, all parts together. A node with more to say than that is not understood.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The greatest count that is believed: no node has more connections.
const COUNT_MAX: u64 = 1 << 32;

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// It is not JSON of the documented form.
    #[error("not a message of a node")]
    Json(#[from] serde_json::Error),
    /// Its kind is one that only newer versions know.
    #[error("a message of revision {revision} and the unknown kind {kind:?}")]
    Unknown {
        /// The revision of its writer.
        revision: u32,
        /// Its kind.
        kind: String,
    },
    /// What it says cannot be.
    #[error("a message that says what cannot be: {0}")]
    Refused(&'static str),
}

/// The node's id as it is written: 8 hexadecimal digits.
mod node {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::connection::NodeId;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(node)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let number = (text.len() == 8 && text.bytes().all(is_digit)).then(|| u32::from_str_radix(&text, 16));
        match number {
            Some(Ok(number)) => Ok(NodeId(number)),
            _ => Err(D::Error::custom("a node is 8 hexadecimal digits")),
        }
    }
}
