//! headcount's WebSocket framing as an echo server, so that what judges WebSocket servers can judge it.
//!
//! The Autobahn test suite expects an echo, which headcount itself does not send. [`Echo`] is the thinnest possible
//! socket around [`headcount_core::websocket`]: a blocking thread for each connection, which passes the bytes of a read
//! to the decoder and writes the messages back. So the suite checks the framing that shards use, byte for byte; this
//! package's tests check on the server itself how a shard closes.
//!
//! Invariants: a connection ends after the first close, violation or silence of [`SILENCE`]; after its last frame it says
//! nothing and waits for the client to hang up, so that no reset overtakes the close frame. Deliberately absent:
//! TLS, extensions, subprotocols, a limit on connections. It listens on loopback only.

mod connection;
mod echo;
mod handshake;

pub use connection::{MESSAGE_BYTES_MAX, SILENCE};
pub use echo::Echo;
