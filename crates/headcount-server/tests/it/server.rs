//! A server in this process, behind any of the doors.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use futures_util::future::join_all;
use headcount_server::Limits;
use headcount_server::admin::StatsAnswer;
use headcount_server::authorize::closure::closure;
use headcount_server::authorize::{AuthorizeRequest, Authorizer, Reads};
use headcount_server::head::cookie;
use headcount_server::{Builder, Config, Headcount, Secret};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Ask, ask, eventually};
use crate::front::round_robin;
use crate::nodes;

pub(crate) const SECRET: &str = "correct horse battery staple";

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Our own listener.
    Own,
    /// `axum::serve`, as an embedding app has it.
    Axum,
    /// hyper over a stream that is not a plain socket, as under TLS.
    Wrapped,
}

/// One server, or several nodes of one cluster behind one address: see [`nodes`].
pub(crate) struct Server {
    /// One of the nodes.
    pub(crate) headcount: Headcount,
    pub(crate) address: SocketAddr,
    /// Of each node.
    addresses: Vec<SocketAddr>,
    stop: Vec<oneshot::Sender<()>>,
    served: Vec<JoinHandle<()>>,
    pub(crate) runtime: Runtime,
}

/// A configuration for tests: two shards, a release, a secret.
pub(crate) fn config() -> Config {
    Config::default().with(|config| {
        config.release = Some("v1".to_owned());
        config.admin_secret = Some(Secret::new(SECRET));
        config.shards = 2;
        // Tests see what tabs were told at once. Those of the spread ask for one.
        config.limits = Limits::default().with(|limits| limits.spread_ms = 0);
    })
}

/// Admits browsers with the cookie `sid=admin`.
pub(crate) fn admins() -> impl Authorizer {
    closure(Reads::cookie("sid"), |request: AuthorizeRequest| async move {
        cookie(&*request.credentials, "sid") == Some("admin")
    })
}

impl Server {
    /// Behind our own listener, with [`admins`].
    pub(crate) fn start(config: Config) -> Self {
        Self::build(Door::Own, config, |builder| builder.authorizer(admins()))
    }

    /// With what the test adds to each node.
    pub(crate) fn build(door: Door, config: Config, finish: impl Fn(Builder) -> Builder) -> Self {
        Self::on_disk(None, door, config, finish)
    }

    /// As [`Server::build`], with a store in this directory.
    pub(crate) fn on_disk(
        directory: Option<&Path>,
        door: Door,
        config: Config,
        finish: impl Fn(Builder) -> Builder,
    ) -> Self {
        if *nodes::COUNT == 1 {
            return Self::run(
                door,
                vec![finish(Headcount::builder(config)).data_dir(directory.map(Path::to_owned))],
            );
        }
        let cluster = nodes::cluster(directory);
        let node = |number: usize| {
            let directory = directory.map(|directory| match number {
                0 => directory.to_owned(),
                _ => directory.join(format!("node-{number}")),
            });
            finish(Headcount::builder(config.clone()))
                .data_dir(directory)
                .cluster(Some(cluster.clone()))
        };
        Self::run(door, (0..*nodes::COUNT).map(node).collect())
    }

    /// One server, of whatever cluster.
    pub(crate) fn one(door: Door, builder: Builder) -> Self {
        Self::run(door, vec![builder])
    }

    fn run(door: Door, builders: Vec<Builder>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let starting = join_all(builders.into_iter().map(Builder::start));
        let started: Vec<_> = runtime
            .block_on(starting)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let mut server = Self {
            headcount: started[0].clone(),
            address: ([0, 0, 0, 0], 0).into(),
            addresses: Vec::new(),
            stop: Vec::new(),
            served: Vec::new(),
            runtime,
        };
        for headcount in &started {
            server.serve(door, headcount.clone());
        }
        server.address = server.addresses[0];
        if started.len() > 1 {
            nodes::await_each_other(&server.runtime, &started);
            server.stand_behind_one_address();
        }
        server
    }

