//! Between the command line and the server library: binds the address, starts the server, says where it listens.
//!
//! `serve` and `demo` differ in their configuration and in the site beside our own endpoints; from there on both run here.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use headcount_server::config::Config;
use headcount_server::{Builder, ClusterOptions, Headcount, clock, with_sources};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::{assets, output};

/// A server that has started and does not listen yet.
#[derive(Clone, Debug)]
pub(crate) struct Server(Headcount);

/// What `serve` takes of the admin API's own address.
#[derive(Debug)]
pub(crate) enum AdminAddress {
    /// None is configured.
    None,
    /// It is ours.
    Taken(TcpListener, SocketAddr),
    /// A server that drains still has it.
    Awaited(SocketAddr),
}

impl Server {
    /// Starts a server that keeps its releases, rules and history in `data_dir`, or nowhere, alone or in a cluster.
    pub(crate) async fn start(
        config: Config,
        data_dir: Option<PathBuf>,
        cluster: Option<ClusterOptions>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let builder = with_faults(Headcount::builder(config), environment).assets(assets::embedded());
        let started = builder.data_dir(data_dir).cluster(cluster).start().await;
        started
            .map(Self)
            .map_err(|error| Failure::Server(with_sources(&error)))
    }

    /// The running server itself.
    pub(crate) fn headcount(&self) -> &Headcount {
        &self.0
    }

    /// Serves the admin API on its own address, from now until the process ends, also while streams are drained. The
    /// board is there too, with the client endpoints: the board's page may connect only to its own origin, and is a tab
    /// itself.
    pub(crate) fn serve_admin(&self, listener: TcpListener, with_board: bool) {
        let mut router = self.0.admin_router().merge(self.0.operations_router());
        if with_board {
            router = router.merge(self.0.board_router()).merge(self.0.client_router());
        }
        let router = router.fallback_service(Headcount::no_site());
        let headcount = self.0.clone();
        tokio::spawn(async move {
            if let Err(error) = headcount.serve_apart(listener, router).await {
                tracing::error!(error = with_sources(&error), "the admin API's listener failed");
            }
        });
    }

    /// As [`Server::serve_admin`], as soon as the server that drains has left the address.
    pub(crate) fn serve_admin_later(&self, address: SocketAddr, config: Config, with_board: bool) {
        let server = self.clone();
        tokio::spawn(async move {
            let listener = loop {
                match try_admin(address, &config) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse => {
                        tokio::time::sleep(HANDOVER_LOOK).await;
                    }
                    bound => break bound.map_err(|source| cannot_listen(address, ADMIN_LISTEN, source)),
                }
            };
            match listener {
                Ok((listener, _)) => {
                    server.serve_admin(listener, with_board);
                    tracing::info!("the admin API is on http://{address}");
                }
                Err(error) => tracing::error!(error = with_sources(&error), "the admin API has no address"),
            }
        });
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

/// With the faults that tests order, in builds that have any.
#[cfg(debug_assertions)]
fn with_faults(builder: Builder, environment: &Environment) -> Builder {
    let faults = headcount_server::faults::Faults::default();
    for fault in environment.faults().unwrap_or_default().split(',') {
        match fault.strip_prefix("clock=") {
            Some(shift_ms) => faults.clock(shift_ms.parse().unwrap_or_default()),
            None if fault == "routes" => faults.take_routes(),
            None => {}
        }
    }
    builder.faults(faults)
}

#[cfg(not(debug_assertions))]
fn with_faults(builder: Builder, _: &Environment) -> Builder {
    builder
}

/// How long a server that starts waits for the one before it to leave the address. That takes a moment after its drain began.
const HANDOVER: Duration = Duration::from_secs(2);
const HANDOVER_LOOK: Duration = Duration::from_millis(20);

const ADMIN_LISTEN: &str = "--admin-listen";

/// Takes `address`, with a listener for each of the server's threads. From here on connections wait in the system's queue
/// until they are served.
pub(crate) async fn listen(
    address: SocketAddr,
    config: &Config,
) -> Result<(Vec<TcpListener>, SocketAddr), Failure> {
    let until = clock::now() + HANDOVER;
    let listeners = loop {
        match headcount_server::listen(address, config.shards_count(), &config.limits) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && clock::now() < until => {
                tokio::time::sleep(HANDOVER_LOOK).await;
            }
            listeners => break listeners,
        }
    };
    let bound = listeners.and_then(|listeners| {
        let local = listeners.first().map_or(Ok(address), TcpListener::local_addr)?;
        Ok((listeners, local))
    });
    bound.map_err(|source| cannot_listen(address, "--listen", source))
}

