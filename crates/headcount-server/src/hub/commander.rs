//! The commander: gives commands their order and their numbers.
//!
//! Releases and invalidations pass here one at a time. Each is on disk before any tab hears of it and before its giver is
//! told that it was accepted. What then stands goes to every shard as one value; by it each shard decides which rules apply.

mod time;

use std::sync::Arc;
use std::time::Duration;

use headcount_core::command_log::{Change, Entry};
use headcount_core::invalidation::{Rule, Standing, in_order};
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{InvalidationAnswer, LiftAnswer, ReleaseEntry};
use headcount_core::protocol::convert::Invalidation;
use headcount_core::protocol::server;
use headcount_core::release::Release;
use tokio::sync::{mpsc, oneshot};

use crate::answers::Hits;
use crate::authorize::ticket::Tickets;
use crate::error::CommandError;
use crate::shard::{Command, NewStanding, Shards};
use crate::site::Site;
use crate::store::{Step, Store, Stored};
use crate::{answers, clock};

/// Commands that may wait for their turn.
pub(crate) const ORDERS_MAX: usize = 256;

/// How often rules are looked at for their end.
const LOOK: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// Something the commander is asked.
#[derive(Debug)]
pub(crate) enum Order {
    Announce {
        version: String,
        reply: Reply<ReleaseEntry>,
    },
    Invalidate {
        invalidation: Invalidation,
        reply: Reply<InvalidationAnswer>,
    },
    Lift {
        id: u32,
        reply: Reply<LiftAnswer>,
    },
    /// Announce the release that the configuration names, unless it was heard of before.
    Configure {
        version: String,
        reply: Reply<Configured>,
    },
}

/// The outcome for the release in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    /// It was new, and is current now.
    Announced,
    /// It is current already.
    Current,
    /// It was announced before, or given at the last start; another one is current and stays so.
    Known,
}

/// What stood when the process ended last, made ready to stand again, and what is kept for later.
pub(crate) fn restore(stored: Stored, site: &Site) -> (Standing, KeptForLater) {
    let Limits {
        releases_max,
        rules_max,
        ..
    } = site.config.limits;
    let mut standing = Standing::default();
    for release in stored.releases {
        standing.apply(&Entry::Release {
            release,
            releases_max,
        });
    }
    let now_ms = clock::unix_ms();
    let (lapsed, rules) = stored
        .rules
        .into_iter()
        .partition(|rule| rule.expires_ms <= now_ms);
    for rule in rules {
        standing.apply(&Entry::Rule { rule, rules_max });
    }
    standing.head = stored.head;
    site.set_standing(Arc::new(standing.clone()));
    let kept = KeptForLater {
        configured: stored.configured,
        lapsed,
    };
    (standing, kept)
}

/// What was stored, and is not part of what stands.
#[derive(Debug, Default)]
pub(crate) struct KeptForLater {
    /// The release that the configuration named at the last start.
    configured: Option<String>,
    /// Rules that have lapsed by the time of day, which may be wrong: they are forgotten when that is sure.
    lapsed: Vec<Rule>,
}

#[derive(Debug)]
pub(crate) struct Commander {
    site: Arc<Site>,
    shards: Shards,
    store: Arc<Store>,
    standing: Standing,
    /// The release that the configuration named at the last start.
    configured: Option<String>,
    lapsed: Vec<Rule>,
    tickets: Arc<Tickets>,
    /// The number of the newest command from before this process.
    before: u32,
    /// What the clock was corrected by when it was last looked at.
    offset_ms: i64,
}

impl Commander {
    pub(crate) fn new(
        site: Arc<Site>,
        shards: Shards,
        store: Arc<Store>,
        standing: Standing,
        kept: KeptForLater,
        tickets: Arc<Tickets>,
    ) -> Self {
        Self {
            configured: kept.configured,
            lapsed: kept.lapsed,
            tickets,
            before: standing.head,
            offset_ms: clock::offset_ms(),
            site,
            shards,
            store,
            standing,
        }
    }

