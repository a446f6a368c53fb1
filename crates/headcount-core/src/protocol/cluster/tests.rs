//! What is written is read again, is written as documented, and what is not a message takes no memory.

mod hostile;
mod in_parts;
mod pinned;
mod random;
mod sign_outs;

use bytes::Bytes;

use super::*;
use crate::cluster::Message;
use crate::connection::NodeId;

const FROM: NodeId = NodeId(10);

/// A message as one text.
fn written(message: &Message) -> Bytes {
    let mut texts = Writer::new(FROM).write(message, usize::MAX).unwrap();
    assert_eq!(texts.len(), 1);
    texts.remove(0)
}
