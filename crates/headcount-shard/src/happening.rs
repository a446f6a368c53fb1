//! What happens to connections, for readers outside.

use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::stats::Row;

/// Something that happened to a connection.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of a variant name its fields")]
pub enum Happening {
    /// It opened.
    Opened(Row),
    /// It is on another page.
    Moved { key: ConnectionKey, route: Arc<str> },
    /// It ended.
    Closed(ConnectionKey),
}

impl Happening {
    /// Where the connection is or was held.
    pub(super) fn slot(&self) -> u32 {
        match self {
            Self::Opened(row) => row.key.slot,
            Self::Moved { key, .. } | Self::Closed(key) => key.slot,
        }
    }
}
