//! The listener, and a thread for each connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::connection;

/// An echo server on a port of the system's choice. Dropping it closes the listener; connections end by themselves.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Echo {
    /// Listens on loopback.
    ///
    /// # Errors
    ///
    /// The error of the system if there is no port or thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let acceptor = thread::Builder::new().spawn(move || accept(&listener, &flag))?;
        Ok(Self {
            address,
            stopped,
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the acceptor, which looks at the flag.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _panicked = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, stopped: &AtomicBool) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        // A connection that breaks is its client's own affair: the client sees it, and judges.
        let _no_thread = thread::Builder::new().spawn(move || connection::serve(stream));
    }
}
