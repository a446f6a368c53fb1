//! What happens to connections, for readers outside.

use std::sync::Arc;

use crate::connection::ConnectionKey;
use crate::stats::Row;

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub fn slot(&self) -> u32 {
        match self {
            Self::Opened(row) => row.key.slot,
            Self::Moved { key, .. } | Self::Closed(key) => key.slot,
        }
    }
}

/// What a reader is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// What is open, then each that opens.
    pub opens: bool,
    /// Navigations.
    pub moves: bool,
    /// Ends.
    pub closes: bool,
}

impl Wants {
    /// Whether there is nothing to tell.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Whether the reader is told this.
    pub fn has(self, happening: &Happening) -> bool {
        match happening {
            Happening::Opened(_) => self.opens,
            Happening::Moved { .. } => self.moves,
            Happening::Closed(_) => self.closes,
        }
    }
}
