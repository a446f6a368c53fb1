//! Shards of a server, over real sockets.

mod deliveries;
mod farewells;
