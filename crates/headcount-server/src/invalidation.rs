//! What an app asks for when it refreshes tabs: a pattern of routes, and whom of the tabs there it is for.
//!
//! An [`Invalidation`] is built without the server, so nothing in it is checked before the command is given. The server checks it against
//! its own limits then.

use std::time::Duration;

use headcount_core::invalidation::{Audience, Mode};
use headcount_core::limits::Limits;
use headcount_core::pattern::{PatternError, RoutePattern};
use headcount_core::protocol::admin::{
    InvalidationRequest, MatchBody, Percent, SpreadRequest, StopIfBody, StopIfRequest,
};
use headcount_core::protocol::convert;

/// Which tabs to refresh, for [`Headcount::invalidate`](crate::Headcount::invalidate) and
/// [`Headcount::dry_run`](crate::Headcount::dry_run).
///
/// It begins with a pattern of routes. Unless more is said it forces a refresh, and is for the tabs whose build is behind the current
/// release: those that are open now, and those that come to such a route while the rule stands.
///
/// ```
/// use std::time::Duration;
///
/// use headcount_server::Invalidation;
///
/// // Tabs behind the current release, on the checkout and below: they refresh.
/// let checkout = Invalidation::segment("/checkout");
///
/// // Every page that is open on one of two builds, whatever the release: its user is asked.
/// let recalled = Invalidation::everything()
///     .all()
///     .versions(["2026-11-02", "2026-11-03"])
///     .prompt();
///
/// // Tabs that are told over five minutes, by a rule that stands for an hour.
/// let gently = Invalidation::glob("/blog/**")
///     .seconds(3_600)
///     .spread(Duration::from_secs(300));
/// # drop((checkout, recalled, gently));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Invalidation {
    pub(crate) matches: MatchBody,
    pub(crate) versions: Option<Vec<String>>,
    pub(crate) audience: Audience,
    pub(crate) mode: Mode,
    pub(crate) seconds: Option<u32>,
    pub(crate) spread_ms: Option<u32>,
    pub(crate) spread: Option<SpreadRequest>,
}

impl Invalidation {
    /// Tabs on this route alone.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::exact("/checkout"); // not /checkout/pay
    /// # drop(invalidation);
    /// ```
    pub fn exact(route: impl Into<String>) -> Self {
        Self::of(MatchBody::Exact(route.into()))
    }

    /// Tabs on every route that begins with this text.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::prefix("/checkout"); // also /checkout/pay and /checkout-help
    /// # drop(invalidation);
    /// ```
    pub fn prefix(text: impl Into<String>) -> Self {
        Self::of(MatchBody::Prefix(text.into()))
    }

    /// Tabs on this route and on what is below it.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::segment("/checkout"); // also /checkout/pay, not /checkout-help
    /// # drop(invalidation);
    /// ```
    pub fn segment(route: impl Into<String>) -> Self {
        Self::of(MatchBody::Segment(route.into()))
    }

    /// Tabs on routes with wildcards: `*` is any text without a slash, `**` any text, `?` one character other than a slash.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::glob("/product/*/reviews");
    /// # drop(invalidation);
    /// ```
    pub fn glob(text: impl Into<String>) -> Self {
        Self::of(MatchBody::Glob(text.into()))
    }

    /// Tabs on routes in which a regular expression is found, in the syntax of the `regex` crate. Anchor it with `^` and `$`.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::regex("^/product/[0-9]+$");
    /// # drop(invalidation);
    /// ```
    pub fn regex(text: impl Into<String>) -> Self {
        Self::of(MatchBody::Regex(text.into()))
    }

    /// Tabs on every route, also where routes are not tracked.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::everything();
    /// # drop(invalidation);
    /// ```
    pub fn everything() -> Self {
        Self::segment("/")
    }

    fn of(matches: MatchBody) -> Self {
        Self {
            matches,
            versions: None,
            audience: Audience::Outdated,
            mode: Mode::Force,
            seconds: None,
            spread_ms: None,
            spread: None,
        }
    }

