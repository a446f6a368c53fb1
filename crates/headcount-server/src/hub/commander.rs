//! The commander: gives commands their order and their numbers.
//!
//! Releases and invalidations pass here one at a time. Each is on disk before any tab hears of it and before its giver is
//! told that it was accepted. What then stands goes to every shard as one value; from it each shard reaches its verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use headcount_core::invalidation::{Rule, Standing};
use headcount_core::protocol::admin::{
    InvalidationAnswer, InvalidationsAnswer, LiftAnswer, ReleaseEntry, ReleasesAnswer, RuleEntry,
};
use headcount_core::protocol::convert::Invalidation;
use headcount_core::protocol::server;
use headcount_core::registry::{Outcomes, Reach};
use headcount_core::release::{Release, ReleaseLog};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::error::CommandError;
use crate::shard::{Command, NewStanding, Question, Shards};
use crate::site::Site;
use crate::store::{Step, Store, Stored};

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
    DryRun {
        invalidation: Invalidation,
        reply: Reply<InvalidationAnswer>,
    },
    Lift {
        id: u32,
        reply: Reply<LiftAnswer>,
    },
    Releases(Reply<ReleasesAnswer>),
    Rules(Reply<InvalidationsAnswer>),
}

/// What stood when the process ended last, made ready to stand again.
pub(crate) fn restore(stored: Stored, site: &Site) -> Standing {
    let limits = &site.config.limits;
    let mut releases = ReleaseLog::new(limits.releases_max);
    for release in stored.releases {
        releases.announce(release);
    }
    let mut standing = Standing::new(releases);
    for rule in stored.rules {
        standing.add(rule, limits.rules_max);
    }
    standing.head = stored.head;
    site.set_current_release(standing.releases.current());
    standing
}

#[derive(Debug)]
pub(crate) struct Commander {
    site: Arc<Site>,
    shards: Shards,
    store: Arc<Store>,
    standing: Standing,
}

