//! Which pages are looked at most, asked of every shard.
//!
//! A shard walks its table in pieces, one message each, so that it serves its sockets in between. Ten boards that ask
//! at once cost as much as one: an answer is valid for a quarter of a second, and a request that comes while the shards
//! are being asked waits for that answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::pages::{Page, Pages};
use headcount_core::protocol::pages::{PageEntry, PagesAnswer};
use headcount_core::questions::TallyFrom;
use tokio::sync::Mutex;

use crate::answers::ask_one;
use crate::clock;
use crate::error::CommandError;
use crate::shard::Shards;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_millis(250);

/// The latest answer, for requests that come soon after.
#[derive(Debug, Default)]
pub(crate) struct LatestPages(Mutex<Option<(Instant, Arc<Ranking>)>>);

/// Every page with an open tab.
#[derive(Debug, Default)]
struct Ranking {
    current: Arc<str>,
    /// The most viewed first.
    pages: Vec<Page>,
}

impl LatestPages {
    /// What was answered last, where it still holds; else what the shards say now.
    async fn ranking(&self, shards: &Shards, patience: Duration) -> Result<Arc<Ranking>, CommandError> {
        let mut latest = self.0.lock().await;
        if let Some((made, ranking)) = &*latest
            && clock::now().duration_since(*made) < HOLDS
        {
            return Ok(Arc::clone(ranking));
        }
        let ranking = Arc::new(ask(shards, patience).await?);
        *latest = Some((clock::now(), Arc::clone(&ranking)));
        Ok(ranking)
    }

    /// The `limit` most viewed pages.
    pub(crate) async fn most_viewed(
        &self,
        limit: usize,
        shards: &Shards,
        patience: Duration,
    ) -> Result<PagesAnswer, CommandError> {
        let ranking = self.ranking(shards, patience).await?;
        Ok(PagesAnswer {
            current: ranking.current.to_string(),
            routes: ranking.pages.len() as u64,
            pages: ranking.pages.iter().take(limit).map(PageEntry::from).collect(),
        })
    }
}

async fn ask(shards: &Shards, patience: Duration) -> Result<Ranking, CommandError> {
    let mut pages = Pages::default();
    let mut current = Arc::default();
    for shard in 0..shards.iter().len() {
        let mut next = Some(0);
        while let Some(slot) = next {
            let tally = ask_one(shards, shard, TallyFrom { slot }, patience).await?;
            pages.add(tally.counts);
            next = tally.next;
            current = tally.current;
        }
    }
    Ok(Ranking {
        current,
        pages: pages.ranked(),
    })
}
