//! The server as a value: start it, serve it or merge its router, and talk to it from anywhere in the app.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{
    ConnectionsAnswer, InvalidationAnswer, LiftAnswer, RefusalsAnswer, ReleaseEntry, StatsAnswer,
};
use headcount_core::protocol::convert::Invalidation;
use headcount_core::protocol::stats::{Form, row_answer};
use headcount_core::registry::Filter;
use headcount_core::version::VersionError;
use headcount_core::{route, version};
use tokio::sync::{mpsc, oneshot};

use crate::answers::within;
use crate::assets::Served;
use crate::authorize::Credentials;
use crate::authorize::ticket::Tickets;
use crate::bridge::Bridges;
use crate::error::{CommandError, Refusal};
use crate::guesses::Guesses;
use crate::head::Head;
use crate::history::KeptHistory;
use crate::hub::HubEvent;
use crate::hub::commander::Order;
use crate::mark::Mark;
use crate::metrics::{Count, Gauges, Meters};
use crate::pages::LatestPages;
use crate::secrets::{Right, Secrets};
use crate::shard::{Command, Handle, Handoff, Question, Shards};
use crate::site::Site;
use crate::store::{Condition, Store};
use crate::tab::{SendError, Tab};

/// Pages of shards' tables read for one page of a list.
const PAGE_READS_MAX: usize = 32;

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
    pub(crate) shards: Shards,
    pub(crate) hub: mpsc::Sender<HubEvent>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) bridges: Bridges,
    pub(crate) store: Arc<Store>,
    pub(crate) guesses: Arc<Guesses>,
    /// Taken by whoever serves.
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
        for shard in self.shards.iter() {
            shard.force(Command::Stop);
        }
    }
}

/// Which connections to list.
#[derive(Clone, Debug)]
pub struct ConnectionsQuery {
    /// Only this route.
    pub route: Option<String>,
    /// Only this version.
    pub version: Option<String>,
    /// Rows at the most.
    pub limit: usize,
    /// Where an earlier page ended: its `next`.
    pub cursor: Option<String>,
}

impl Headcount {
    /// Everything that is open, summed, at this moment.
    pub async fn stats(&self) -> Result<StatsAnswer, CommandError> {
        self.need_connections()?;
        let (reply, answer) = oneshot::channel();
        self.0
            .hub
            .send(HubEvent::Ask(reply))
            .await
            .map_err(|_| CommandError::Stopped)?;
        within(answer, self.patience()).await
    }

    /// A page of the open connections; `None` for a cursor that was never given out.
    pub async fn connections(
        &self,
        query: ConnectionsQuery,
    ) -> Result<Option<ConnectionsAnswer>, CommandError> {
        self.need_connections()?;
        let Some((mut shard, mut slot)) = cursor(query.cursor.as_deref()) else {
            return Ok(None);
        };
        let limits = &self.0.site.config.limits;
        let route = query.route.map(|route| {
            route::normalise(&route, limits.route_bytes_max.into())
                .map_or(route.clone(), std::borrow::Cow::into_owned)
        });
        let filter = Filter {
            route,
            version: query.version,
        };
        let mut answer = ConnectionsAnswer::default();
        for _ in 0..PAGE_READS_MAX {
            let Some(handle) = self.0.shards.get(shard) else {
                return Ok(Some(answer));
            };
            let max = query.limit - answer.connections.len();
            let (reply, page) = oneshot::channel();
            handle.force(Command::Ask(Question::Page {
                from: slot,
                max,
                filter: filter.clone(),
                reply,
            }));
            let page = within(page, self.patience()).await?;
            answer
                .connections
                .extend(page.rows.iter().map(|row| row_answer(row, &self.0.site.cipher)));
            (shard, slot) = page.next.map_or((shard + 1, 0), |next| (shard, next));
            if answer.connections.len() >= query.limit {
                break;
            }
        }
        answer.next = (shard < self.0.shards.iter().len()).then(|| format!("{shard}.{slot}"));
        Ok(Some(answer))
    }

    /// Announces a release: it is current from now on, every tab hears of it. On disk when this returns. Announcing what is
    /// current already changes nothing.
    pub async fn announce(&self, version: &str) -> Result<ReleaseEntry, CommandError> {
        let bytes_max = self.0.site.config.limits.version_bytes_max.into();
        let version = version::check_release(version, bytes_max)?.to_owned();
        self.order(|reply| Order::Announce { version, reply }).await
    }

    /// Lets a rule stand and tells the tabs that it concerns now. On disk when this returns.
    pub async fn invalidate(&self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        self.check_rule(&invalidation)?;
        self.order(|reply| Order::Invalidate { invalidation, reply })
            .await
    }

    /// Lifts a rule.
    pub async fn lift(&self, id: u32) -> Result<LiftAnswer, CommandError> {
        self.order(|reply| Order::Lift { id, reply }).await
    }

    /// A handle on the tab with this connection id, whether or not it is still open.
    pub fn tab(&self, connection_id: &str) -> Result<Tab, SendError> {
        let key = self
            .0
            .site
            .cipher
            .key(connection_id)
            .ok_or(SendError::NoSuchConnection)?;
        Ok(Tab {
            key,
            id: self.0.site.cipher.id(key),
            shards: self.0.shards.clone(),
        })
    }

    /// Takes new secrets from now on, without closing any tab. Tickets and bridges that were had for a secret which no longer holds
    /// end. Whether there is an admin secret at all is settled at start. Where something is wrong with the new ones, says
    /// what, and keeps the old ones.
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

    /// Connections there is room for: `limits.connections_max`, or what the file descriptors of this process leave room for.
    pub fn connections_max(&self) -> u32 {
        self.0.site.room.connections()
    }