impl Commander {
    pub(crate) fn new(site: Arc<Site>, shards: Shards, store: Arc<Store>, standing: Standing) -> Self {
        Self {
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
                _ = look.tick() => self.expire().await,
            }
        }
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::Announce { version, reply } => answer(reply, self.announce(version).await),
            Order::Invalidate { invalidation, reply } => answer(reply, self.invalidate(invalidation).await),
            Order::DryRun { invalidation, reply } => answer(reply, self.dry_run(invalidation).await),
            Order::Lift { id, reply } => answer(reply, self.lift(id).await),
            Order::Releases(reply) => answer(reply, Ok(self.releases())),
            Order::Rules(reply) => answer(reply, Ok(self.rules().await)),
        }
    }

    /// Announces a release. One that is current already is answered as it was, and nobody is told again: so a deploy that
    /// is repeated, or that every instance announces, does no harm.
    async fn announce(&mut self, version: String) -> Result<ReleaseEntry, CommandError> {
        if let Some(current) = self.standing.releases.already_current(&version) {
            return Ok(current.into());
        }
        let release = Release {
            id: self.next_id()?,
            version: version.into(),
            announced_ms: clock::unix_ms(),
        };
        let entry = ReleaseEntry::from(&release);
        let mut next = self.standing.clone();
        let forgotten = next.releases.announce(release);
        next.head = entry.id;
        self.commit(Step {
            head: entry.id,
            release: Some(entry.clone()),
            forget_release: forgotten.map(|release| release.id),
            ..Step::default()
        })
        .await?;
        let broadcast = server::released(&entry.version, entry.id);
        self.stand(next, Some(broadcast), None).await;
        tracing::info!(version = entry.version, id = entry.id, "released");
        Ok(entry)
    }

    async fn invalidate(&mut self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        let rule = self.rule(invalidation, self.next_id()?);
        let (id, entry) = (rule.id, RuleEntry::from(&rule));
        let mut next = self.standing.clone();
        next.head = id;
        let (position, lapsed) = next.add(rule, self.site.config.limits.rules_max);
        let lapsed: Vec<u32> = lapsed.iter().map(|rule| rule.id).collect();
        self.commit(Step {
            head: id,
            rule: Some(entry),
            forget_rules: lapsed.clone(),
            ..Step::default()
        })
        .await?;
        let (tabs, routes) = self.stand(next, None, Some(position)).await;
        tracing::info!(id, tabs, routes, "invalidated");
        Ok(InvalidationAnswer {
            id: Some(id),
            tabs,
            routes,
            dry_run: false,
            lapsed,
        })
    }

    async fn dry_run(&self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        let rule = Arc::new(self.rule(invalidation, self.next_id()?));
        let mut answers = Vec::new();
        for shard in self.shards.iter() {
            let (reply, answer) = oneshot::channel();
            shard.force(Command::Ask(Question::Reach {
                rule: Arc::clone(&rule),
                reply,
            }));
            answers.push(answer);
        }
        let (tabs, routes) = sum(answers).await;
        Ok(InvalidationAnswer {
            id: None,
            tabs,
            routes,
            dry_run: true,
            lapsed: Vec::new(),
        })
    }

    async fn lift(&mut self, id: u32) -> Result<LiftAnswer, CommandError> {
        let mut next = self.standing.clone();
        next.lift(id).ok_or(CommandError::NoSuchRule { id })?;
        self.commit(Step {
            head: next.head,
            forget_rules: vec![id],
            ..Step::default()
        })
        .await?;
        self.stand(next, None, None).await;
        tracing::info!(id, "lifted");
        Ok(LiftAnswer { ok: true, id })
    }

    async fn expire(&mut self) {
        let mut next = self.standing.clone();
        let lapsed: Vec<u32> = next.expire(clock::unix_ms()).iter().map(|rule| rule.id).collect();
        if lapsed.is_empty() {
            return;
        }
        tracing::info!(?lapsed, "rules lapsed");
        // They have lapsed whether or not the disk hears of it; at the next start they lapse again.
        if let Err(error) = self
            .commit(Step {
                head: next.head,
                forget_rules: lapsed,
                ..Step::default()
            })
            .await
        {
            tracing::error!(%error, "lapsed rules are still on disk");
        }
        self.stand(next, None, None).await;
    }

    fn releases(&self) -> ReleasesAnswer {
        ReleasesAnswer {
            current: self.standing.releases.current().to_string(),
            releases: self.standing.releases.entries().map(ReleaseEntry::from).collect(),
        }
    }

    async fn rules(&self) -> InvalidationsAnswer {
        let outcomes = self.outcomes().await;
        let mut invalidations: Vec<_> = self
            .standing
            .rules()
            .map(|(_, rule)| RuleEntry {
                outcomes: Some(outcomes.get(&rule.id).copied().unwrap_or_default().into()),
                ..RuleEntry::from(rule.as_ref())
            })
            .collect();
        invalidations.sort_by_key(|rule| rule.id);
        InvalidationsAnswer { invalidations }
    }

    /// What became of the standing rules, by their numbers.
    async fn outcomes(&self) -> BTreeMap<u32, Outcomes> {
        let mut answers = Vec::new();
        for shard in self.shards.iter() {
            let (reply, answer) = oneshot::channel();
            shard.force(Command::Ask(Question::Outcomes(reply)));
            answers.push(answer);
        }
        let mut sum: BTreeMap<u32, Outcomes> = BTreeMap::new();
        for answer in answers {
            for (id, outcomes) in answer.await.unwrap_or_default() {
                sum.entry(id).or_default().add(outcomes);
            }
        }
        sum
    }

    fn next_id(&self) -> Result<u32, CommandError> {
        self.standing
            .head
            .checked_add(1)
            .ok_or(CommandError::OutOfNumbers)
    }

    fn rule(&self, invalidation: Invalidation, id: u32) -> Rule {
        let created_ms = clock::unix_ms();
        let seconds = invalidation
            .seconds
            .unwrap_or(self.site.config.limits.rule_seconds);
        Rule {
            id,
            pattern: invalidation.pattern,
            versions: invalidation.versions,
            audience: invalidation.audience,
            mode: invalidation.mode,
            release: self.standing.releases.current(),
            created_ms,
            expires_ms: created_ms + u64::from(seconds) * 1_000,
        }
    }

    async fn commit(&self, step: Step) -> Result<(), CommandError> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.commit(&step)).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(CommandError::Stopped),
        }
    }

    /// Lets every shard go over to what stands now. How many tabs on how many routes the rule at `position` reaches.
    async fn stand(
        &mut self,
        next: Standing,
        broadcast: Option<String>,
        position: Option<usize>,
    ) -> (u64, u64) {
        self.standing = next;
        self.site.set_current_release(self.standing.releases.current());
        let standing = Arc::new(self.standing.clone());
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
        sum(answers).await
    }
}

fn answer<T>(reply: Reply<T>, outcome: Result<T, CommandError>) {
    let _asker_gone = reply.send(outcome);
}

async fn sum(answers: Vec<oneshot::Receiver<Reach>>) -> (u64, u64) {
    let mut tabs = 0;
    let mut routes = BTreeSet::new();
    for answer in answers {
        // A shard that has ended reaches nobody.
        let reach = answer.await.unwrap_or_default();
        tabs += reach.tabs;
        routes.extend(reach.routes);
    }
    (tabs, routes.len() as u64)
}
