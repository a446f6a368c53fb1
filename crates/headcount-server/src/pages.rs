//! Which pages are looked at most, asked of every shard.
//!
//! The shards walk their tables at the same time, each in pieces, one message each, so that it serves its sockets in between. Ten
//! boards that ask at once cost as much as one: an answer is valid for a quarter of a second, and a request that comes while the
//! shards are being asked waits for that answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::pages::{Adoption, Page, Pages};
use headcount_core::pattern::RoutePattern;
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::protocol::pages::{PageEntry, PagesAnswer};
use headcount_core::questions::TallyFrom;
use headcount_core::registry::Tally;
use tokio::sync::Mutex;

use crate::answers::{patience, tally};
use crate::clock;
use crate::error::CommandError;
use crate::everywhere::Everywhere;
use crate::nodes::FromAll;

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
        let mut answer = PagesAnswer::default();
        answer.current = ranking.current.to_string();
        answer.routes = ranking.pages.len() as u64;
        answer.pages = ranking.pages.iter().take(limit).map(PageEntry::from).collect();
        answer.nodes.clone_from(&ranking.nodes);
        Ok(answer)
    }

    /// How many tabs run `release`, on these routes or on all: the part of the answer that the tables know.
    pub(crate) async fn adoption(
        &self,
        release: &str,
        routes: Option<&RoutePattern>,
        everywhere: &Everywhere,
    ) -> Result<AdoptionAnswer, CommandError> {
        let ranking = self.ranking(everywhere).await?;
        let counts = Adoption::of(&ranking.pages, release, routes);
        let mut answer = AdoptionAnswer::counting(&counts);
        release.clone_into(&mut answer.release);
        answer.nodes.clone_from(&ranking.nodes);
        Ok(answer)
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
