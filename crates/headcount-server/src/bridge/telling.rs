//! What a bridge of another node is told of the connections of this one.
//!
//! The shards are tapped one after the other, so one slice at the most is under way. What happens is sent in batches with a pause between them, so
//! that a busy site sends few messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headcount_core::cluster::{RequestId, Slice};
use headcount_core::connection::NodeId;
use headcount_core::happening::Happening;
use headcount_core::stats::Row;
use tokio::sync::mpsc;

use crate::nodes::{BridgeEvent, NodeEvent, Nodes};
use crate::shard::{Mail, SLICE_ROWS, Shards, Tap, TapNews, Wants};

/// Events of one message at the most.
const EVENTS_AT_ONCE: usize = 1_024;

/// Least time between two batches.
const PAUSE: Duration = Duration::from_millis(5);

/// A tap of another node.
#[derive(Debug)]
pub(super) struct Telling {
    owner: NodeId,
    tap: RequestId,
    wants: Wants,
    nodes: Nodes,
    shards: Shards,
    sender: mpsc::Sender<TapNews>,
    news: mpsc::Receiver<TapNews>,
    has_lagged: Arc<AtomicBool>,
    /// The shard that is replayed, and whether it was tapped.
    shard: usize,
    is_tapped: bool,
    rows: Vec<Row>,
    happened: Vec<Happening>,
}

/// The tap has ended.
struct Over;

impl Telling {
    /// `room`: events that may wait to be sent.
    pub(super) fn new(
        (owner, tap): (NodeId, RequestId),
        wants: Wants,
        nodes: Nodes,
        shards: Shards,
        room: usize,
    ) -> Self {
        let (sender, news) = mpsc::channel(room + SLICE_ROWS + 1);
        Self {
            owner,
            tap,
            wants,
            nodes,
            shards,
            sender,
            news,
            has_lagged: Arc::default(),
            shard: 0,
            is_tapped: false,
            rows: Vec::new(),
            happened: Vec::new(),
        }
    }

    /// Begins with the first slice. Each message to the returned queue asks for another one; the tap ends with the queue.
    pub(super) fn start(self, number: u64) -> mpsc::Sender<()> {
        let (next, asked) = mpsc::channel(1);
        tokio::spawn(async move {
            let _over = self.run(number, asked).await;
        });
        next
    }

    async fn run(mut self, number: u64, mut asked: mpsc::Receiver<()>) -> Result<(), Over> {
        self.next_slice(number).await;
        let mut batch = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            tokio::select! {
                next = asked.recv() => match next {
                    Some(()) => self.next_slice(number).await,
                    None => return Err(Over),
                },
                _ = self.news.recv_many(&mut batch, EVENTS_AT_ONCE) => self.on_news(&mut batch).await?,
            }
        }
    }

    /// Has the next slice sent: of this shard, or of the next one that runs.
    async fn next_slice(&mut self, number: u64) {
        while let Some(shard) = self.shards.get(self.shard) {
            let mail = if self.is_tapped {
                Mail::Replay { tap: number }
            } else {
                Mail::Tap(Tap {
                    number,
                    wants: self.wants,
                    news: self.sender.clone(),
                    has_lagged: Arc::clone(&self.has_lagged),
                })
            };
            if shard.force(mail) {
                self.is_tapped = true;
                return;
            }
            self.next_shard();
        }
        self.send(Some(true)).await;
    }

    fn next_shard(&mut self) {
        self.shard += 1;
        self.is_tapped = false;
    }

    async fn on_news(&mut self, batch: &mut Vec<TapNews>) -> Result<(), Over> {
        for news in batch.drain(..) {
            match news {
                TapNews::Open(row) => self.rows.push(row),
                TapNews::Happened(happening) => self.happened.push(happening),
                TapNews::Slice { is_last, .. } => {
                    if is_last {
                        self.next_shard();
                    }
                    let is_last = self.shards.get(self.shard).is_none();
                    self.send(Some(is_last)).await;
                }
            }
        }
        if self.has_lagged.load(Ordering::Acquire) {
            let (owner, tap) = (self.owner, self.tap);
            tracing::warn!(node = %owner, "another node is told too slowly what happens here, so its bridge was closed");
            let event = BridgeEvent::Lagged { owner, tap };
            self.nodes.tell(NodeEvent::Bridge(event)).await;
            return Err(Over);
        }
        if !self.happened.is_empty() {
            self.send(None).await;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Sends what happened, and with `slice` what is open. It says whether that is all.
    async fn send(&mut self, slice: Option<bool>) {
        let slice = slice.map(|is_last| Slice {
            rows: std::mem::take(&mut self.rows),
            is_last,
        });
        let event = BridgeEvent::Tell {
            owner: self.owner,
            tap: self.tap,
            news: std::mem::take(&mut self.happened),
            slice,
        };
        self.nodes.tell(NodeEvent::Bridge(event)).await;
    }
}
