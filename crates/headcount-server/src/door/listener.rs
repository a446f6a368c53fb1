//! Listeners: one for each shard, so that the kernel spreads connections over them.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use headcount_core::limits::Limits;
use socket2::{Domain, SockRef, Socket, Type};

/// Unsent bytes the kernel keeps for a socket before it says that it takes no more. Without this it swallows a megabyte for
/// a reader that has stopped.
const UNSENT_BYTES: u32 = 16_384;

/// Connections the system holds for us until we accept them. After a restart every tab of a site comes back at once; the
/// system lowers this to its own bound (`net.core.somaxconn`, 4,096 since Linux 5.4).
const BACKLOG: i32 = 4_096;

/// Takes `address` with `count` listeners that share it, for [`crate::Headcount::serve`]: one for each shard is best. With
/// port 0 all get the same free port. They are tuned as by [`tune_listener`] before the first connection comes, so that those
/// that wait for the server to start are no exception. Fails where anyone listens there already.
pub fn listen(address: SocketAddr, count: usize, limits: &Limits) -> std::io::Result<Vec<TcpListener>> {
    // Sharing is allowed to every process of this user, so two servers would silently split the connections. A listener
    // that does not share finds the other one out.
    let probe = socket(address)?;
    probe.bind(&address.into())?;
    probe.listen(1)?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    (0..count.max(1))
        .map(|_| {
            let socket = socket(address)?;
            socket.set_reuse_port(count > 1)?;
            tune(&SockRef::from(&socket), limits)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

fn socket(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    // A server that restarts must not wait for the last connections of the one before it.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Sets on a listener what its sockets then inherit: no delay for small messages; an end for peers that are gone without a
/// word, so that with a keepalive every `keepalive_ms` they are found within `liveness_ms`; little buffering for readers that
/// have stopped. [`listen`] and [`crate::Headcount::serve`] do this by themselves; do it where an app of your own accepts.
pub fn tune_listener(listener: &TcpListener, limits: &Limits) -> std::io::Result<()> {
    tune(&SockRef::from(listener), limits)
}

fn tune(socket: &SockRef<'_>, limits: &Limits) -> std::io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(limits.silent_ms().into())))?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_connection_that_comes_before_the_server_is_tuned_too() {
        let listeners = listen(([127, 0, 0, 1], 0).into(), 1, &Limits::default()).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let _waiting = TcpStream::connect(address).unwrap();
        listeners[0].set_nonblocking(false).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        let silent = SockRef::from(&accepted).tcp_user_timeout().unwrap();
        assert_eq!(silent, Some(Duration::from_millis(42_500)));
    }
}
