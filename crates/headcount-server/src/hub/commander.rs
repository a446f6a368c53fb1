//! The commander: gives commands their order and their numbers.
//!
//! Releases and invalidations pass here one at a time. Each is decided by what stands, appended to the log of commands, and stands when it
//! is read from there: so it outlives this process before any tab hears of it and before its giver is told that it was accepted. Entries
//! of other servers, where they share the log, are read in the same way. What then stands goes to every shard as one value; by it each
//! shard decides which rules apply.

mod begin;
mod cluster;
mod configure;
mod configured;
mod membership;
mod stand;
mod time;
mod told;
mod turn;
mod waves;

use std::sync::Arc;
use std::time::Duration;

use headcount_core::command_log::{CommandLog, Entry, LogIndex};
use headcount_core::invalidation::waves::Waves;
use headcount_core::invalidation::{Audience, Mode, Rule, Standing, in_order};
use headcount_core::protocol::admin::{
    ChangeAnswer, InvalidationAnswer, LiftAnswer, ReleaseEntry, SpreadRequest,
};
use headcount_core::questions::ReachOf;
use headcount_core::release::Release;
use tokio::sync::{mpsc, oneshot};

use crate::answers::Hits;
use crate::authorize::ticket::Tickets;
use crate::error::CommandError;
use crate::everywhere::Everywhere;
use crate::invalidation::CheckedInvalidation;
use crate::site::Site;
use crate::store::Store;
use crate::{answers, clock};

pub(crate) use begin::Beginning;
#[cfg(feature = "cluster")]
pub(crate) use begin::stored_checkpoint;
pub(crate) use configured::Configured;
use membership::Membership;
pub(crate) use turn::Turn;

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
        invalidation: CheckedInvalidation,
        reply: Reply<InvalidationAnswer>,
    },
    Lift {
        id: u32,
        reply: Reply<LiftAnswer>,
    },
    /// Pause, resume or abort a rule in waves.
    Turn {
        id: u32,
        turn: Turn,
        reply: Reply<ChangeAnswer>,
    },
    /// Let a rule be for more tabs, or ask for more.
    Change {
        id: u32,
        asks: (Option<Audience>, Option<Mode>),
        reply: Reply<ChangeAnswer>,
    },
    /// Announce the release that the configuration names, unless it was heard of before.
    Configure {
        version: String,
        reply: Reply<Configured>,
    },
}

#[derive(Debug)]
pub(crate) struct Commander<Log> {
    site: Arc<Site>,
    everywhere: Everywhere,
    store: Arc<Store>,
    log: Log,
    /// The entry that was read last.
    index: LogIndex,
    /// What stands after it.
    standing: Standing,
    /// The release that the configuration named at the last start.
    configured: Option<String>,
    lapsed: Vec<Rule>,
    /// `None`: the log is this server's own.
    membership: Option<Membership>,
    tickets: Arc<Tickets>,
    /// The number of the newest command from before this process.
    before: u32,
    /// What the clock was corrected by when it was last looked at.
    offset_ms: i64,
    /// When the outcomes of rules in waves were last looked at.
    looked_ms: u64,
}

impl<Log: CommandLog> Commander<Log> {
    pub(crate) fn new(
        site: Arc<Site>,
        everywhere: Everywhere,
        (store, log): (Arc<Store>, Log),
        beginning: Beginning,
        tickets: Arc<Tickets>,
    ) -> Self {
        Self {
            configured: beginning.configured,
            lapsed: beginning.lapsed,
            membership: beginning.membership,
            tickets,
            before: beginning.standing.head,
            offset_ms: clock::offset_ms(),
            looked_ms: 0,
            site,
            everywhere,
            store,
            log,
            index: beginning.index,
            standing: beginning.standing,
        }
    }

