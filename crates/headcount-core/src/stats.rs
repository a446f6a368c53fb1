//! Counts on their way up: what one table reports, and the sum of what many reported.
//!
//! A source reports *absolute* numbers of what changed since its last report ([`Report`]). [`Sum`] keeps the last state of every source and
//! the total over them. It does not care whether a source is a shard or, in a cluster, a node: it is the same merge, and a [`Digest`] makes
//! of a sum a source of another.
//!
//! [`Sum::apply`] says what a report changed. What subscribers have not been told of it yet is [`news`], and which
//! connections they are shown one by one is [`list`]. How it is written down is `protocol::stats`.

mod digest;
mod form;
pub mod list;
pub mod news;
mod report;
mod sum;

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connection::{ConnectionId, ConnectionKey, IdCipher, NodeId};

pub use digest::Digest;
pub use form::Form;
pub use report::{Incarnation, NotApplied, Receiver, Report, Reporter, Stamp};
pub use sum::{Changed, SampleSlot, SourceId, Sum};

/// Counts by name, ordered by name.
pub type Counts = BTreeMap<Arc<str>, u64>;

/// One connection, for a list that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The node that holds it; `None`: this process.
    pub node: Option<NodeId>,
    /// Where that node holds it.
    pub key: ConnectionKey,
    /// The build it runs.
    pub version: Arc<str>,
    /// The page it shows; `None` with route tracking off.
    pub route: Option<Arc<str>>,
    /// Its client address; `None` with IP tracking off, or where unknown.
    pub ip: Option<IpAddr>,
    /// Its tab is hidden.
    pub hidden: bool,
}

/// Where the connection of a row is held. Connections of several nodes may have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The node; `None`: this process.
    pub node: Option<NodeId>,
    /// Where that node holds it.
    pub key: ConnectionKey,
}

impl Place {
    /// The id of the connection.
    pub fn id(self, cipher: &IdCipher) -> ConnectionId {
        cipher.id_at(self.node.unwrap_or(cipher.node()), self.key)
    }
}

impl Row {
    /// Where its connection is held.
    pub fn place(&self) -> Place {
        Place {
            node: self.node,
            key: self.key,
        }
    }
}

/// What changed in one source since its last report, or everything it has.
///
/// Each number is that of the moment of the report, and none is a difference. With those that did not change, the counts of versions sum to
/// `total`, and so do those of routes, or there are none with route tracking off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Connections in all.
    pub total: u64,
    /// Connections of hidden tabs.
    pub hidden: u64,
    /// New counts of versions; 0 means gone.
    pub versions: Vec<(Arc<str>, u64)>,
    /// New counts of routes; 0 means gone.
    pub routes: Vec<(Arc<str>, u64)>,
    /// New state of slots in the source's sample of connections; `None` means no longer in it.
    pub rows: Vec<(u32, Option<Row>)>,
}
