//! The numbers of requests.

/// The number of something that a node asks of others: unique for that node, and increasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);
