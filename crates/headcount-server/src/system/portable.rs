//! Any Unix system.
//!
//! Here one listener serves all shards: what it accepts is handed round. A peer that is gone without a word, and is sent something, is found when
//! the system itself gives up on it, or when it owes a sign of life and gives none.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// Whether the kernel spreads connections over listeners that share an address. BSD gives all of them to one.
pub(crate) const SPREADS_CONNECTIONS: bool = false;

/// Bytes that wait in the kernel for one socket.
const SEND_BUFFER_BYTES: usize = 65_536;

/// Bounds how many bytes wait in the kernel. There is no common way to bound for how long.
pub(crate) fn bound(socket: &SockRef<'_>, _silent: Duration) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)
}

/// The system does not tell.
pub(crate) fn open_descriptors() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use headcount_core::limits::Limits;

    #[test]
    fn one_listener_serves_all_shards() {
        let listeners = crate::listen(([127, 0, 0, 1], 0).into(), 4, &Limits::default()).unwrap();
        assert_eq!(listeners.len(), 1);
    }
}
