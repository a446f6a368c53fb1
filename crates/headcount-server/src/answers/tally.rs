//! How many tabs of which version are on which page: each shard walks its table in pieces, and is asked until it is through.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::questions::{Answers, Missing, TallyFrom};
use headcount_core::registry::{Tallied, Tally};

use super::ask_each;
use crate::shard::Shards;

/// How many tabs of which version are on which page, over all tables.
pub(crate) async fn tally(shards: &Shards, patience: Duration) -> Result<Tally, Missing> {
    let mut tallies = Tallies::of(shards.iter().len());
    while !tallies.next.is_empty() {
        let next = std::mem::take(&mut tallies.next);
        tallies.add(ask_each(shards, next, patience).await.whole()?);
    }
    Ok(tallies.sum())
}

/// Tabs of one version on one route.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    tabs: u32,
    outdated: u32,
    /// Shards of this server always know how many.
    hidden: u32,
}

/// What the shards tallied, while it comes in piece by piece.
#[derive(Debug, Default)]
struct Tallies {
    /// By route and version.
    counts: HashMap<(Arc<str>, Arc<str>), Cell>,
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
                let cell = self.counts.entry((one.route, one.version)).or_default();
                cell.tabs += one.tabs;
                cell.outdated += one.outdated;
                cell.hidden += one.hidden.unwrap_or_default();
            }
            self.current = tally.current;
            self.next
                .extend(tally.next.map(|slot| (shard, TallyFrom { slot })));
        }
    }

    fn sum(self) -> Tally {
        let counts = self.counts.into_iter();
        let tallied = |((route, version), cell): (_, Cell)| Tallied {
            route,
            version,
            tabs: cell.tabs,
            outdated: cell.outdated,
            hidden: Some(cell.hidden),
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
        let sum = tallies.sum();
        assert_eq!(
            (sum.counts.len(), sum.counts[0].tabs, sum.next),
            (1, 15_000, None)
        );
    }
}
