//! Accepting sockets and handing them to shards in turn.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use socket2::SockRef;

use headcount_core::limits::Limits;

use crate::metrics::Count;
use crate::shard::{Command, Shards};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);

/// How long to wait when the process has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Unsent bytes the kernel keeps for a socket before it says that it takes no more. Without this it swallows a megabyte for
/// a reader that has stopped.
const UNSENT_BYTES: u32 = 16_384;

/// Sets on a listener what its sockets then inherit: no delay for small messages; an end for peers that are gone without a
/// word, `liveness_ms` less `keepalive_ms` after something was sent to them; little buffering for readers that have
/// stopped. [`crate::Headcount::serve`] does this by itself; do it where an app of your own accepts.
pub fn tune_listener(listener: &TcpListener, limits: &Limits) -> std::io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    let silent_ms = limits.liveness_ms.saturating_sub(limits.keepalive_ms).max(1_000);
    socket.set_tcp_user_timeout(Some(Duration::from_millis(silent_ms.into())))?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)
}

/// A thread that accepts.
#[derive(Debug)]
pub(crate) struct Acceptor {
    waker: Arc<Waker>,
    thread: std::thread::JoinHandle<()>,
}

impl Acceptor {
    /// Starts accepting on `listener`.
    pub(crate) fn start(listener: TcpListener, shards: Shards) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let thread = std::thread::Builder::new()
            .name("headcount-accept".to_owned())
            .spawn(move || run(poll, &listener, &shards))?;
        Ok(Self { waker, thread })
    }

    /// Stops accepting and closes the listener. What the kernel had accepted meanwhile is refused.
    pub(crate) fn stop(self) {
        if self.waker.wake().is_ok() {
            let _panicked = self.thread.join();
        }
    }
}

fn run(mut poll: Poll, listener: &mio::net::TcpListener, shards: &Shards) {
    let mut events = Events::with_capacity(16);
    let mut wait = None;
    loop {
        if let Err(error) = poll.poll(&mut events, wait)
            && error.kind() != ErrorKind::Interrupted
        {
            tracing::error!(%error, "the listener cannot be waited for; no further connections are accepted");
            return;
        }
        if events.iter().any(|event| event.token() == WAKER) {
            return;
        }
        wait = accept_all(listener, shards);
    }
}

/// Accepts what is there. How long to wait before trying again, if not for the listener.
fn accept_all(listener: &mio::net::TcpListener, shards: &Shards) -> Option<Duration> {
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let shard = shards.for_new(None);
                if shard.offer(Command::Accept { stream, peer }).is_err() {
                    shard.meters.one(Count::CommandDropped);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            // The peer was gone before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                ) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted; trying again shortly");
                return Some(EXHAUSTED);
            }
        }
    }
}
