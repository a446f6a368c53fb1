//! Streams whose socket lies elsewhere, with a task: their shard feeds them through a queue of bytes.

use std::task::{Context, Poll};

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use tokio::sync::OwnedSemaphorePermit;

use crate::link::{self, FarEnd, RemoteLink};
use crate::mail::Mail;
use crate::shards::Shards;

/// Both ends of a queue.
pub fn link(shards: &Shards) -> (RemoteLink, RemoteEnd) {
    let (link, queue) = link::queue();
    let shards = shards.clone();
    (link, RemoteEnd { queue, shards })
}

/// The far end of a connection's queue. When it goes, the shard learns that the connection is gone.
#[derive(Debug)]
pub struct RemoteEnd {
    queue: FarEnd,
    shards: Shards,
}

impl RemoteEnd {
    /// The next bytes to send; `None` at the end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.queue.poll_next(cx)
    }

    /// As [`RemoteEnd::poll_next`], to await.
    pub async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Tells the shard something about this connection, unless it is not open.
    ///
    /// # Errors
    ///
    /// Too much waits already: the mail comes back.
    pub fn tell(&self, mail: impl FnOnce(ConnectionKey) -> Mail) -> Result<(), Mail> {
        match self.queue.key().and_then(|key| Some((key, self.shards.of(key)?))) {
            Some((key, shard)) => shard.offer(mail(key)),
            None => Ok(()),
        }
    }

    /// Gives a turn to the shard, behind everything it was told: it is over when the shard has come there.
    pub fn end_turn(&self, turn: Option<OwnedSemaphorePermit>) {
        if let Some((key, turn)) = self.queue.key().zip(turn)
            && let Some(shard) = self.shards.of(key)
        {
            // Never more than one for each link. Where the shard has ended the turn is over as well.
            shard.force(Mail::EndTurn(turn));
        }
    }
}

impl Drop for RemoteEnd {
    fn drop(&mut self) {
        let open = self.queue.leave();
        if let Some((key, shard)) = open.and_then(|key| Some((key, self.shards.of(key)?))) {
            shard.force(Mail::Gone { key });
        }
    }
}
