//! What an admin orders, and what stands of it.
//!
//! Orders go through the commander. What stands is read without it: from memory, and from the shards. So a disk that hangs, or a
//! command under way, delays no answer.

use std::sync::Arc;

use headcount_core::invalidation::Rule;
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{
    InvalidationAnswer, InvalidationsAnswer, LiftAnswer, ReleaseEntry, ReleasesAnswer, RuleEntry,
};
use headcount_core::protocol::convert::SpreadError;
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::questions::{OutcomesOfRules, ReachOf};
use headcount_core::registry::RuleOutcomes;
use headcount_core::version::{self, VersionError};
use tokio::sync::oneshot;

use super::Headcount;
use crate::answers::{Hits, spread, waves};
use crate::error::CommandError;
use crate::hub::commander::{self, Order};
use crate::invalidation::{CheckedInvalidation, Invalidation};

impl Headcount {
    /// Announces a release: it is current from now on, every tab hears of it. On disk when this returns. Announcing what is
    /// current already changes nothing.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// headcount.announce("2026-11-04").await?;
    /// assert_eq!(&*headcount.current_release(), "2026-11-04");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn announce(&self, version: &str) -> Result<ReleaseEntry, CommandError> {
        let bytes_max = self.0.site.config.limits.version_bytes_max.into();
        let version = version::check_release(version, bytes_max)?.to_owned();
        self.order(|reply| Order::Announce { version, reply }).await
    }

    /// Lets a rule stand and tells the tabs that it concerns now. On disk when this returns.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let mut tab = example::open_tab(&headcount, "/checkout/pay").await?;
    /// // A tab is open on `/checkout/pay`.
    /// let told = headcount.invalidate(Invalidation::segment("/checkout").all().prompt()).await?;
    /// assert_eq!(told.tabs, 1);
    /// # tab.message("version").await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn invalidate(&self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        let invalidation = self.check(invalidation).await?;
        self.order(|reply| Order::Invalidate { invalidation, reply })
            .await
    }

    /// Lifts a rule.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{CommandError, Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// headcount.invalidate(Invalidation::segment("/checkout")).await?;
    /// for rule in headcount.rules().await?.invalidations {
    ///     headcount.lift(rule.id).await?;
    /// }
    /// let none = headcount.lift(17).await;
    /// assert!(matches!(none, Err(CommandError::NoSuchRule { id: 17 })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn lift(&self, id: u32) -> Result<LiftAnswer, CommandError> {
        self.order(|reply| Order::Lift { id, reply }).await
    }

    /// The release log.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// headcount.announce("v1").await?;
    /// headcount.announce("v2").await?;
    /// let log = headcount.releases();
    /// assert_eq!(log.current, "v2");
    /// assert_eq!(log.releases[0].version, "v1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn releases(&self) -> ReleasesAnswer {
        let standing = self.site().standing();
        let mut answer = ReleasesAnswer::default();
        answer.current = standing.releases.current().to_string();
        answer.releases = standing.releases.entries().map(ReleaseEntry::from).collect();
        answer
    }

    /// The standing rules, and what became of them.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// headcount.invalidate(Invalidation::segment("/checkout")).await?;
    /// let rules = headcount.rules().await?.invalidations;
    /// let outcomes = rules[0].outcomes.unwrap_or_default();
    /// println!("{} of {} tabs have reloaded", outcomes.reloaded, outcomes.matched);
    /// # assert_eq!((rules.len(), outcomes.matched), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn rules(&self) -> Result<InvalidationsAnswer, CommandError> {
        let (outcomes, nodes) = self.outcomes().await?;
        let standing = self.site().standing();
        let mut answer = InvalidationsAnswer::default();
        answer.nodes = nodes;
        answer.invalidations = standing
            .rules()
            .map(|(_, rule)| {
                let mut entry = RuleEntry::from(rule.as_ref());
                entry.outcomes = Some(outcomes.of(rule.id).into());
                entry
            })
            .collect();
        answer.invalidations.sort_by_key(|rule| rule.id);
        Ok(answer)
    }

    /// What [`Headcount::invalidate`] would hit now. Touches nothing.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let _tab = example::open_tab(&headcount, "/").await?;
    /// // One tab is open.
    /// let reach = headcount.dry_run(Invalidation::everything().all()).await?;
    /// assert_eq!(reach.tabs, 1);
    /// assert!(headcount.rules().await?.invalidations.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn dry_run(&self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        let invalidation = self.check(invalidation).await?;
        let (asked_ms, asked) = (invalidation.asked.spread_ms, invalidation.asked.spread.clone());
        let now_ms = self.everywhere().unix_ms();
        let rule = commander::rule(self.site(), &self.site().standing(), now_ms, invalidation)?;
        let limits = &self.site().config.limits;
        let rule = Arc::new(rule);
        let question = ReachOf {
            rule: Arc::clone(&rule),
        };
        let (reaches, nodes) = self.everywhere().ask(question).await?;
        let hits = Hits::over(reaches.into_iter(), nodes);
        let waves = asked.map(|asked| waves(&rule, &asked, hits.tabs)).transpose()?;
        let rule = Rule {
            waves: waves.map(Box::new),
            ..Rule::clone(&rule)
        };
        let spread_ms = asked_ms.unwrap_or_else(|| spread(&rule, hits.tabs, limits.spread_ms));
        let mut reach = InvalidationAnswer::from(hits);
        (reach.dry_run, reach.spread_ms) = (true, spread_ms);
        reach.spread = rule.waves.as_deref().map(|waves| Box::new(waves.into()));
        Ok(reach)
    }

    /// What became of the standing rules.
    pub(super) async fn outcomes(&self) -> Result<(RuleOutcomes, Option<NodesAsked>), CommandError> {
        let (answers, nodes) = self.everywhere().ask(OutcomesOfRules).await?;
        Ok((answers.into_iter().sum(), nodes))
    }

    /// What a rule asks for must be there to be asked for.
    async fn check(&self, asked: Invalidation) -> Result<CheckedInvalidation, CommandError> {
        self.check_versions(&asked)?;
        self.check_times(&asked)?;
        let checked = self.check_pattern(asked).await?;
        self.need_routes(&checked)?;
        Ok(checked)
    }

    fn check_versions(&self, invalidation: &Invalidation) -> Result<(), CommandError> {
        if let Some(versions) = &invalidation.versions {
            let bytes_max = self.0.site.config.limits.version_bytes_max.into();
            versions.first().ok_or(VersionError::Empty)?;
            for version in versions {
                version::check(version, bytes_max)?;
            }
        }
        Ok(())
    }

    /// A rule must stand for as long as its tabs are being told.
    fn check_times(&self, invalidation: &Invalidation) -> Result<(), CommandError> {
        if invalidation.seconds == Some(0) {
            return Err(CommandError::NoTime);
        }
        let seconds = invalidation
            .seconds
            .unwrap_or(self.0.site.config.limits.rule_seconds);
        if let Some(spread) = &invalidation.spread {
            spread.schedule()?;
            if invalidation.spread_ms.is_some() {
                return Err(SpreadError::Twice.into());
            }
        }
        let most_ms = Limits::SPREAD_MS_MAX.min(seconds.saturating_mul(1_000));
        match invalidation.spread_ms {
            Some(spread_ms) if spread_ms > most_ms => Err(CommandError::Spread { most_ms }),
            _ => Ok(()),
        }
    }

    /// Making an automaton of a pattern may take a tenth of a second, for which no other task need wait. An asker that hangs up while
    /// it waits for its turn is dropped with this future.
    async fn check_pattern(&self, asked: Invalidation) -> Result<CheckedInvalidation, CommandError> {
        let site = Arc::clone(self.site());
        if !asked.is_slow_to_check() {
            return Ok(asked.check(&site.config.limits)?);
        }
        let turn = Arc::clone(&site.patterns).acquire_owned();
        let turn = turn.await.map_err(|_| CommandError::Stopped)?;
        let made = tokio::task::spawn_blocking(move || {
            let _until_made = turn;
            asked.check(&site.config.limits)
        });
        Ok(made.await.map_err(|_| CommandError::Stopped)??)
    }

    fn need_routes(&self, invalidation: &CheckedInvalidation) -> Result<(), CommandError> {
        if self.0.site.config.route_tracking || invalidation.pattern.matches_everything() {
            Ok(())
        } else {
            Err(CommandError::Off {
                setting: "route_tracking",
            })
        }
    }

    pub(crate) async fn order<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, CommandError>>) -> Order,
    ) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .orders
            .send(make(reply))
            .await
            .map_err(|_| CommandError::Stopped)?;
        answer.await.map_err(|_| CommandError::Stopped)?
    }
}
