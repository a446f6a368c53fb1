//! Which pages are looked at most, asked of every shard.
//!
//! The shards walk their tables at the same time, each in pieces, one message each, so that it serves its sockets in between. Ten
//! boards that ask at once cost as much as one: an answer is valid for a quarter of a second, and a request that comes while the
//! shards are being asked waits for that answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::pages::{Page, Pages};
use headcount_core::protocol::pages::{PageEntry, PagesAnswer};
use headcount_core::questions::{Answers, TallyFrom};
use headcount_core::registry::Tally;
use tokio::sync::Mutex;

use crate::answers::ask_each;
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
    let mut tallies = Tallies::of(shards.iter().len());
    while !tallies.next.is_empty() {
        let next = std::mem::take(&mut tallies.next);
        tallies.add(ask_each(shards, next, patience).await.whole()?);
    }
    Ok(Ranking {
        current: tallies.current,
        pages: tallies.pages.ranked(),
    })
}

/// What the shards tallied, while it comes in piece by piece.
#[derive(Debug, Default)]
struct Tallies {
    pages: Pages,
    current: Arc<str>,
    /// What each shard is asked next; one whose table is through is asked nothing.
    next: Vec<(usize, TallyFrom)>,
}

impl Tallies {
    fn of(shards: usize) -> Self {
        let from_the_beginning = |shard| (shard, TallyFrom { slot: 0 });
        Self {
            next: (0..shards).map(from_the_beginning).collect(),
            ..Self::default()
        }
    }

    /// Adds a piece of each of these shards.
    fn add(&mut self, pieces: Answers<Tally>) {
        for (shard, tally) in pieces.answered {
            self.pages.add(tally.counts);
            self.current = tally.current;
            self.next
                .extend(tally.next.map(|slot| (shard, TallyFrom { slot })));
        }
    }
}

#[cfg(test)]
mod tests {
    use headcount_core::invalidation::Standing;
    use headcount_core::limits::Limits;
    use headcount_core::registry::{Opening, Registry};

    use super::*;

    #[test]
    fn each_shard_is_asked_until_its_table_is_through() {
        let tables = [0, 10_000, 5_000].map(|tabs| {
            let standing = Arc::new(Standing::default());
            let mut table = Registry::new(0, true, &Limits::default(), standing);
            for _ in 0..tabs {
                let opening = Opening {
                    version: "v1",
                    route: "/",
                    ..Opening::default()
                };
                table.open(&opening, ());
            }
            table
        });
        let mut tallies = Tallies::of(tables.len());
        let mut asked = Vec::new();
        while !tallies.next.is_empty() {
            let next = std::mem::take(&mut tallies.next);
            asked.push(next.iter().map(|(shard, _)| *shard).collect::<Vec<_>>());
            let answer = |(shard, from): (usize, TallyFrom)| (shard, Ok(tables[shard].tally(from.slot)));
            tallies.add(next.into_iter().map(answer).collect());
        }
        assert_eq!(asked, [vec![0, 1, 2], vec![1, 2], vec![1]]);
        assert_eq!(tallies.pages.ranked()[0].total, 15_000);
    }
}