    /// The tabs refresh. This is the default.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// assert_eq!(Invalidation::everything().prompt().force(), Invalidation::everything());
    /// ```
    #[must_use]
    pub fn force(mut self) -> Self {
        self.mode = Mode::Force;
        self
    }

    /// The tabs offer the refresh to their users.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// use headcount_server::Invalidation;
    /// use headcount_server::admin::ModeBody;
    ///
    /// headcount.invalidate(Invalidation::segment("/checkout").prompt()).await?;
    /// assert_eq!(headcount.rules().await?.invalidations[0].mode, ModeBody::Prompt);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn prompt(mut self) -> Self {
        self.mode = Mode::Prompt;
        self
    }

    /// Only tabs whose build is behind the release that is current when the command is given. This is the default.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// assert_eq!(Invalidation::everything().all().outdated(), Invalidation::everything());
    /// ```
    #[must_use]
    pub fn outdated(mut self) -> Self {
        self.audience = Audience::Outdated;
        self
    }

    /// Every page that was loaded before the command, whatever its build.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let _tab = example::open_tab(&headcount, "/").await?;
    /// // A tab is open, and it is not behind a release.
    /// assert_eq!(headcount.dry_run(Invalidation::everything()).await?.tabs, 0);
    /// assert_eq!(headcount.dry_run(Invalidation::everything().all()).await?.tabs, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn all(mut self) -> Self {
        self.audience = Audience::All;
        self
    }

    /// Only tabs that run one of these builds. Default: any.
    ///
    /// ```
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::everything().versions(["v7"]);
    /// # drop(invalidation);
    /// ```
    #[must_use]
    pub fn versions(mut self, versions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.versions = Some(versions.into_iter().map(Into::into).collect());
        self
    }

    /// How long the rule stands, at least 1 second. Default `limits.rule_seconds`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// headcount.invalidate(Invalidation::segment("/checkout").seconds(60)).await?;
    /// let rule = &headcount.rules().await?.invalidations[0];
    /// assert_eq!(rule.expires_at - rule.created_at, 60_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn seconds(mut self, seconds: u32) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Over how long the open tabs are told: at most an hour, and no longer than the rule stands. [`Duration::ZERO`] tells all at once.
    /// Default: the more tabs, the longer, up to `limits.spread_ms`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount, Invalidation};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// use std::time::Duration;
    ///
    /// let gently = Invalidation::everything().spread(Duration::from_secs(300));
    /// assert_eq!(headcount.invalidate(gently).await?.spread_ms, 300_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn spread(mut self, spread: Duration) -> Self {
        self.spread_ms = Some(milliseconds(spread));
        self
    }

    /// The rule opens evenly over this time, at least a second. It can be paused, and stops by itself: see [`Invalidation::stop_if`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use headcount_server::Invalidation;
    /// let invalidation = Invalidation::segment("/checkout").over(Duration::from_secs(600));
    /// # drop(invalidation);
    /// ```
    #[must_use]
    pub fn over(mut self, time: Duration) -> Self {
        self.spread_mut().over_ms = Some(milliseconds(time));
        self
    }

    /// The rule opens over the time that its tabs take at about this rate, tabs in a second. As [`Invalidation::over`] otherwise.
    #[must_use]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.spread_mut().per_second = Some(per_second);
        self
    }

    /// The rule opens in waves: each opens it to so many percent of the tabs, the first at once and each other one so long after the one
    /// before. Percentages ascend to 100 and have at most two decimals. As [`Invalidation::over`] otherwise.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use headcount_server::Invalidation;
    /// let every = Duration::from_secs(300);
    /// let invalidation = Invalidation::everything().waves([1.0, 10.0, 50.0, 100.0], every);
    /// # drop(invalidation);
    /// ```
    #[must_use]
    pub fn waves(mut self, percent: impl IntoIterator<Item = f64>, every: Duration) -> Self {
        let spread = self.spread_mut();
        // What is no percentage opens nothing, and is refused for that.
        let share = |percent| Percent::new(percent).unwrap_or_default();
        spread.waves = Some(percent.into_iter().map(share).collect());
        spread.every_ms = Some(milliseconds(every));
        self
    }

    /// When a rule that opens over a time, at a rate or in waves stops by itself. It then goes on only by
    /// [`Headcount::resume`](crate::Headcount::resume). Default: beyond 1 % stuck, 20 % held or 5 % gone, of at least 20 page loads that
    /// were told.
    #[must_use]
    pub fn stop_if(mut self, limits: StopIfBody) -> Self {
        self.spread_mut().stop_if = StopIfRequest::Limits(limits);
        self
    }

    /// A rule that opens over a time, at a rate or in waves never stops by itself.
    #[must_use]
    pub fn never_stop(mut self) -> Self {
        self.spread_mut().stop_if = StopIfRequest::Never;
        self
    }

    fn spread_mut(&mut self) -> &mut SpreadRequest {
        self.spread.get_or_insert_default()
    }

    /// Over how long the open tabs are told, milliseconds, where a request says it.
    pub(crate) fn spread_ms(mut self, spread_ms: Option<u32>) -> Self {
        self.spread_ms = spread_ms;
        self
    }

    /// Makes the automaton of the pattern, which can take a tenth of a second.
    pub(crate) fn check(self, limits: &Limits) -> Result<CheckedInvalidation, PatternError> {
        Ok(CheckedInvalidation {
            pattern: convert::pattern(&self.matches, limits)?,
            asked: self,
        })
    }

    /// Whether [`Invalidation::check`] can take long.
    pub(crate) fn is_slow_to_check(&self) -> bool {
        matches!(self.matches, MatchBody::Glob(_) | MatchBody::Regex(_))
    }
}

