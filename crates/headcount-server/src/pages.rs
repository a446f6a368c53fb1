//! Which pages are looked at most, asked of every shard.
//!
//! The shards walk their tables at the same time, each in pieces, one message each, so that it serves its sockets in between. Ten
//! boards that ask at once cost as much as one: an answer is valid for a quarter of a second, and a request that comes while the
//! shards are being asked waits for that answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::pages::{Page, Pages};
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::protocol::pages::{PageEntry, PagesAnswer};
use headcount_core::questions::{Answers, Missing, TallyFrom};
use headcount_core::registry::{Tallied, Tally};
use tokio::sync::Mutex;

use crate::answers::{ask_each, patience};
use crate::clock;
use crate::error::CommandError;
use crate::nodes::{Everywhere, FromAll};
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
    /// How many nodes they are of; `None` without a cluster.
    nodes: Option<NodesAsked>,
}

impl LatestPages {
    /// What was answered last, where it still holds; else what the shards say now.
    async fn ranking(&self, everywhere: &Everywhere) -> Result<Arc<Ranking>, CommandError> {
        let mut latest = self.0.lock().await;
        if let Some((made, ranking)) = &*latest
            && clock::now().duration_since(*made) < HOLDS
        {
            return Ok(Arc::clone(ranking));
        }
        let ranking = Arc::new(Ranking::now(everywhere).await?);
        *latest = Some((clock::now(), Arc::clone(&ranking)));
        Ok(ranking)
    }

    /// The `limit` most viewed pages.
    pub(crate) async fn most_viewed(
        &self,
        limit: usize,
        everywhere: &Everywhere,
    ) -> Result<PagesAnswer, CommandError> {
        let ranking = self.ranking(everywhere).await?;
        Ok(PagesAnswer {
            current: ranking.current.to_string(),
            routes: ranking.pages.len() as u64,
            pages: ranking.pages.iter().take(limit).map(PageEntry::from).collect(),
            nodes: ranking.nodes,
        })
    }
}

impl Ranking {
    async fn now(everywhere: &Everywhere) -> Result<Self, CommandError> {
        let Everywhere {
            shards,
            nodes,
            within_ms,
        } = everywhere;
        let Some(nodes) = nodes else {
            return Ok(Self::of([tally(shards, patience(*within_ms)).await?]));
        };
        let FromAll { answers, nodes } = nodes.ask_all(TallyFrom { slot: 0 }, *within_ms).await?;
        Ok(Self {
            nodes: Some(nodes),
            ..Self::of(answers)
        })
    }

    /// The pages of what was tallied here and elsewhere.
    fn of(tallies: impl IntoIterator<Item = Tally>) -> Self {
        let (mut pages, mut current) = (Pages::default(), Arc::default());
        for tally in tallies {
            pages.add(tally.counts);
            current = tally.current;
        }
        Self {
            current,
            pages: pages.ranked(),
            nodes: None,
        }
    }
}

/// How many tabs of which version are on which page, over all tables.
pub(crate) async fn tally(shards: &Shards, patience: Duration) -> Result<Tally, Missing> {
    let mut tallies = Tallies::of(shards.iter().len());
    while !tallies.next.is_empty() {
        let next = std::mem::take(&mut tallies.next);
        tallies.add(ask_each(shards, next, patience).await.whole()?);
    }
    Ok(tallies.sum())
}

/// What the shards tallied, while it comes in piece by piece.
#[derive(Debug, Default)]
struct Tallies {
    /// How many tabs by route and version, and how many of them are behind.
    counts: HashMap<(Arc<str>, Arc<str>), (u32, u32)>,
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
            for one in tally.counts {
                let (tabs, outdated) = self.counts.entry((one.route, one.version)).or_default();
                *tabs += one.tabs;
                *outdated += one.outdated;
            }
            self.current = tally.current;
            self.next
                .extend(tally.next.map(|slot| (shard, TallyFrom { slot })));
        }
    }

    fn sum(self) -> Tally {
        let counts = self.counts.into_iter();
        let tallied = |((route, version), (tabs, outdated))| Tallied {
            route,
            version,
            tabs,
            outdated,
        };
        Tally {
            counts: counts.map(tallied).collect(),
            current: self.current,
            next: None,
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
        assert_eq!(Ranking::of([tallies.sum()]).pages[0].total, 15_000);
    }
}
