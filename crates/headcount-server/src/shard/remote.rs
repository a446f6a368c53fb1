//! Streams whose socket stays with hyper: their shard feeds them through a queue of bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

pub(crate) use headcount_shard::remote::{RemoteEnd, link};

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
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.0
            .poll_next(cx)
            .map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