    fn serve(&mut self, door: Door, headcount: Headcount) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.addresses.push(listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _dropped = stopped.await;
        };
        let served = self.runtime.spawn(serve(door, headcount, listener, stopped));
        self.stop.push(stop);
        self.served.push(served);
    }

    fn stand_behind_one_address(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let front = round_robin(listener, self.addresses.clone());
        let served = async {
            tokio::select! {
                () = front => {}
                _ = stopped => {}
            }
        };
        self.served.push(self.runtime.spawn(served));
        self.stop.push(stop);
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.clear();
    }

    /// Waits until it has stopped.
    pub(crate) fn join(&mut self) {
        for served in self.served.drain(..) {
            self.runtime.block_on(served).unwrap();
        }
    }

    pub(crate) fn stats(&self) -> StatsAnswer {
        self.runtime.block_on(self.headcount.stats()).unwrap()
    }

    /// Waits until the stats are so.
    pub(crate) fn await_stats(&self, what: &str, mut so: impl FnMut(&StatsAnswer) -> bool) -> StatsAnswer {
        eventually(what, || Some(self.stats()).filter(&mut so))
    }

    pub(crate) fn await_total(&self, total: u64) {
        self.await_stats(&format!("{total} open"), |stats| stats.total == total);
    }

    pub(crate) fn await_route(&self, route: &str, tabs: u64) {
        self.await_stats(&format!("{tabs} on {route}"), |stats| {
            stats.routes.get(route).copied().unwrap_or_default() == tabs
        });
    }

    /// Sends `{"type": "marker"}` to a tab: what it reads before that came before.
    pub(crate) fn mark(&self, id: &str) {
        self.headcount
            .tab(id)
            .unwrap()
            .send(&json!({"type": "marker"}))
            .unwrap();
    }

    /// One request to the admin API, with its secret.
    pub(crate) fn admin(&self, request: Ask) -> Answer {
        ask(self.address, &request.bearer(SECRET))
    }

    /// What each node answers to a request to the admin API.
    pub(crate) fn admin_of_each(&self, request: &Ask) -> Vec<Answer> {
        let request = request.clone().bearer(SECRET);
        self.addresses
            .iter()
            .map(|address| ask(*address, &request))
            .collect()
    }

    /// Lets a rule stand.
    pub(crate) fn invalidate(&self, body: &Value) -> Value {
        let answer = self.admin(Ask::post("/api/admin/invalidations", &body));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(crate) fn release(&self, version: &str) -> Value {
        let answer = self.admin(Ask::post("/api/admin/releases", &json!({"version": version})));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The value of a metric, such as `headcount_refused_total{kind="full"}`: the sum of all nodes.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let of_node = |address: &SocketAddr| -> u64 {
            let text = ask(*address, &Ask::get("/metrics")).body;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} in {text}"))
                .parse()
                .unwrap()
        };
        self.addresses.iter().map(of_node).sum()
    }
}

async fn serve(
    door: Door,
    headcount: Headcount,
    listener: TcpListener,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    if door == Door::Own {
        headcount.serve(listener, Router::new(), stopped).await.unwrap();
        return;
    }
    let router = headcount.router();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    match door {
        Door::Axum => {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            tokio::select! {
                served = axum::serve(listener, service) => served.unwrap(),
                () = stopped => headcount.shutdown().await,
            }
        }
        Door::Own | Door::Wrapped => {
            tokio::select! {
                () = serve_wrapped(listener, router) => {}
                () = stopped => headcount.shutdown().await,
            }
        }
    }
}

/// hyper over halves joined again: nothing that could be taken apart into a socket.
async fn serve_wrapped(listener: tokio::net::TcpListener, router: Router) {
    let builder = Arc::new(auto::Builder::new(TokioExecutor::new()));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, write) = stream.into_split();
        let (builder, router) = (Arc::clone(&builder), router.clone());
        tokio::spawn(async move {
            let io = TokioIo::new(tokio::io::join(read, write));
            let service = TowerToHyperService::new(router);
            let _ended_early = builder.serve_connection_with_upgrades(io, service).await;
        });
    }
}
