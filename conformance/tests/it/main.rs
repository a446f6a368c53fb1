//! WebSockets over real sockets: the framing behind an echo, and the server behind each of its doors.
//!
//! The Autobahn test suite asks more, but needs a Python that few machines have. These are its groups 1 to 7, 9 and 10 as far
//! as they can go wrong between a socket and the decoder; what the decoder makes of bytes alone stands in
//! `protocol/vectors/websocket.json`. Names begin with the number of the suite's nearest case or group.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, and clippy knows only functions marked so"
)]

mod case;
mod client;
mod door;
mod echo;
mod endings;
mod exchanges;
