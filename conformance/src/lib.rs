//! headcount's WebSocket framing as an echo server, so that what judges WebSocket servers can judge it.
//!
//! headcount itself answers no message with the same message, and the Autobahn test suite expects just that. [`Echo`] is the
//! thinnest socket that can be put around [`headcount_core::websocket`]: a blocking thread for each connection, which feeds
//! the decoder what a read returned and writes back what came out. Whatever is judged here is therefore the framing that
//! shards use, byte for byte; how a shard closes is judged on the server itself, by this package's tests.
//!
//! Invariants: a connection ends after the first close, violation or silence of [`SILENCE`]; after its last frame it says
//! nothing and waits for the client to hang up, so that no reset overtakes the close frame. Deliberately absent:
//! TLS, extensions, subprotocols, a limit on connections. It listens on loopback only.

mod connection;
mod echo;
mod handshake;

pub use connection::{MESSAGE_BYTES_MAX, SILENCE};
pub use echo::Echo;
