//! Between the command line and the server library: binds the address, starts the server, says where it listens.
//!
//! `serve` and `demo` differ in their configuration and in the site beside our own endpoints; from there on both run here.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use axum::Router;
use headcount_server::config::Config;
use headcount_server::{Headcount, with_sources};

use crate::failure::Failure;
use crate::output;

/// Connections the system holds for us until we accept them. After a restart every tab of a site comes back at once; the
/// system lowers this to its own bound (`net.core.somaxconn`, 4,096 since Linux 5.4).
const BACKLOG: u32 = 4_096;

/// A server that was started and does not listen yet.
#[derive(Clone, Debug)]
pub(crate) struct Server(Headcount);

impl Server {
    /// Starts a server that keeps its releases and rules in `data_dir`, or nowhere.
    pub(crate) async fn start(config: Config, data_dir: Option<PathBuf>) -> Result<Self, Failure> {
        let started = Headcount::builder(config).data_dir(data_dir).start().await;
        started
            .map(Self)
            .map_err(|error| Failure::Server(with_sources(&error)))
    }

    /// The release that is current now.
    pub(crate) fn release(&self) -> String {
        self.0.current_release().to_string()
    }

    /// Serves `site` and our own endpoints on `listener` until `shutdown` resolves and the streams are drained.
    pub(crate) async fn serve(
        &self,
        listener: TcpListener,
        site: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let served = self.0.serve(listener, site, shutdown).await;
        served.map_err(|error| Failure::Server(with_sources(&error)))
    }
}

/// Takes `address`. From here on connections wait in the system's queue until they are served.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = bind(address).and_then(|listener| {
        let local = listener.local_addr()?;
        Ok((listener, local))
    });
    bound.map_err(|source| Failure::Listen {
        address: address.to_string(),
        source,
    })
}

/// Says where the server is, in a line that scripts can read.
pub(crate) fn announce(address: SocketAddr) {
    output::talk(&format!("listening on http://{address}"));
}

/// The listener does not block, as runtimes want it.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    // A server that restarts must not wait for the last connections of the one before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}
