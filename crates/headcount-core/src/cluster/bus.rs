//! How nodes reach each other: quickly, and without a promise.
//!
//! A message arrives once, not at all, or late. It is never kept for a node that is away, so nothing that must last is told here.

use std::future::Future;

use bytes::Bytes;

use crate::connection::NodeId;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum To {
    /// Every other node.
    All,
    /// The nodes that asked for it by [`Bus::watch`].
    Watchers,
    /// This node.
    Node(NodeId),
}

/// What a node hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A message of another node.
    Message(Bytes),
    /// The bus does not get through. What is sent from now on is lost.
    Away,
    /// It gets through again. What others sent meanwhile is lost.
    Back,
}

/// Messages that a bus has lost at this node since it began, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusLosses {
    /// Messages that [`Bus::send`] did not take, or that were not sent after all.
    pub not_sent: u64,
    /// Messages that arrived while too many waited for [`Incoming::next`].
    pub not_heard: u64,
    /// Messages that the client of the broker dropped, because this node did not read its subscriptions in time. At least so many.
    pub slow_consumer: u64,
    /// Messages that were heard and ignored.
    pub ignored: BusIgnored,
}

/// Messages that a bus that seals has heard and ignored since it began, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusIgnored {
    /// Messages that were sealed with another secret, or changed.
    pub sealed_otherwise: u64,
    /// Messages that are not sealed, or in a way that only newer versions know.
    pub not_sealed: u64,
    /// Messages that this process sent itself.
    pub echoes: u64,
    /// Messages to other nodes.
    pub misdirected: u64,
}

/// The sending end of a bus. Cheap to clone.
pub trait Bus: Clone + Send + Sync + 'static {
    /// Sends a message of at most [`Bus::bytes_max`] bytes. Waits for nothing: where the bus does not get through, or is behind, the message
    /// is lost. Whether it was taken.
    fn send(&self, to: To, message: Bytes) -> bool;

    /// Bytes of the longest message.
    fn bytes_max(&self) -> usize;

    /// Waits until what was sent so far has left this process, or cannot. At most about a second.
    fn flush(&self) -> impl Future<Output = ()> + Send + 'static;

    /// What was lost since the bus began.
    fn losses(&self) -> BusLosses;

    /// Whether messages to [`To::Watchers`] are heard here from now on.
    fn watch(&self, watches: bool);
}

/// The receiving end of a bus.
pub trait Incoming: Send + 'static {
    /// What is heard next. Dropping the future loses nothing. `None`: the bus has ended.
    fn next(&mut self) -> impl Future<Output = Option<Notice>> + Send;
}
