//! Listeners: one for each shard, so that the kernel spreads connections over them.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use headcount_core::limits::Limits;
use socket2::{Domain, SockRef, Socket, Type};

use crate::system;

/// Connections the system holds for us until we accept them. After a restart every tab of a site comes back at once; the
/// system lowers this to its own bound (`net.core.somaxconn`, 4,096 since Linux 5.4).
const BACKLOG: i32 = 4_096;

/// Takes `address` with `count` listeners that share it, for [`crate::Headcount::serve`]: one for each shard is best. With
/// port 0 all get the same free port. They are tuned as by [`tune_listener`] before the first connection comes, so that
/// this includes connections that wait for the server to start. Fails if another socket listens there already. Where the
/// system does not spread connections over listeners, as on macOS, there is one.
///
/// ```
/// use headcount_server::{Limits, listen};
///
/// let listeners = listen("127.0.0.1:0".parse()?, 2, &Limits::default())?;
/// let port = listeners[0].local_addr()?.port();
/// for listener in &listeners {
///     assert_eq!(listener.local_addr()?.port(), port);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn listen(address: SocketAddr, count: usize, limits: &Limits) -> std::io::Result<Vec<TcpListener>> {
    // Sharing is allowed to every process of this user, so two servers would silently split the connections. A listener
    // that does not share finds the other one out.
    let probe = socket(address)?;
    probe.bind(&address.into())?;
    probe.listen(1)?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    let count = if system::SPREADS_CONNECTIONS {
        count.max(1)
    } else {
        1
    };
    (0..count)
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
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // A server that restarts must not wait for the last connections of the one before it.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Sets on a listener what its sockets then inherit: no delay for small messages; an end for peers that are gone without a
/// word, so that with a keepalive every `keepalive_ms` they are found within `liveness_ms`; little buffering for readers that
/// have stopped. [`listen`] and [`crate::Headcount::serve`] do this by themselves; do it where an app of your own accepts. An error is one of the
/// system.
///
/// ```
/// use std::net::TcpListener;
///
/// use headcount_server::{Limits, tune_listener};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// tune_listener(&listener, &Limits::default())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn tune_listener(listener: &TcpListener, limits: &Limits) -> std::io::Result<()> {
    tune(&SockRef::from(listener), limits)
}

fn tune(socket: &SockRef<'_>, limits: &Limits) -> std::io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    system::bound(socket, Duration::from_millis(limits.silent_ms().into()))
}
