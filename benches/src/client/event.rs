//! What a decoder finds in the bytes of a server.

/// Bytes of a message that are shown to the sink.
pub(super) const HEAD_BYTES: usize = 200;

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The head of the answer, which accepts the request.
    Accepted,
    /// A text message, its beginning.
    Text(&'a [u8]),
    /// A WebSocket ping, its payload.
    Ping(&'a [u8]),
    /// The server ends the stream.
    Closed,
}
