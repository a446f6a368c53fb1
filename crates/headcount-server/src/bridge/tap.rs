//! What the lines of a bridge are made of: the taps of this server's shards, and in a cluster those of the other nodes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::Bridges;
use super::cluster::{Elsewhere, TapElsewhere};
use crate::shard::{Mail, SLICE_ROWS, Shards, Tap, TapNews, Wants};
use crate::site::Site;

/// What a bridge reaches.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) site: Arc<Site>,
    pub(crate) shards: Shards,
    pub(crate) bridges: Bridges,
}

/// A tap of all shards.
#[derive(Debug)]
pub(super) struct OpenTap {
    number: u64,
    news: mpsc::Receiver<TapNews>,
    has_lagged: Arc<AtomicBool>,
    /// Shards that have not told everything that is open.
    replaying: HashSet<u16>,
    is_ready: bool,
    /// The other nodes; `None` without a cluster, or where nothing is wanted.
    elsewhere: Option<TapElsewhere>,
    is_elsewhere_ready: bool,
}

/// What is to be told next.
#[derive(Debug)]
pub(super) enum Told {
    /// Of this server: what is in the batch.
    Here,
    /// Of another node.
    Elsewhere(Elsewhere),
    /// Something was lost: nothing follows.
    Lagged,
    /// The server ends.
    Over,
}

impl OpenTap {
    pub(super) async fn open(ways: &Ways, wants: Wants) -> Self {
        let shards = ways.shards.iter().len();
        let events_max = ways.site.config.limits.hook_events_max as usize;
        // Room for one slice of every shard beside the news that a slow reader may leave waiting.
        let room = events_max + shards * (SLICE_ROWS + 1);
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
        let elsewhere = ways
            .bridges
            .tap_elsewhere(number, wants, events_max, &has_lagged)
            .await;
        Self {
            number,
            news,
            has_lagged,
            replaying: (0..shards)
                .filter_map(|shard| u16::try_from(shard).ok())
                .collect(),
            is_ready: wants.is_nothing(),
            is_elsewhere_ready: elsewhere.is_none(),
            elsewhere,
        }
    }

    /// What is told next: at most `max` news of this server, which go into the batch. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, batch: &mut Vec<TapNews>, max: usize) -> Told {
        let told = tokio::select! {
            told = self.news.recv_many(batch, max) => (told > 0).then_some(Told::Here),
            told = of_others(&mut self.elsewhere) => told.map(Told::Elsewhere),
        };
        told.unwrap_or_else(|| {
            if self.has_lagged() {
                Told::Lagged
            } else {
                Told::Over
            }
        })
    }

    /// Whether news were lost.
    pub(super) fn has_lagged(&self) -> bool {
        self.has_lagged.load(Ordering::Acquire)
    }

    /// A slice of this shard was read: asks for the next one.
    pub(super) fn on_slice(&mut self, ways: &Ways, shard: u16, is_last: bool) {
        if is_last {
            self.replaying.remove(&shard);
        } else if let Some(shard) = ways.shards.get(shard.into()) {
            shard.force(Mail::Replay { tap: self.number });
        }
    }

    /// The tap at the other nodes.
    pub(super) fn elsewhere(&self) -> Option<&TapElsewhere> {
        self.elsewhere.as_ref()
    }

    /// All other nodes have told everything that was open.
    pub(super) fn on_elsewhere_ready(&mut self) {
        self.is_elsewhere_ready = true;
    }

    /// Whether everything that was open has been told. True once.
    pub(super) fn becomes_ready(&mut self) -> bool {
        self.replaying.is_empty() && self.is_elsewhere_ready && !std::mem::replace(&mut self.is_ready, true)
    }

    /// Ends it.
    pub(super) async fn end(self, ways: &Ways) {
        ways.bridges.untap_elsewhere(self.elsewhere).await;
    }
}

async fn of_others(elsewhere: &mut Option<TapElsewhere>) -> Option<Elsewhere> {
    match elsewhere {
        Some(elsewhere) => elsewhere.next().await,
        None => std::future::pending().await,
    }
}
