//! A server in this process, behind any of the doors.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
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

pub(crate) struct Server {
    pub(crate) headcount: Headcount,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
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

    /// With what the test adds.
    pub(crate) fn build(door: Door, config: Config, finish: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let builder = finish(Headcount::builder(config));
        let headcount = runtime.block_on(builder.start()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _dropped = stopped.await;
        };
        let served = runtime.spawn(serve(door, headcount.clone(), listener, stopped));
        Self {
            headcount,
            address,
            stop: Some(stop),
            served: Some(served),
            runtime,
        }
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) fn join(&mut self) {
        if let Some(served) = self.served.take() {
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

    /// The value of a metric, such as `headcount_refused_total{kind="full"}`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = ask(self.address, &Ask::get("/metrics")).body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
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
