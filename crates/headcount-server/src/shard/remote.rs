//! Streams whose socket stays with hyper: their shard feeds them through a queue of bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use http_body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;

use super::link::{self, FarEnd, RemoteLink};
use super::mail::Mail;
use super::shards::Shards;

/// Both ends of a queue.
pub(crate) fn link(shards: &Shards) -> (RemoteLink, RemoteEnd) {
    let (link, queue) = link::queue();
    let shards = shards.clone();
    (link, RemoteEnd { queue, shards })
}

/// The far end of a connection's queue. When it goes, the shard learns that the connection is gone.
#[derive(Debug)]
pub(crate) struct RemoteEnd {
    queue: FarEnd,
    shards: Shards,
}

impl RemoteEnd {
    /// The next bytes to send; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.queue.poll_next(cx)).await
    }

    /// Tells the shard something about this connection, unless it is not open or too much waits.
    pub(crate) fn tell(&self, mail: impl FnOnce(ConnectionKey) -> Mail) -> Result<(), Mail> {
        match self.queue.key().and_then(|key| Some((key, self.shards.of(key)?))) {
            Some((key, shard)) => shard.offer(mail(key)),
            None => Ok(()),
        }
    }

    /// Gives a turn to the shard, behind everything it was told: it is over when the shard has come there.
    pub(crate) fn end_turn(&self, turn: Option<OwnedSemaphorePermit>) {
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

/// The body of an SSE response.
#[derive(Debug)]
pub(crate) struct RemoteBody(RemoteEnd);

impl RemoteBody {
    pub(crate) fn new(end: RemoteEnd) -> Self {
        Self(end)
    }
}

impl Body for RemoteBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.0
            .queue
            .poll_next(cx)
            .map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
