//! Streams whose socket stays with hyper: their shard feeds them through a short queue.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::shard::{Command, Outgoing, Shards};

/// Messages that may wait for a stream; with a further one it is closed as too slow.
pub(crate) const REMOTE_QUEUE: usize = 32;

/// The far end of a connection's queue. When it goes, the shard learns that the connection is gone.
#[derive(Debug)]
pub(crate) struct RemoteEnd {
    receiver: mpsc::Receiver<Outgoing>,
    shards: Shards,
    /// While the connection is open.
    key: Option<ConnectionKey>,
    ended: bool,
}

impl RemoteEnd {
    pub(crate) fn new(receiver: mpsc::Receiver<Outgoing>, shards: Shards) -> Self {
        Self {
            receiver,
            shards,
            key: None,
            ended: false,
        }
    }

    /// The next bytes to send; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.ended {
            match std::task::ready!(self.receiver.poll_recv(cx)) {
                Some(Outgoing::Opened(key)) => self.key = Some(key),
                Some(Outgoing::Bytes(bytes)) => return Poll::Ready(Some(bytes)),
                Some(Outgoing::End(last)) => {
                    self.end();
                    if !last.is_empty() {
                        return Poll::Ready(Some(last));
                    }
                }
                None => self.end(),
            }
        }
        Poll::Ready(None)
    }

    fn end(&mut self) {
        self.key = None;
        self.ended = true;
    }

    /// As [`RemoteEnd::poll_next`], to await.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Tells the shard something about this connection, unless it is not open or too much waits.
    pub(crate) fn tell(&self, command: impl FnOnce(ConnectionKey) -> Command) -> Result<(), Command> {
        match self.key.and_then(|key| Some((key, self.shards.of(key)?))) {
            Some((key, shard)) => shard.offer(command(key)),
            None => Ok(()),
        }
    }

    /// Gives a turn to the shard, behind everything it was told: it is over when the shard has come there.
    pub(crate) fn end_turn(&self, turn: Option<OwnedSemaphorePermit>) {
        if let Some((key, turn)) = self.key.zip(turn)
            && let Some(shard) = self.shards.of(key)
        {
            // Never more than one for each link. Where the shard has ended the turn is over as well.
            shard.force(Command::EndTurn(turn));
        }
    }
}

impl Drop for RemoteEnd {
    fn drop(&mut self) {
        self.receiver.close();
        while let Ok(waiting) = self.receiver.try_recv() {
            if let Outgoing::Opened(key) = waiting {
                self.key = Some(key);
            }
        }
        if let Some((key, shard)) = self.key.and_then(|key| Some((key, self.shards.of(key)?))) {
            shard.force(Command::Gone { key });
        }
    }
}

/// The body of an SSE response.
#[derive(Debug)]
pub(crate) struct RemoteBody(RemoteEnd);

impl RemoteBody {
    pub(crate) fn new(receiver: mpsc::Receiver<Outgoing>, shards: Shards) -> Self {
        Self(RemoteEnd::new(receiver, shards))
    }
}

impl Body for RemoteBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.0
            .poll_next(cx)
            .map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
