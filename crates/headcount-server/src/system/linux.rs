//! Linux.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// Whether the kernel spreads connections over listeners that share an address.
pub(crate) const SPREADS_CONNECTIONS: bool = true;

/// Unsent bytes the kernel keeps for a socket before it says that it takes no more. Without this it swallows a megabyte for
/// a reader that has stopped.
const UNSENT_BYTES: u32 = 16_384;

/// Bounds how long a peer may leave bytes unacknowledged, and how many bytes wait in the kernel.
pub(crate) fn bound(socket: &SockRef<'_>, silent: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(silent))?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)
}

/// How many file descriptors this process has open. The folder itself is one of those counted.
pub(crate) fn open_descriptors() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use headcount_core::limits::Limits;

    use super::*;

    #[test]
    fn a_connection_that_comes_before_the_server_is_tuned_too() {
        let listeners = crate::listen(([127, 0, 0, 1], 0).into(), 1, &Limits::default()).unwrap();
        let listener: &TcpListener = &listeners[0];
        let _waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let silent = SockRef::from(&accepted).tcp_user_timeout().unwrap();
        assert_eq!(silent, Some(Duration::from_millis(42_500)));
    }
}
