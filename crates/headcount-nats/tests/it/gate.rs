//! A way to the broker that can be cut, in both directions or in one.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// What clients say; what the broker says is lost.
    ToBroker,
    /// Nothing. Connections are closed.
    Closed,
}

/// The way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    way: Arc<watch::Sender<Way>>,
    listening: JoinHandle<()>,
}

impl Gate {
    pub(crate) async fn before(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let seen = Arc::clone(&way);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *seen.borrow() == Way::Closed {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", broker)).await {
                    let ((from_client, to_client), (from_broker, to_broker)) =
                        (client.into_split(), server.into_split());
                    tokio::spawn(carry(from_client, to_broker, seen.subscribe(), Way::Closed));
                    tokio::spawn(carry(from_broker, to_client, seen.subscribe(), Way::ToBroker));
                }
            }
        });
        Self { port, way, listening }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.listening.abort();
        self.way.send_replace(Way::Closed);
    }
}

/// Carries bytes until the way is closed. While it is `lossy`, they are lost.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>, lossy: Way) {
    let mut buffer = vec![0; 65_536];
    loop {
        let bytes = tokio::select! {
            closed = way.wait_for(|way| *way == Way::Closed) => {
                drop(closed);
                return;
            }
            bytes = from.read(&mut buffer) => match bytes {
                Ok(bytes) if bytes > 0 => bytes,
                _ => return,
            },
        };
        if *way.borrow() == lossy {
            continue;
        }
        if to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
