//! What happens to connections, for readers outside.

use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::stats::Row;

/// Something that happened to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Opened(Row),
    Moved { key: ConnectionKey, route: Arc<str> },
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