/// Takes the admin API's own address, unless a server that drains has it until its end.
pub(crate) async fn listen_admin(
    address: Option<SocketAddr>,
    config: &Config,
) -> Result<AdminAddress, Failure> {
    let Some(address) = address else {
        return Ok(AdminAddress::None);
    };
    let until = clock::now() + HANDOVER;
    loop {
        match try_admin(address, config) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && clock::now() < until => {
                if drains(address).await {
                    return Ok(AdminAddress::Awaited(address));
                }
                tokio::time::sleep(HANDOVER_LOOK).await;
            }
            bound => {
                let bound = bound.map_err(|source| cannot_listen(address, ADMIN_LISTEN, source));
                return bound.map(|(listener, address)| AdminAddress::Taken(listener, address));
            }
        }
    }
}

fn try_admin(address: SocketAddr, config: &Config) -> io::Result<(TcpListener, SocketAddr)> {
    let mut listeners = headcount_server::listen(address, 1, &config.limits)?;
    let listener = listeners.pop().ok_or(ErrorKind::AddrNotAvailable)?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

/// Whether a headcount that drains answers at this address.
async fn drains(address: SocketAddr) -> bool {
    let ask = async {
        let mut socket = TcpStream::connect(address).await?;
        socket
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        socket.take(4_096).read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = tokio::time::timeout(HANDOVER, ask).await;
    matches!(answer, Ok(Ok(text)) if text.starts_with("HTTP/1.1 503 ") && text.ends_with("\r\n\r\ndraining\n"))
}

fn cannot_listen(address: SocketAddr, flag: &'static str, source: io::Error) -> Failure {
    Failure::Listen {
        address: address.to_string(),
        flag,
        source,
    }
}

/// Says where the board is, or how to get one; nothing where none is wanted. `address` is where the admin API is.
pub(crate) fn announce_board(address: SocketAddr, path: Option<&str>) {
    let Some(path) = path else { return };
    if assets::has_board() {
        let url = format!("http://{address}{path}/");
        output::notice(&format!("board on {url}"), &[("url", (*url).into())]);
    } else {
        output::notice(
            "no board in this binary: `cargo xtask build` makes one with it",
            &[],
        );
    }
}

/// Says where the server is, in a line that scripts can read.
pub(crate) fn announce(address: SocketAddr) {
    let url = format!("http://{address}");
    output::notice(&format!("listening on {url}"), &[("url", (*url).into())]);
}

/// Says where the admin API is, at a separate address, and from `when` on.
pub(crate) fn announce_admin(address: SocketAddr, when: &str) {
    let url = format!("http://{address}");
    output::notice(&format!("admin API on {url}{when}"), &[("url", (*url).into())]);
}

/// Says which paths the server has at its address. The admin API's is left out where that has a separate address.
pub(crate) fn announce_paths(base: &str, admin: Option<&str>) {
    match admin {
        Some(admin) => output::notice(
            &format!("  browsers connect at {base}, the admin API is at {admin}"),
            &[("base_path", base.into()), ("admin_path", admin.into())],
        ),
        None => output::notice(
            &format!("  browsers connect at {base}"),
            &[("base_path", base.into())],
        ),
    }
}
