//! The server half of WebSocket ([RFC 6455]), without I/O: bytes in, events out; values in, bytes out.
//!
//! [`Decoder`] takes the bytes that a read returned. A message that is complete in those bytes, as nearly every message
//! of a tab is, is unmasked in place and handed over as a borrow: nothing is allocated or copied. Only a message that
//! is cut, by fragments or by the end of a read, is kept, and only until it is complete; so a decoder at rest is one
//! null pointer. The decoder is strict wherever the Autobahn test suite is strict.
//!
//! Deliberately absent: extensions (so every RSV bit is an error), the client's half, a send queue, timers and the
//! closing sequence. Those belong to the owner of the socket.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

mod close;
mod decode;
mod encode;
mod frame;
mod handshake;
mod message;
mod violation;

pub use close::{CloseCode, Return};
pub use decode::{Decoder, Event, Flow};
pub use encode::{close, frame, header, ping, pong, text};
pub use frame::Opcode;
pub use handshake::accept_key;
pub use violation::Violation;

#[cfg(test)]
mod tests;
