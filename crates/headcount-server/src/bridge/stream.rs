//! One bridge: what shards, other nodes and authorizers have to say, as lines of JSON.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::protocol::bridge::BridgeLine;
use headcount_core::stats::Row;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::cluster::Elsewhere;
use super::question::AppQuestion;
use super::tap::{OpenTap, Told, Ways};
use super::{BridgeOptions, Membership};
use crate::shard::{Happening, TapNews, Wants};

/// Pieces of the answer that may wait for its socket.
const PIECES_MAX: usize = 4;

/// Lines put into one piece at the most.
const LINES_AT_ONCE: usize = 512;

/// Least time between two lines.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A bridge that is open.
#[derive(Debug)]
struct Stream {
    ways: Ways,
    membership: Membership,
    options: BridgeOptions,
    roles: watch::Receiver<u64>,
    out: mpsc::Sender<Bytes>,
    /// Whether it is told of connections.
    is_told: bool,
    /// The open connections of other nodes that it was told, so that they can be closed where a node is lost.
    known: HashMap<NodeId, HashSet<ConnectionKey>>,
    text: String,
}

/// The bridge is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Over;

/// Opens a bridge: the pieces of its answer. `None` if `limits.bridges_max` are open.
pub(crate) fn open(ways: Ways, options: BridgeOptions) -> Option<mpsc::Receiver<Bytes>> {
    let roles = ways.bridges.roles();
    let membership = ways.bridges.join(options.clone())?;
    let (out, pieces) = mpsc::channel(PIECES_MAX);
    let stream = Stream {
        ways,
        membership,
        options,
        roles,
        out,
        is_told: false,
        known: HashMap::new(),
        text: String::new(),
    };
    tokio::spawn(async move {
        let _over = stream.run().await;
    });
    Some(pieces)
}

impl Stream {
    async fn run(mut self) -> Result<(), Over> {
        self.is_told = self.decided().await?;
        loop {
            self.line(&BridgeLine::Hello {
                standby: !self.is_told,
            });
            let wants = if self.is_told {
                self.options.wants
            } else {
                Wants::default()
            };
            let mut tap = OpenTap::open(&self.ways, wants).await;
            let ended = self.tell_from(&mut tap).await;
            tap.end(&self.ways).await;
            ended?;
            self.known.clear();
        }
    }

    /// Whether this bridge is told of connections, once that is decided.
    async fn decided(&mut self) -> Result<bool, Over> {
        loop {
            self.roles.mark_unchanged();
            if let Some(is_told) = self.membership.is_told() {
                return Ok(is_told);
            }
            tokio::select! {
                () = self.out.closed() => return Err(Over),
                changed = self.roles.changed() => changed.map_err(|_| Over)?,
            }
            self.goes_on()?;
        }
    }

    fn goes_on(&self) -> Result<(), Over> {
        self.membership.holds().then_some(()).ok_or(Over)
    }