    /// Runs until every sender of orders is gone.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.on_order(order).await,
                    None => return,
                },
                _ = look.tick() => {
                    self.store.look();
                    self.keep_time().await;
                    self.expire().await;
                }
            }
            self.site.faults.strike("commander");
        }
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::Announce { version, reply } => answer(reply, self.announce(version).await),
            Order::Invalidate { invalidation, reply } => answer(reply, self.invalidate(invalidation).await),
            Order::Lift { id, reply } => answer(reply, self.lift(id).await),
            Order::Configure { version, reply } => answer(reply, self.configure(version).await),
        }
    }

    /// Announces a release. If it is current already, the answer is the earlier announcement, and no tab is told again:
    /// so a deploy that is repeated, or announced by every instance, does no harm.
    async fn announce(&mut self, version: String) -> Result<ReleaseEntry, CommandError> {
        if let Some(current) = self.standing.releases.already_current(&version) {
            return Ok(current.into());
        }
        self.release(version, None).await
    }

    /// The release that the configuration names is announced if it is news. A restart with an old one must not roll the site back:
    /// that is a command.
    async fn configure(&mut self, version: String) -> Result<Configured, CommandError> {
        let was_configured = self.configured.as_ref() == Some(&version);
        let is_release = |entry: &Release| *entry.version == version;
        if was_configured || self.standing.releases.entries().any(is_release) {
            if !was_configured {
                self.store.note(Step {
                    head: self.standing.head,
                    configured: Some(version.clone()),
                    ..Step::default()
                });
            }
            let is_current = self.standing.releases.already_current(&version).is_some();
            return Ok(if is_current {
                Configured::Current
            } else {
                Configured::Known
            });
        }
        self.release(version.clone(), Some(version)).await?;
        Ok(Configured::Announced)
    }

    async fn release(
        &mut self,
        version: String,
        configured: Option<String>,
    ) -> Result<ReleaseEntry, CommandError> {
        let release = Release {
            id: self.next_id()?,
            version: version.into(),
            announced_ms: clock::unix_ms(),
        };
        let said = ReleaseEntry::from(&release);
        let releases_max = self.site.config.limits.releases_max;
        self.append(
            Entry::Release {
                release,
                releases_max,
            },
            configured,
        )
        .await?;
        tracing::info!(version = said.version, id = said.id, "released");
        Ok(said)
    }

    async fn invalidate(&mut self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        let spread_ms = invalidation.spread_ms;
        let mut rule = rule(&self.site, &self.standing, invalidation)?;
        if spread_ms.is_none() && self.site.config.limits.spread_ms > 0 {
            rule.spread_ms = self.spread_of(&rule).await;
        }
        let spread_ms = rule.spread_ms;
        let id = rule.id;
        let rules_max = self.site.config.limits.rules_max;
        let (change, hits) = self.append(Entry::Rule { rule, rules_max }, None).await?;
        let lapsed = change.ended.iter().map(|rule| rule.id).collect();
        let Hits {
            tabs,
            routes,
            unknown,
        } = hits;
        tracing::info!(id, tabs, routes, unknown, spread_ms, "invalidated");
        Ok(InvalidationAnswer {
            id: Some(id),
            lapsed,
            spread_ms,
            ..hits.into()
        })
    }

    /// Over how long the tabs of a rule are told: the more they are, the longer. The longest time, where they cannot be counted.
    async fn spread_of(&self, rule: &Rule) -> u32 {
        let most_ms = self.site.config.limits.spread_ms;
        match answers::reach(&self.shards, Arc::new(rule.clone()), &self.site.config.limits).await {
            Ok(hits) => answers::spread(rule, hits.tabs, most_ms),
            Err(error) => {
                tracing::warn!(%error, "a shard did not say in time how many tabs a command reaches, so the command is spread slowly");
                answers::spread(rule, u64::MAX, most_ms)
            }
        }
    }

    async fn lift(&mut self, id: u32) -> Result<LiftAnswer, CommandError> {
        self.standing
            .position(id)
            .ok_or(CommandError::NoSuchRule { id })?;
        self.append(Entry::End { ids: vec![id] }, None).await?;
        tracing::info!(id, "lifted");
        Ok(LiftAnswer { ok: true, id })
    }

    fn next_id(&self) -> Result<u32, CommandError> {
        next_id(&self.standing)
    }

    /// Stores an entry, then lets it stand: nothing has changed where it could not be stored. With `configured`, the release that
    /// the configuration names is remembered in the same step.
    async fn append(
        &mut self,
        entry: Entry,
        configured: Option<String>,
    ) -> Result<(Change, Hits), CommandError> {
        let mut next = self.standing.clone();
        let change = next.apply(&entry);
        let step = Step {
            configured,
            ..Step::of(&entry, &change, next.head)
        };
        self.store.commit(step).await?;
        let hits = self.stand(next, self.broadcast(&entry), change.position).await;
        Ok((change, hits))
    }

    /// Lets an entry stand that holds whether or not the disk hears of it: what it says would come about again after a restart.
    async fn note(&mut self, entry: Entry) {
        let mut next = self.standing.clone();
        let change = next.apply(&entry);
        let step = Step::of(&entry, &change, next.head);
        self.stand(next, None, None).await;
        self.store.note(step);
    }

    /// What every client is told of an entry.
    fn broadcast(&self, entry: &Entry) -> Option<String> {
        match entry {
            Entry::Release { release, .. } => {
                Some(server::released(&release.version, release.id, self.site.epoch))
            }
            Entry::Rule { .. } | Entry::End { .. } | Entry::MoveTimes { .. } => None,
        }
    }

    /// Lets every shard go over to what stands now. How far the rule at `position` reaches.
    async fn stand(&mut self, next: Standing, broadcast: Option<String>, position: Option<usize>) -> Hits {
        self.standing = next;
        let standing = Arc::new(self.standing.clone());
        self.site.set_standing(Arc::clone(&standing));
        let mut answers = Vec::new();
        for shard in self.shards.iter() {
            let (reply, answer) = oneshot::channel();
            let (standing, broadcast) = (Arc::clone(&standing), broadcast.clone());
            shard.force(Command::Standing(Box::new(NewStanding {
                standing,
                broadcast,
                position,
                reply,
            })));
            answers.push(answer);
        }
        let patience = answers::patience(self.site.config.limits.answer_ms);
        match answers::sum(answers, patience).await {
            Ok(hits) => hits,
            Err(error) => {
                // It stands: the shard goes over to it when it comes to that.
                tracing::warn!(%error, "a shard did not say in time how many tabs a command reaches");
                Hits {
                    unknown: position.map_or(0, |_| self.site.census.open().into()),
                    ..Hits::default()
                }
            }
        }
    }
}

fn answer<T>(reply: Reply<T>, outcome: Result<T, CommandError>) {
    let _asker_gone = reply.send(outcome);
}

fn next_id(standing: &Standing) -> Result<u32, CommandError> {
    standing.head.checked_add(1).ok_or(CommandError::OutOfNumbers)
}

/// The rule that an invalidation makes, as the next command.
pub(crate) fn rule(
    site: &Site,
    standing: &Standing,
    invalidation: Invalidation,
) -> Result<Rule, CommandError> {
    let created_ms = clock::unix_ms();
    let seconds = invalidation.seconds.unwrap_or(site.config.limits.rule_seconds);
    Ok(Rule {
        id: next_id(standing)?,
        pattern: invalidation.pattern,
        versions: invalidation.versions.map(in_order),
        audience: invalidation.audience,
        mode: invalidation.mode,
        release: standing.releases.current(),
        created_ms,
        expires_ms: created_ms + u64::from(seconds) * 1_000,
        spread_ms: invalidation.spread_ms.unwrap_or_default(),
    })
}