/// The longest time where it is longer.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

impl From<InvalidationRequest> for Invalidation {
    fn from(request: InvalidationRequest) -> Self {
        Self {
            matches: request.matches,
            versions: request.versions,
            audience: request.audience.into(),
            mode: request.mode.into(),
            seconds: request.expires,
            spread_ms: request.spread_ms,
            spread: request.spread,
        }
    }
}

/// An invalidation that fits the limits, with its pattern as an automaton.
#[derive(Clone, Debug)]
pub(crate) struct CheckedInvalidation {
    pub(crate) pattern: RoutePattern,
    pub(crate) asked: Invalidation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_pattern_has_its_name() {
        let kind = |invalidation: Invalidation| {
            let checked = invalidation.check(&Limits::default()).unwrap();
            (checked.pattern.kind(), checked.pattern.source().to_owned())
        };
        for (invalidation, expected) in [
            (Invalidation::exact("/a"), ("exact", "/a")),
            (Invalidation::prefix("/a"), ("prefix", "/a")),
            (Invalidation::segment("/a/"), ("segment", "/a")),
            (Invalidation::glob("/a/*"), ("glob", "/a/*")),
            (Invalidation::regex("^/a$"), ("regex", "^/a$")),
            (Invalidation::everything(), ("segment", "/")),
        ] {
            assert_eq!(kind(invalidation), (expected.0, expected.1.to_owned()));
        }
    }

    #[test]
    fn what_is_said_last_counts() {
        let invalidation = Invalidation::everything().prompt().force().all().outdated();
        assert_eq!(invalidation, Invalidation::everything());
        let invalidation = Invalidation::everything()
            .prompt()
            .all()
            .versions(["v1", "v2"])
            .seconds(60);
        assert_eq!(invalidation.mode, Mode::Prompt);
        assert_eq!(invalidation.audience, Audience::All);
        assert_eq!(invalidation.versions.unwrap(), ["v1", "v2"]);
        assert_eq!(invalidation.seconds, Some(60));
    }

    #[test]
    fn a_spread_beyond_all_bounds_stays_beyond_them() {
        let spread = |spread| Invalidation::everything().spread(spread).spread_ms;
        assert_eq!(spread(Duration::from_secs(90)), Some(90_000));
        assert_eq!(spread(Duration::MAX), Some(u32::MAX));
    }
}
