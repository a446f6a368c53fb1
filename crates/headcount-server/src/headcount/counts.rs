//! What is open now, and what was.

use headcount_core::protocol::admin::{ConnectionsAnswer, StatsAnswer};
use headcount_core::protocol::history::HistoryAnswer;
use headcount_core::protocol::pages::PagesAnswer;
use headcount_core::protocol::stats::row_answer;
use headcount_core::questions::ConnectionsFrom;
use headcount_core::registry::Filter;
use headcount_core::route;
use tokio::sync::oneshot;

use super::Headcount;
use crate::answers::{ask_one, within};
use crate::error::CommandError;
use crate::history::HistoryQuery;
use crate::hub::HubEvent;

/// Pages of shards' tables read for one page of a list.
const PAGE_READS_MAX: usize = 32;

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
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// let stats = headcount.stats().await?;
    /// println!("{} tabs, {} of them on the checkout", stats.total, stats.routes.get("/checkout").unwrap_or(&0));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stats(&self) -> Result<StatsAnswer, CommandError> {
        self.need_connections()?;
        let (reply, answer) = oneshot::channel();
        self.0
            .hub
            .send(HubEvent::Ask(reply))
            .await
            .map_err(|_| CommandError::Stopped)?;
        Ok(within(answer, self.patience()).await?)
    }

    /// A page of the open connections; `None` for a cursor that was never given out.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, ConnectionsQuery, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// if let Some(page) = headcount.connections(ConnectionsQuery::first(100)).await? {
    ///     for row in page.connections {
    ///         println!("{} runs {}", row.id, row.version);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connections(
        &self,
        query: ConnectionsQuery,
    ) -> Result<Option<ConnectionsAnswer>, CommandError> {
        self.need_connections()?;
        let Some((mut shard, mut slot)) = cursor(query.cursor.as_deref()) else {
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
        let mut answer = ConnectionsAnswer::default();
        for _ in 0..PAGE_READS_MAX {
            if shard >= self.shards().iter().len() {
                return Ok(Some(answer));
            }
            let question = ConnectionsFrom {
                slot,
                max: query.limit - answer.connections.len(),
                filter: filter.clone(),
            };
            let page = ask_one(self.shards(), shard, question, self.patience()).await?;
            answer
                .connections
                .extend(page.rows.iter().map(|row| row_answer(row, &self.0.site.cipher)));
            (shard, slot) = page.next.map_or((shard + 1, 0), |next| (shard, next));
            if answer.connections.len() >= query.limit {
                break;
            }
        }
        answer.next = (shard < self.0.shards.iter().len()).then(|| format!("{shard}.{slot}"));
        Ok(Some(answer))
    }

    /// Counts by version over time, oldest first. Needs `connection_tracking`, and a `limits.history_seconds` above 0.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount, HistoryQuery};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// for sample in headcount.history(HistoryQuery::default())?.samples {
    ///     println!("{}: {} tabs", sample.at, sample.total);
    /// }
    /// # Ok(())
    /// # }
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
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// for page in headcount.pages(10).await?.pages {
    ///     println!("{}: {} tabs, {} behind", page.route, page.total, page.outdated);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pages(&self, limit: usize) -> Result<PagesAnswer, CommandError> {
        self.need_connections()?;
        if !self.site().config.route_tracking {
            return Err(CommandError::Off {
                setting: "route_tracking",
            });
        }
        self.0
            .pages
            .most_viewed(limit, self.shards(), self.patience())
            .await
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

/// Reads a cursor: a shard and a slot. None at all begins at the beginning.
fn cursor(text: Option<&str>) -> Option<(usize, u32)> {
    let Some(text) = text else { return Some((0, 0)) };
    let (shard, slot) = text.split_once('.')?;
    Some((shard.parse().ok()?, slot.parse().ok()?))
}