    /// Tells until it is over, or until it starts again because another bridge of its app is told now, or no longer.
    async fn tell_from(&mut self, tap: &mut OpenTap) -> Result<(), Over> {
        self.flush().await?;
        let mut keepalive = interval(KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said_at = Instant::now();
        let mut batch = Vec::with_capacity(LINES_AT_ONCE);
        loop {
            tokio::select! {
                () = self.out.closed() => return Err(Over),
                told = tap.next(&mut batch, LINES_AT_ONCE) => self.on_told(tap, told, &mut batch).await?,
                Some(ask) = self.membership.asks.recv() => self.authorize(ask),
                Ok(()) = self.roles.changed() => {
                    self.goes_on()?;
                    let is_told = self.membership.is_told().unwrap_or(self.is_told);
                    if std::mem::replace(&mut self.is_told, is_told) != is_told {
                        return Ok(());
                    }
                }
                _ = keepalive.tick() => {
                    if said_at.elapsed() >= KEEPALIVE {
                        self.line(&BridgeLine::Keepalive);
                    }
                }
            }
            if !self.text.is_empty() {
                self.flush().await?;
                said_at = Instant::now();
            }
        }
    }

    /// Turns news into lines. Over, with a last line, where news were lost.
    async fn on_told(&mut self, tap: &mut OpenTap, told: Told, batch: &mut Vec<TapNews>) -> Result<(), Over> {
        match told {
            Told::Here => batch.drain(..).for_each(|news| self.on_news(tap, news)),
            Told::Elsewhere(news) => self.on_elsewhere(tap, news).await?,
            Told::Lagged => {}
            Told::Over => return Err(Over),
        }
        if tap.becomes_ready() {
            self.line(&BridgeLine::Ready);
        }
        if !tap.has_lagged() {
            return Ok(());
        }
        tracing::warn!("an app server reads its bridge too slowly, so the bridge was closed");
        self.end_lagged().await
    }

    /// The last line of one that missed something.
    async fn end_lagged(&mut self) -> Result<(), Over> {
        self.line(&BridgeLine::Lagged);
        self.flush().await?;
        Err(Over)
    }

    fn on_news(&mut self, tap: &mut OpenTap, news: TapNews) {
        match news {
            TapNews::Open(row) => self.opened(row, true),
            TapNews::Happened(Happening::Opened(row)) => self.opened(row, false),
            TapNews::Happened(Happening::Moved { key, route }) => self.line(&BridgeLine::RouteUpdate {
                id: self.id(None, key),
                route: route.to_string(),
            }),
            TapNews::Happened(Happening::Closed(key)) => self.closed(None, key),
            TapNews::Slice { shard, is_last } => tap.on_slice(&self.ways, shard, is_last),
        }
    }

    async fn on_elsewhere(&mut self, tap: &mut OpenTap, news: Elsewhere) -> Result<(), Over> {
        match news {
            Elsewhere::Happened(node, Happening::Opened(row)) => self.opened_at(node, row, false),
            Elsewhere::Happened(node, Happening::Moved { key, route }) => {
                self.line(&BridgeLine::RouteUpdate {
                    id: self.id(Some(node), key),
                    route: route.to_string(),
                });
            }
            Elsewhere::Happened(node, Happening::Closed(key)) => {
                if self.known.get_mut(&node).is_some_and(|known| known.remove(&key)) {
                    self.closed(Some(node), key);
                }
            }
            Elsewhere::Slice(node, slice) => {
                for row in slice.rows {
                    self.opened_at(node, row, true);
                }
                if let (false, Some(elsewhere)) = (slice.is_last, tap.elsewhere()) {
                    elsewhere.read(node).await;
                }
            }
            Elsewhere::Gone(node) => self.on_gone(node).await?,
            Elsewhere::Ready => tap.on_elsewhere_ready(),
            Elsewhere::Lost => {
                tracing::warn!("a message of another node was lost, so a bridge was closed");
                self.end_lagged().await?;
            }
        }
        Ok(())
    }

    /// A node is not heard any more: its connections count as closed.
    async fn on_gone(&mut self, node: NodeId) -> Result<(), Over> {
        let known = self.known.remove(&node).unwrap_or_default();
        for (number, key) in known.into_iter().enumerate() {
            self.closed(Some(node), key);
            if (number + 1) % LINES_AT_ONCE == 0 {
                self.flush().await?;
            }
        }
        Ok(())
    }

    fn opened_at(&mut self, node: NodeId, row: Row, replay: bool) {
        if self.options.wants.closes {
            self.known.entry(node).or_default().insert(row.key);
        }
        if self.options.wants.opens {
            let node = Some(node);
            self.opened(Row { node, ..row }, replay);
        }
    }

    fn opened(&mut self, row: Row, replay: bool) {
        self.line(&BridgeLine::Open {
            id: self.id(row.node, row.key),
            version: row.version.to_string(),
            route: row.route.map(|route| route.to_string()),
            ip: row.ip.map(|ip| ip.to_string()),
            replay,
        });
    }

    fn closed(&mut self, node: Option<NodeId>, key: ConnectionKey) {
        let id = self.id(node, key);
        self.line(&BridgeLine::Close { id });
    }

    fn authorize(&mut self, ask: AppQuestion) {
        self.line(&BridgeLine::Authorize {
            ask: ask.number,
            id: ask.connection_id,
            headers: ask.headers.into_iter().collect(),
        });
    }

    /// The id of a connection of another node, or of this one.
    fn id(&self, node: Option<NodeId>, key: ConnectionKey) -> String {
        let cipher = &self.ways.site.cipher;
        cipher.id_at(node.unwrap_or(cipher.node()), key).to_string()
    }

    fn line(&mut self, line: &BridgeLine) {
        match serde_json::to_string(line) {
            Ok(text) => self.text.extend([text.as_str(), "\n"]),
            Err(error) => tracing::error!(%error, "a line of a bridge has no JSON form"),
        }
    }

    /// Sends the lines so far, as fast as the reader takes them. Over where it takes nothing.
    async fn flush(&mut self) -> Result<(), Over> {
        let piece = Bytes::from(std::mem::take(&mut self.text));
        let patience = Duration::from_millis(self.ways.site.config.limits.outbox_ms.into());
        self.out.send_timeout(piece, patience).await.map_err(|_| Over)
    }
}