    /// Runs until every sender of orders is gone, or the log has ended.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.on_order(order).await,
                    None => return,
                },
                entry = self.log.next() => match entry {
                    Some((index, entry)) => drop(self.read(index, entry).await),
                    None => return,
                },
                _ = look.tick() => {
                    self.store.look();
                    self.keep_time().await;
                    if self.membership.is_some() {
                        self.look_after_cluster().await;
                    } else {
                        self.expire().await;
                    }
                    self.look_after_waves().await;
                }
            }
            self.site.faults.strike("commander");
        }
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::Announce { version, reply } => {
                let announced = self.announce(version).await;
                self.answer_read(reply, announced, |entry| &mut entry.nodes);
            }
            Order::Invalidate { invalidation, reply } => {
                let given = self.invalidate(invalidation).await;
                self.answer_told(reply, given);
            }
            Order::Lift { id, reply } => {
                let lifted = self.lift(id).await;
                self.answer_read(reply, lifted, |lifted| &mut lifted.nodes);
            }
            Order::Turn { id, turn, reply } => {
                let turned = self.turn(id, turn).await;
                self.answer_read(reply, turned, |turned| &mut turned.nodes);
            }
            Order::Change { id, asks, reply } => {
                let changed = self.change(id, asks).await;
                self.answer_read(reply, changed, |changed| &mut changed.nodes);
            }
            Order::Configure { version, reply } => answer(reply, self.configure(version).await),
        }
    }

    /// Announces a release. If it is current already, the answer is the earlier announcement, and no tab is told again:
    /// so a deploy that is repeated, or announced by every instance, does no harm.
    async fn announce(&mut self, version: String) -> Result<ReleaseEntry, CommandError> {
        let is_current = |standing: &Standing| standing.releases.already_current(&version).is_some();
        self.announce_unless(&version, is_current).await?;
        let current = self.standing.releases.already_current(&version);
        // It is: it was current before, or is since its entry was read.
        Ok(current.ok_or(CommandError::Overloaded)?.into())
    }

    /// Announces a release, unless there is a reason not to in what stands. Whether it was announced.
    async fn announce_unless(
        &mut self,
        version: &str,
        is_needless: impl Fn(&Standing) -> bool,
    ) -> Result<bool, CommandError> {
        let version: Arc<str> = version.into();
        let releases_max = self.site.config.limits.releases_max;
        let announced_ms = self.everywhere.unix_ms();
        let stood = self
            .append(|standing| {
                if is_needless(standing) {
                    return Ok(None);
                }
                let release = Release {
                    id: next_id(standing)?,
                    version: Arc::clone(&version),
                    announced_ms,
                };
                Ok(Some(Entry::Release {
                    release,
                    releases_max,
                }))
            })
            .await?;
        if stood.is_some() {
            tracing::info!(%version, id = self.standing.head, "released");
        }
        Ok(stood.is_some())
    }

    async fn invalidate(
        &mut self,
        invalidation: CheckedInvalidation,
    ) -> Result<(LogIndex, InvalidationAnswer), CommandError> {
        let site = Arc::clone(&self.site);
        let limits = &site.config.limits;
        let now_ms = self.everywhere.unix_ms();
        let make = |standing: &Standing| rule(&site, standing, now_ms, invalidation.clone());
        let draft = make(&self.standing)?;
        let (waves, spread_ms) = match (&invalidation.asked.spread, invalidation.asked.spread_ms) {
            (Some(spread), _) => {
                let waves = self.waves_of(&draft, spread).await?;
                let draft = Rule { waves, ..draft };
                let spread_ms = self.spread_of(&draft).await;
                (draft.waves, spread_ms)
            }
            (None, None) if limits.spread_ms > 0 => (None, self.spread_of(&draft).await),
            (None, asked) => (None, asked.unwrap_or_default()),
        };
        let stood = self
            .append(|standing| {
                let rule = Rule {
                    spread_ms,
                    waves: waves.clone(),
                    ..make(standing)?
                };
                let rules_max = limits.rules_max;
                Ok(Some(Entry::Rule { rule, rules_max }))
            })
            .await?;
        let stood = stood.unwrap_or_default();
        let id = stood.id;
        let hits = stood.hits();
        let lapsed = stood.change.ended.iter().map(|rule| rule.id).collect();
        let Hits {
            tabs,
            routes,
            unknown,
            ..
        } = hits;
        tracing::info!(id, tabs, routes, unknown, spread_ms, "invalidated");
        let mut told = InvalidationAnswer::from(hits);
        (told.id, told.lapsed, told.spread_ms) = (id, lapsed, spread_ms);
        told.spread = waves.map(|waves| Box::new((&*waves).into()));
        Ok((stood.index, told))
    }

    /// How a rule opens, by how many tabs there are.
    async fn waves_of(
        &mut self,
        rule: &Rule,
        spread: &SpreadRequest,
    ) -> Result<Option<Box<Waves>>, CommandError> {
        let tabs = match self.count(rule).await {
            // A rate is nothing without a number.
            Err(error) if spread.per_second.is_some() => return Err(error),
            counted => counted.unwrap_or(u64::MAX),
        };
        answers::waves(rule, spread, tabs).map(|waves| Some(Box::new(waves)))
    }

    /// How many tabs a rule reaches now.
    async fn count(&mut self, rule: &Rule) -> Result<u64, CommandError> {
        let question = ReachOf {
            rule: Arc::new(rule.clone()),
        };
        let (reaches, _) = self.everywhere.ask(question).await?;
        Ok(Hits::over(reaches.into_iter(), None).tabs)
    }

    async fn lift(&mut self, id: u32) -> Result<LiftAnswer, CommandError> {
        self.append(|standing| {
            standing.position(id).ok_or(CommandError::NoSuchRule { id })?;
            Ok(Some(Entry::End { ids: vec![id] }))
        })
        .await?;
        tracing::info!(id, "lifted");
        Ok(LiftAnswer::new(id))
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
    created_ms: u64,
    CheckedInvalidation { pattern, asked }: CheckedInvalidation,
) -> Result<Rule, CommandError> {
    let seconds = asked.seconds.unwrap_or(site.config.limits.rule_seconds);
    Ok(Rule {
        id: next_id(standing)?,
        pattern,
        versions: asked.versions.map(in_order),
        audience: asked.audience,
        mode: asked.mode,
        release: standing.releases.current(),
        created_ms,
        expires_ms: created_ms + u64::from(seconds) * 1_000,
        spread_ms: asked.spread_ms.unwrap_or_default(),
        waves: None,
        continues: None,
    })
}
