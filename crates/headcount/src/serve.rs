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
use crate::{assets, output};

/// A server that was started and does not listen yet.
#[derive(Clone, Debug)]
pub(crate) struct Server(Headcount);

impl Server {
    /// Starts a server that keeps its releases, rules and history in `data_dir`, or nowhere.
    pub(crate) async fn start(config: Config, data_dir: Option<PathBuf>) -> Result<Self, Failure> {
        let builder = Headcount::builder(config).assets(assets::embedded());
        let started = builder.data_dir(data_dir).start().await;
        started
            .map(Self)
            .map_err(|error| Failure::Server(with_sources(&error)))
    }

    /// The running server itself.
    pub(crate) fn headcount(&self) -> &Headcount {
        &self.0
    }

    /// Serves the admin API on an address of its own, from now until the process ends: also while streams are drained. With a
    /// board that is there too, and so are the client endpoints: the board's page may ask its own origin only and is a tab.
    pub(crate) fn serve_admin(&self, listener: TcpListener, with_board: bool) -> Result<(), Failure> {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Failure::Runtime)?;
        let mut router = self.0.admin_router().merge(self.0.operations_router());
        if with_board {
            router = router.merge(self.0.board_router()).merge(self.0.client_router());
        }
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "the admin API's listener failed");
            }
        });
        Ok(())
    }

    /// Serves `site` and our own endpoints on `listeners` until `shutdown` resolves and the streams are drained.
    pub(crate) async fn serve(
        &self,
        listeners: Vec<TcpListener>,
        site: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let served = self.0.serve_all(listeners, site, shutdown).await;
        served.map_err(|error| Failure::Server(with_sources(&error)))
    }
}

/// Takes `address`, with a listener for each of the server's threads. From here on connections wait in the system's queue
/// until they are served.
pub(crate) fn listen(
    address: SocketAddr,
    config: &Config,
) -> Result<(Vec<TcpListener>, SocketAddr), Failure> {
    let bound =
        headcount_server::listen(address, config.shards_count(), &config.limits).and_then(|listeners| {
            let local = listeners.first().map_or(Ok(address), TcpListener::local_addr)?;
            Ok((listeners, local))
        });
    bound.map_err(|source| Failure::Listen {
        address: address.to_string(),
        source,
    })
}

/// Takes the admin API's own address.
pub(crate) fn listen_admin(
    address: SocketAddr,
    config: &Config,
) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = headcount_server::listen(address, 1, &config.limits).and_then(|mut listeners| {
        let listener = listeners.pop().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    });
    bound.map_err(|source| Failure::Listen {
        address: address.to_string(),
        source,
    })
}

/// Says where the board is, or how to get one; nothing where none is wanted. `address` is where the admin API is.
pub(crate) fn announce_board(address: SocketAddr, path: Option<&str>) {
    let Some(path) = path else { return };
    if assets::has_board() {
        output::talk(&format!("board on http://{address}{path}/"));
    } else {
        output::talk("no board in this binary: `cargo xtask build` makes one with it");
    }
}

/// Says where the server is, in a line that scripts can read.
pub(crate) fn announce(address: SocketAddr) {
    output::talk(&format!("listening on http://{address}"));
}
