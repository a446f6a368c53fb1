//! The server as a value: start it, serve it or merge its router, and talk to it from anywhere in the app.

mod commands;
mod counts;
mod health;
mod listing;
mod tabs;
mod waves;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount_core::cluster::{EndedCookie, EndedTicket, SignOuts};
use headcount_core::protocol::admin::RefusalsAnswer;
use headcount_core::protocol::nodes::{NodesAnswer, NodesAsked};
use tokio::sync::mpsc;

use crate::assets::Served;
use crate::authorize::ended::Before;
use crate::authorize::ticket::Tickets;
use crate::bridge::Bridges;
use crate::error::{CommandError, Refusal};
use crate::everywhere::Everywhere;
use crate::guesses::Guesses;
use crate::head::Head;
use crate::history::KeptHistory;
use crate::hub::HubEvent;
use crate::hub::commander::Order;
#[cfg(feature = "metrics")]
use crate::metrics::{ClusterNumbers, Gauges};
use crate::metrics::{Count, Meters};
use crate::nodes::Nodes;
use crate::pages::LatestPages;
use crate::secrets::{Right, Secrets};
use crate::shard::{Handoff, Mail, Shards};
use crate::site::Site;
#[cfg(feature = "metrics")]
use crate::store::Condition;
use crate::store::Store;

pub use counts::ConnectionsQuery;

/// A running server. Cheap to clone. When the last clone is gone, its connections close at once; [`Headcount::shutdown`]
/// is kinder.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use headcount_server::{Config, Headcount};
///
/// let headcount = Headcount::builder(Config::default()).start().await?;
/// let app: axum::Router = axum::Router::new().merge(headcount.router());
/// assert_eq!(headcount.stats().await?.total, 0);
/// # drop(app);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Headcount(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) site: Arc<Site>,
    pub(crate) everywhere: Everywhere,
    pub(crate) hub: mpsc::Sender<HubEvent>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) bridges: Bridges,
    pub(crate) store: Arc<Store>,
    pub(crate) guesses: Arc<Guesses>,
    /// Taken by `serve`.
    pub(crate) handoffs: Mutex<Option<mpsc::Receiver<Handoff>>>,
    pub(crate) started: Instant,
    pub(crate) pages: LatestPages,
    /// `None` where no history is kept.
    pub(crate) history: Option<KeptHistory>,
    /// What `Builder::assets` gave, ready to be served.
    pub(crate) assets: Option<Served>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for shard in self.everywhere.shards.iter() {
            shard.force(Mail::Stop);
        }
    }
}

impl Headcount {
    /// Takes new secrets from now on, without closing any tab. Tickets and bridges that were had for a secret which no longer holds
    /// end. Whether there is an admin secret at all is settled at start. Where something is wrong with the new ones, says
    /// what, and keeps the old ones.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount, Secret, Secrets};
    ///
    /// let old = Secret::new("a-secret-of-the-first-year");
    /// let config = Config::default().with(|config| config.admin_secret = Some(old.clone()));
    /// let headcount = Headcount::builder(config).start().await?;
    /// let mut secrets = Secrets::default();
    /// secrets.admin = Some(Secret::new("a-secret-of-the-second-year"));
    /// // Scripts may show the old one until they have the new one.
    /// secrets.admin_previous = Some(old);
    /// headcount.change_secrets(secrets).await.map_err(|problems| problems.join("\n"))?;
    /// let problems = headcount.change_secrets(Secrets::default()).await.unwrap_err();
    /// assert!(problems[0].starts_with("`admin_secret` cannot be added or taken away"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn change_secrets(&self, secrets: Secrets) -> Result<(), Vec<String>> {
        let mut problems = secrets.problems();
        let site = self.site();
        if secrets.admin.is_some() != site.keyring.has(Right::Admin) {
            problems.push(
                "`admin_secret` cannot be added or taken away while the server runs: restart it".to_owned(),
            );
        }
        if site.config.authorize_bridge && secrets.admin.is_none() && secrets.bridge.is_none() {
            problems.push("`authorize_bridge` needs `bridge_secret` or `admin_secret`: keep one".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        secrets.warn_of_short();
        let marks = site.keyring.replace(secrets);
        self.bridges().end_all_but(&marks);
        if self.tickets().end_all_but(&marks) {
            self.recheck().await;
        }
        Ok(())
    }

    /// Connections that the server has room for: `limits.connections_max`, or what the file descriptors of this process
    /// leave room for.
    pub fn connections_max(&self) -> u32 {
        self.0.site.room.connections()
    }

    /// Whether new connections are accepted.
    pub fn is_ready(&self) -> bool {
        self.0.site.is_ready()
    }

    /// The nodes of the cluster that are there, this server too.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{CommandError, Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// match headcount.nodes().await {
    ///     Ok(cluster) => cluster.nodes.iter().for_each(|node| println!("{} has {} tabs", node.name, node.tabs)),
    ///     Err(CommandError::Off { setting }) => assert_eq!(setting, "cluster"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn nodes(&self) -> Result<NodesAnswer, CommandError> {
        let nodes = self.others().ok_or(CommandError::Off { setting: "cluster" })?;
        Ok(nodes.list().await?)
    }

