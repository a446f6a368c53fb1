//! What a node passes on for a connection of another node.
//!
//! A client may send its requests to any node. Its connection id says which node holds the connection.

use std::sync::Arc;

use bytes::Bytes;

use crate::connection::ConnectionKey;
use crate::stats::Form;

/// Something that the node of a connection shall do for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Where the node holds the connection.
    pub connection: ConnectionKey,
    /// What it shall do.
    pub errand: Errand,
}

/// What a node shall do for one of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Its tab shows another route: this one, as the tab said it.
    Navigate(Arc<str>),
    /// Its tab sent a message with this text.
    Say(Arc<str>),
    /// Its tab gave a sign of life.
    Alive,
    /// Its browser subscribes to stats.
    Subscribe {
        /// In which form.
        form: Form,
        /// What the node's authorizer must know of the browser, as servers write it for each other.
        credentials: Bytes,
    },
    /// The app sends a message with this text to its tab.
    Send(Arc<str>),
    /// Something that this version does not know.
    Unknown,
}

/// What became of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayOutcome {
    /// The connection is open, and took it.
    Taken,
    /// The connection is not open, or did not take it.
    NotTaken,
    /// The node is not there: its connections are closed, or cannot be reached.
    Gone,
    /// The node did not answer in time. It may have done it.
    Late,
}
