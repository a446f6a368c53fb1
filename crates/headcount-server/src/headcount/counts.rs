//! What is open now, and what was.

use headcount_core::cluster::NodeQuestion;
use headcount_core::node::Whom;
use headcount_core::pattern::RoutePattern;
use headcount_core::protocol::admin::{ConnectionsAnswer, StatsAnswer};
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::history::HistoryAnswer;
use headcount_core::protocol::pages::PagesAnswer;
use headcount_core::protocol::stats;
use headcount_core::registry::Filter;
use headcount_core::route;
use headcount_core::version;
use tokio::sync::oneshot;

use super::Headcount;
use super::listing::{self, Cursor};
use crate::answers::within;
use crate::clock;
use crate::error::CommandError;
use crate::history::HistoryQuery;
use crate::hub::HubEvent;
use crate::nodes::{Nodes, Said};

/// Which connections to list.
///
/// ```
/// use headcount_server::ConnectionsQuery;
///
/// let mut query = ConnectionsQuery::first(100);
/// query.route = Some("/checkout".to_owned());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
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

impl ConnectionsQuery {
    /// The first connections of all, so many at most.
    pub fn first(limit: usize) -> Self {
        Self {
            route: None,
            version: None,
            limit,
            cursor: None,
        }
    }
}

impl Headcount {
    /// Everything that is open, summed, at this moment.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let _tab = example::open_tab(&headcount, "/checkout").await?;
    /// // A tab is open on `/checkout`.
    /// let stats = headcount.stats().await?;
    /// assert_eq!((stats.total, stats.routes["/checkout"]), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn stats(&self) -> Result<StatsAnswer, CommandError> {
        self.need_connections()?;
        if let Some(nodes) = self.others() {
            return self.stats_of_all(nodes).await;
        }
        let (reply, answer) = oneshot::channel();
        self.0
            .hub
            .send(HubEvent::Ask(reply))
            .await
            .map_err(|_| CommandError::Stopped)?;
        Ok(within(answer, self.patience()).await?)
    }

    async fn stats_of_all(&self, others: &Nodes) -> Result<StatsAnswer, CommandError> {
        let Said { answers, nodes } = others
            .ask(Whom::All, NodeQuestion::Counts, self.everywhere().within_ms)
            .await?;
        if nodes.answered == 0 {
            return Err(CommandError::Overloaded);
        }
        let connections_max = self.site().config.limits.stats_connections_max;
        let mut answer = stats::answer(&answers.counts(), connections_max, &self.site().cipher);
        answer.nodes = Some(nodes);
        Ok(answer)
    }

    /// A page of the open connections; `None` for a cursor that was never given out.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, ConnectionsQuery, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let tab = example::open_tab(&headcount, "/").await?;
    /// # let mut ids = Vec::new();
    /// let mut query = ConnectionsQuery::first(100);
    /// while let Some(page) = headcount.connections(query.clone()).await? {
    ///     for row in page.connections {
    ///         println!("{} runs {}", row.id, row.version);
    /// #       ids.push(row.id);
    ///     }
    ///     match page.next {
    ///         Some(next) => query.cursor = Some(next),
    ///         None => break,
    ///     }
    /// }
    /// # assert_eq!(ids, [tab.id]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn connections(
        &self,
        query: ConnectionsQuery,
    ) -> Result<Option<ConnectionsAnswer>, CommandError> {
        self.need_connections()?;
        let Some(from) = Cursor::read(query.cursor.as_deref()) else {
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
        let listed = listing::list(self, from, query.limit, filter).await?;
        Ok(Some(listed))
    }

    /// Counts by version over time, oldest first. Needs `connection_tracking`, and a `limits.history_seconds` above 0.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount, HistoryQuery};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// let mut query = HistoryQuery::default();
    /// // The last sample of each hour.
    /// query.step_ms = 3_600_000.try_into().ok();
    /// for sample in headcount.history(query)?.samples {
    ///     println!("{}: {} tabs", sample.at, sample.total);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn history(&self, query: HistoryQuery) -> Result<HistoryAnswer, CommandError> {
        self.need_connections()?;
        let kept = self.0.history.as_ref().ok_or(CommandError::Off {
            setting: "history_seconds",
        })?;
        Ok(kept.answer(query))
    }

    /// The `limit` most viewed pages: how many tabs are on each, how many of those are behind the current release, and on which
    /// versions they are. At most a quarter of a second old. Needs `route_tracking`.
    ///
    /// A tab that is open all the while is counted once, on the page it was on when it was looked at.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let _tab = example::open_tab(&headcount, "/checkout").await?;
    /// // A tab is open on `/checkout`.
    /// let pages = headcount.pages(10).await?.pages;
    /// assert_eq!((&*pages[0].route, pages[0].total), ("/checkout", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn pages(&self, limit: usize) -> Result<PagesAnswer, CommandError> {
        self.need_connections()?;
        self.need_route_tracking()?;
        self.0.pages.most_viewed(limit, self.everywhere()).await
    }

    /// How many of the open tabs run `release`: all tabs, or those on `route` and below it. At most a quarter of a second old. With a
    /// route it needs `route_tracking`.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// let adoption = headcount.adoption("v2", Some("/checkout")).await?;
    /// println!("{} of {} tabs run v2", adoption.on, adoption.total);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn adoption(&self, release: &str, route: Option<&str>) -> Result<AdoptionAnswer, CommandError> {
        self.need_connections()?;
        let limits = &self.site().config.limits;
        let release = version::check_release(release, limits.version_bytes_max.into())?;
        let routes = match route {
            Some(route) => {
                self.need_route_tracking()?;
                Some(RoutePattern::segment(route, limits)?)
            }
            None => None,
        };
        let counted = self.0.pages.adoption(release, routes.as_ref(), self.everywhere());
        let mut answer = counted.await?;
        let standing = self.site().standing();
        let mut announced = standing.releases.entries().rev();
        let announced = announced.find(|entry| &*entry.version == release);
        answer.at = clock::unix_ms();
        answer.current = standing.releases.current().to_string();
        answer.announced_at = announced.map(|entry| entry.announced_ms);
        answer.uptime_ms = u64::try_from(self.uptime().as_millis()).unwrap_or(u64::MAX);
        Ok(answer)
    }

    /// How many tabs of this server run the current release. `None` where it does not count tabs, or a shard does not say.
    #[cfg(feature = "metrics")]
    pub(crate) async fn current_connections(&self) -> Option<u64> {
        use headcount_core::questions::VersionCounts;

        self.need_connections().ok()?;
        let answers = crate::answers::ask_all(self.shards(), VersionCounts, self.patience()).await;
        let current = self.site().standing().releases.current();
        let counts = answers.whole().ok()?.values().flatten();
        Some(
            counts
                .filter(|(version, _)| *version == current)
                .map(|(_, tabs)| tabs)
                .sum(),
        )
    }

    fn need_route_tracking(&self) -> Result<(), CommandError> {
        if self.site().config.route_tracking {
            return Ok(());
        }
        Err(CommandError::Off {
            setting: "route_tracking",
        })
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
}