    /// The release that is current now.
    pub fn current_release(&self) -> Arc<str> {
        self.0.site.current_release()
    }

    /// For how long the server has run.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.0.site
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn shards(&self) -> &Shards {
        &self.0.everywhere.shards
    }

    /// The other nodes; `None` without a cluster.
    pub(crate) fn others(&self) -> Option<&Nodes> {
        self.0.everywhere.nodes.as_ref()
    }

    pub(crate) fn everywhere(&self) -> &Everywhere {
        &self.0.everywhere
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    pub(crate) fn bridges(&self) -> &Bridges {
        &self.0.bridges
    }

    pub(crate) fn guesses(&self) -> &Arc<Guesses> {
        &self.0.guesses
    }

    /// Asks the authorizers again about every admission, now.
    pub(crate) async fn recheck(&self) {
        let _hub_gone = self.0.hub.send(HubEvent::Recheck).await;
    }

    /// Ends tickets, and cookies, `name=value` each: the authorizers are asked again, now, about the subscribers that they admitted. In a cluster
    /// at all nodes, and how many have answered that they did.
    pub(crate) async fn sign_out(&self, tickets: Vec<EndedTicket>, pairs: &[String]) -> Option<NodesAsked> {
        let ended = self.0.site.authorizers.ended();
        let ended: Vec<(u64, Before)> = pairs.iter().map(|pair| ended.end(pair)).collect();
        if ended.iter().any(|(_, before)| *before == Before::Admits) {
            let _hub_gone = self.0.hub.send(HubEvent::Ended).await;
        }
        let nodes = self.others()?.clone();
        let cookie = |(hash, before)| EndedCookie {
            hash,
            ended_ms: 0,
            admitted: before != Before::Nothing,
        };
        let told = SignOuts {
            tickets,
            cookies: ended.into_iter().map(cookie).collect(),
            ..SignOuts::default()
        };
        if told.is_empty() {
            return None;
        }
        let within_ms = self.everywhere().within_ms;
        // The others are told, whether or not the asker waits for it.
        let telling = tokio::spawn(async move { nodes.sign_out(told, within_ms).await });
        telling.await.ok()?.ok()
    }

    pub(crate) fn assets(&self) -> Option<&Served> {
        self.0.assets.as_ref()
    }

    /// Counts something that no shard saw.
    pub(crate) fn count(&self, count: Count) {
        if let Some(shard) = self.shards().get(0) {
            shard.meters.one(count);
        }
    }

    /// Takes in that a page of a foreign origin was turned away, and says how.
    pub(crate) fn refuse_origin(&self, head: &dyn Head) -> Refusal {
        self.count(Count::RefusedOrigin);
        self.0.site.refusals.note(head);
        Refusal::foreign_origin()
    }

    /// Pages that were turned away of late for their origin: those of others, or of the site behind a proxy that rewrites `Host`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use axum::body::Body;
    /// use axum::http::Request;
    /// use headcount_server::{Config, Headcount};
    /// use tower_service::Service as _;
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let request = Request::get("/__skew/health")
    ///     .header("host", "shop.example")
    ///     .header("origin", "https://elsewhere.example")
    ///     .body(Body::empty())?;
    /// assert_eq!(headcount.client_router().call(request).await?.status(), 403);
    /// let refused = &headcount.refusals().refusals[0];
    /// assert_eq!((&*refused.origin, &*refused.host), ("https://elsewhere.example", "shop.example"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn refusals(&self) -> RefusalsAnswer {
        let mut answer = RefusalsAnswer::default();
        answer.refusals = self.0.site.refusals.list();
        answer
    }

    pub(crate) fn meters(&self) -> Vec<Arc<Meters>> {
        self.0
            .everywhere
            .shards
            .iter()
            .map(|shard| &shard.meters)
            .chain([self.0.store.meters()])
            .map(Arc::clone)
            .collect()
    }

    /// What this node counts about its cluster, as of the last second. `None` without a cluster.
    #[cfg(feature = "metrics")]
    pub(crate) fn cluster_numbers(&self) -> Option<ClusterNumbers> {
        self.0.everywhere.nodes.as_ref().map(Nodes::numbers)
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn gauges(&self) -> Gauges {
        use std::sync::atomic::Ordering;

        let subscribers = self
            .0
            .everywhere
            .shards
            .iter()
            .map(|shard| shard.signals.subscribers.load(Ordering::Relaxed) as u64)
            .sum();
        Gauges {
            connections: self.0.site.census.open().into(),
            current_connections: None,
            connections_max: self.0.site.room.connections().into(),
            http_connections: self.0.site.http_connections.load(Ordering::Relaxed).into(),
            subscribers,
            rules: self.0.site.standing().rules().count() as u64,
            bridges: self.0.bridges.count() as u64,
            ready: self.is_ready(),
            store: self.0.store.condition() == Condition::Works,
            history_store: self.0.store.history_condition() == Condition::Works,
        }
    }
}