    /// Whether new connections are taken.
    pub fn is_ready(&self) -> bool {
        self.0.site.is_ready()
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
        &self.0.shards
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

    /// Has every admission asked for anew, now.
    pub(crate) async fn recheck(&self) {
        let _hub_gone = self.0.hub.send(HubEvent::Recheck).await;
    }

    /// Takes cookies back, `name=value` each: admissions that they gave are asked for anew, now.
    pub(crate) async fn end_cookies(&self, pairs: &[String]) {
        let ended = self.0.site.authorizers.ended();
        // All of them, whatever one says.
        let admitted = pairs.iter().filter(|pair| ended.end(pair)).count();
        if admitted > 0 {
            let _hub_gone = self.0.hub.send(HubEvent::Ended).await;
        }
    }

    pub(crate) fn assets(&self) -> Option<&Served> {
        self.0.assets.as_ref()
    }

    /// Counts something that no shard saw.
    pub(crate) fn count(&self, count: Count) {
        if let Some(shard) = self.0.shards.get(0) {
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
    pub fn refusals(&self) -> RefusalsAnswer {
        RefusalsAnswer {
            refusals: self.0.site.refusals.list(),
        }
    }

    pub(crate) fn meters(&self) -> Vec<Arc<Meters>> {
        self.0
            .shards
            .iter()
            .map(|shard| &shard.meters)
            .chain([self.0.store.meters()])
            .map(Arc::clone)
            .collect()
    }

    pub(crate) fn gauges(&self) -> Gauges {
        let subscribers = self
            .0
            .shards
            .iter()
            .map(|shard| shard.signals.subscribers.load(Ordering::Relaxed) as u64)
            .sum();
        Gauges {
            connections: self.0.site.census.open().into(),
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

    /// Puts a connection on another page, soon. Whether there is such a connection, and the route is one.
    pub(crate) fn navigate(&self, connection_id: &str, route: &str) -> bool {
        let route_bytes_max = self.0.site.config.limits.route_bytes_max;
        let key = self.0.site.cipher.key(connection_id);
        key.is_some_and(|key| self.0.shards.post_route(key, route, route_bytes_max))
    }

    /// Hands a message, said by POST, to the connection it is of. Whether there is such a connection.
    pub(crate) fn say(&self, connection_id: &str, text: &str) -> Result<bool, Refusal> {
        let bytes_max = self.0.site.config.limits.message_bytes_max as usize;
        let found = self.find(connection_id).filter(|(key, shard)| shard.holds(*key));
        let Some((key, shard)) = found.filter(|_| text.len() <= bytes_max) else {
            return Ok(false);
        };
        let text = text.into();
        shard
            .offer(Command::Received { key, text })
            .map_err(|_| Refusal::overloaded())?;
        Ok(true)
    }

    pub(crate) fn subscribe(
        &self,
        connection_id: &str,
        form: Form,
        credentials: Option<Arc<Credentials>>,
        browser: Mark,
    ) -> Result<(), Refusal> {
        let Some((key, shard)) = self.find(connection_id) else {
            return Ok(());
        };
        shard
            .offer(Command::Subscribe {
                key,
                form,
                credentials,
                browser,
            })
            .map_err(|_| Refusal::overloaded())
    }

    fn find(&self, connection_id: &str) -> Option<(ConnectionKey, &Handle)> {
        let key = self.0.site.cipher.key(connection_id)?;
        Some((key, self.0.shards.of(key)?))
    }

    pub(crate) fn need_connections(&self) -> Result<(), CommandError> {
        if self.0.site.config.connection_tracking {
            Ok(())
        } else {
            Err(CommandError::Off {
                setting: "connection_tracking",
            })
        }
    }

    /// What a rule asks for must be there to be asked for.
    pub(crate) fn check_rule(&self, invalidation: &Invalidation) -> Result<(), CommandError> {
        if let Some(versions) = &invalidation.versions {
            let bytes_max = self.0.site.config.limits.version_bytes_max.into();
            versions.first().ok_or(VersionError::Empty)?;
            for version in versions {
                version::check(version, bytes_max)?;
            }
        }
        self.check_spread(invalidation)?;
        self.need_routes(invalidation)
    }

    /// A rule must stand for as long as its tabs are being told.
    fn check_spread(&self, invalidation: &Invalidation) -> Result<(), CommandError> {
        let seconds = invalidation
            .seconds
            .unwrap_or(self.0.site.config.limits.rule_seconds);
        let most_ms = Limits::SPREAD_MS_MAX.min(seconds.saturating_mul(1_000));
        match invalidation.spread_ms {
            Some(spread_ms) if spread_ms > most_ms => Err(CommandError::Spread { most_ms }),
            _ => Ok(()),
        }
    }

    fn need_routes(&self, invalidation: &Invalidation) -> Result<(), CommandError> {
        if self.0.site.config.route_tracking || invalidation.concerns_every_route() {
            Ok(())
        } else {
            Err(CommandError::Off {
                setting: "route_tracking",
            })
        }
    }

    pub(crate) async fn order<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, CommandError>>) -> Order,
    ) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .orders
            .send(make(reply))
            .await
            .map_err(|_| CommandError::Stopped)?;
        answer.await.map_err(|_| CommandError::Stopped)?
    }
}

/// Reads a cursor: a shard and a slot. None at all begins at the beginning.
fn cursor(text: Option<&str>) -> Option<(usize, u32)> {
    let Some(text) = text else { return Some((0, 0)) };
    let (shard, slot) = text.split_once('.')?;
    Some((shard.parse().ok()?, slot.parse().ok()?))
}
