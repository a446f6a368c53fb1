//! One bridge: what shards and authorizers have to say, as lines of JSON.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::bridge::BridgeLine;
use headcount_core::stats::Row;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{AppQuestion, BridgeOptions, Bridges, Membership};
use crate::shard::{Happening, Mail, SLICE_ROWS, Shards, Tap, TapNews, Wants};
use crate::site::Site;

/// Pieces of the answer that may wait for its socket.
const PIECES_MAX: usize = 4;

/// Lines put into one piece at the most.
const LINES_AT_ONCE: usize = 512;

/// Least time between two lines.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// What a bridge reaches.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) site: Arc<Site>,
    pub(crate) shards: Shards,
    pub(crate) bridges: Bridges,
}

/// A bridge that is open.
#[derive(Debug)]
struct Stream {
    ways: Ways,
    membership: Membership,
    options: BridgeOptions,
    changes: watch::Receiver<u64>,
    out: mpsc::Sender<Bytes>,
    /// The tap, and whether it is told of connections or only of the shards' end.
    tap: OpenTap,
    is_first: bool,
    text: String,
}

#[derive(Debug)]
struct OpenTap {
    number: u64,
    news: mpsc::Receiver<TapNews>,
    has_lagged: Arc<AtomicBool>,
    /// Shards that have not told everything that is open.
    replaying: HashSet<u16>,
    is_ready: bool,
}

/// The bridge is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Over;

/// Opens a bridge: the pieces of its answer. `None` if `limits.bridges_max` are open.
pub(crate) fn open(ways: Ways, options: BridgeOptions) -> Option<mpsc::Receiver<Bytes>> {
    let changes = ways.bridges.changes();
    let membership = ways.bridges.join(options.clone())?;
    let (out, pieces) = mpsc::channel(PIECES_MAX);
    let is_first = membership.is_first();
    let wants = if is_first { options.wants } else { Wants::default() };
    let stream = Stream {
        tap: OpenTap::open(&ways, wants),
        ways,
        membership,
        options,
        changes,
        out,
        is_first,
        text: String::new(),
    };
    tokio::spawn(stream.run());
    Some(pieces)
}

impl OpenTap {
    fn open(ways: &Ways, wants: Wants) -> Self {
        let shards = ways.shards.iter().len();
        // Room for one slice of every shard beside the news that a slow reader may leave waiting.
        let room = ways.site.config.limits.hook_events_max as usize + shards * (SLICE_ROWS + 1);
        let (sender, news) = mpsc::channel(room);
        let number = ways.bridges.number();
        let has_lagged = Arc::<AtomicBool>::default();
        for shard in ways.shards.iter() {
            shard.force(Mail::Tap(Tap {
                number,
                wants,
                news: sender.clone(),
                has_lagged: Arc::clone(&has_lagged),
            }));
        }
        Self {
            number,
            news,
            has_lagged,
            replaying: (0..shards)
                .filter_map(|shard| u16::try_from(shard).ok())
                .collect(),
            is_ready: wants.is_nothing(),
        }
    }
}

impl Stream {
    async fn run(mut self) {
        self.line(&BridgeLine::Hello {
            standby: !self.is_first,
        });
        let _over = self.tell_until_over().await;
    }

    async fn tell_until_over(&mut self) -> Result<(), Over> {
        self.flush().await?;
        let mut keepalive = interval(KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said_at = Instant::now();
        let mut batch = Vec::with_capacity(LINES_AT_ONCE);
        loop {
            tokio::select! {
                () = self.out.closed() => return Err(Over),
                told = self.tap.news.recv_many(&mut batch, LINES_AT_ONCE) => {
                    if told == 0 && !self.tap.has_lagged.load(Ordering::Acquire) {
                        return Err(Over);
                    }
                    self.on_news(&mut batch).await?;
                }
                Some(ask) = self.membership.asks.recv() => self.authorize(ask),
                Ok(()) = self.changes.changed() => {
                    if !self.membership.holds() {
                        return Err(Over);
                    }
                    self.take_over();
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
    async fn on_news(&mut self, batch: &mut Vec<TapNews>) -> Result<(), Over> {
        for news in batch.drain(..) {
            match news {
                TapNews::Open(row) => self.opened(row, true),
                TapNews::Happened(Happening::Opened(row)) => self.opened(row, false),
                TapNews::Happened(Happening::Moved { key, route }) => self.line(&BridgeLine::RouteUpdate {
                    id: self.id(key),
                    route: route.to_string(),
                }),
                TapNews::Happened(Happening::Closed(key)) => {
                    self.line(&BridgeLine::Close { id: self.id(key) });
                }
                TapNews::Slice { shard, is_last } => self.on_slice(shard, is_last),
            }
        }
        if !self.tap.has_lagged.load(Ordering::Acquire) {
            return Ok(());
        }
        tracing::warn!("an app server reads its bridge too slowly, so the bridge was closed");
        self.line(&BridgeLine::Lagged);
        self.flush().await?;
        Err(Over)
    }

    fn on_slice(&mut self, shard: u16, is_last: bool) {
        if is_last {
            self.tap.replaying.remove(&shard);
            if self.tap.replaying.is_empty() && !std::mem::replace(&mut self.tap.is_ready, true) {
                self.line(&BridgeLine::Ready);
            }
        } else if let Some(shard) = self.ways.shards.get(shard.into()) {
            shard.force(Mail::Replay { tap: self.tap.number });
        }
    }

    /// Where the bridge that was told of connections has ended, it is this one's turn, from the beginning.
    fn take_over(&mut self) {
        if !self.is_first && self.membership.is_first() {
            self.is_first = true;
            self.tap = OpenTap::open(&self.ways, self.options.wants);
            self.line(&BridgeLine::Hello { standby: false });
        }
    }

    fn opened(&mut self, row: Row, replay: bool) {
        self.line(&BridgeLine::Open {
            id: self.id(row.key),
            version: row.version.to_string(),
            route: row.route.map(|route| route.to_string()),
            ip: row.ip.map(|ip| ip.to_string()),
            replay,
        });
    }

    fn authorize(&mut self, ask: AppQuestion) {
        self.line(&BridgeLine::Authorize {
            ask: ask.number,
            id: ask.connection_id,
            headers: ask.headers.into_iter().collect(),
        });
    }

    fn id(&self, key: ConnectionKey) -> String {
        self.ways.site.cipher.id(key).to_string()
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
