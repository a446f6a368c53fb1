//! Invalidations: standing rules that say which tabs must refresh.
//!
//! A rule reads *tabs on routes matching P must run at least release R*. Whether it applies to a connection depends on the
//! rule, the connection's route and version, the order of releases, and (for [`Audience::All`]) on whether the page was
//! loaded before the command. Nothing else: so it can be decided again anywhere, any time, without harm.
//!
//! At most 64 rules stand at once, each at its own position, so that the rules a connection was told fit into one `u64`.
//!
//! A rule in [`waves`] applies to a tab like any other, and is told to it once it is open to the tab's place.

use std::sync::Arc;

use crate::pattern::RoutePattern;
use crate::release::{ReleaseLog, UNRELEASED};
use waves::{PLACES, Waves};

pub use standing::{POSITIONS, Standing, positions};

mod standing;
pub mod waves;

#[cfg(test)]
mod tests;

/// Whom a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Tabs whose version is behind the rule's release.
    Outdated,
    /// Every page load from before the command, whatever its version.
    All,
}

/// What a tab that a rule applies to is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refresh.
    Force,
    /// Offer the refresh to its user.
    Prompt,
}

/// Whether a rule applies to a tab, as far as that is known. Ordered, so that the least of several holds for all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applies {
    /// It does not.
    No,
    /// Its route or its version is not known, and the rule asks for it.
    Unknown,
    /// It does.
    Yes,
}

impl From<bool> for Applies {
    fn from(applies: bool) -> Self {
        if applies { Self::Yes } else { Self::No }
    }
}

/// One invalidation.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The command's number.
    pub id: u32,
    /// Which routes.
    pub pattern: RoutePattern,
    /// Only tabs on one of these versions, in order ([`in_order`]); `None`: on any.
    pub versions: Option<Vec<String>>,
    /// Whom it is for.
    pub audience: Audience,
    /// What they are asked to do.
    pub mode: Mode,
    /// The release that was current when the command was given: what tabs must at least run.
    pub release: Arc<str>,
    /// When the command was given, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When the rule lapses, milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// Over how long the tabs that are open when it is given are told, milliseconds; 0: at once. In waves: those of each wave.
    pub spread_ms: u32,
    /// How far it is open. `None`: it is not in waves, and open to every tab.
    pub waves: Option<Box<Waves>>,
    /// The rule that this one is a change of.
    pub continues: Option<Box<Continued>>,
}

/// An earlier rule that another one goes on from, because it was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Continued {
    /// The number of the rule before. It ends as this one begins, and this one takes its position.
    pub before: u32,
    /// The number of the first one. Tabs keep the places that they had in that, and pages that were loaded after it are newer than the command.
    pub first: u32,
    /// Those before that asked the same of a tab: a page load that was told one of these has been told this one.
    pub told: Vec<u32>,
}

/// A list of versions as a [`Rule`] holds it: sorted, each once, so that a list of thousands is searched quickly.
pub fn in_order(mut versions: Vec<String>) -> Vec<String> {
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// Every bit of the result depends on every bit of the number (the finalizer of `splitmix64`).
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Over how long so many tabs are told unless the command says it, milliseconds: none for a single tab, and half a second times the
/// square root of how many come after the first, up to `most_ms`. So 12 tabs take under two seconds, 1,000 a quarter of a minute.
pub fn spread_of(tabs: u64, most_ms: u32) -> u32 {
    let quarter_million = tabs.saturating_sub(1).saturating_mul(250_000);
    u32::try_from(quarter_million.isqrt()).map_or(most_ms, |spread_ms| spread_ms.min(most_ms))
}

impl Rule {
    /// When a tab with this hash is told, milliseconds after the command was given: always at the same moment, wherever it is
    /// asked for, and for each command at another one.
    pub fn moment_ms(&self, tab: u64) -> u64 {
        let mixed = scatter(tab ^ scatter(self.id.into()));
        // The upper half as a fraction of 2^32.
        ((mixed >> 32) * u64::from(self.spread_ms)) >> 32
    }

    /// The number of the first rule, where this one is a change of others.
    pub fn first(&self) -> u32 {
        self.continues
            .as_ref()
            .map_or(self.id, |continued| continued.first)
    }

    /// The rule that this one becomes where it asks tabs for something else, or is for others. It stands as long as this one would have, and is
    /// open as far. What its tabs were told counts as told, unless it asks them for something else.
    #[must_use]
    pub fn changed(&self, id: u32, (audience, mode): (Audience, Mode), created_ms: u64) -> Self {
        let earlier = self.continues.iter().flat_map(|continued| &continued.told);
        let told = earlier.copied().chain([self.id]).collect();
        Self {
            id,
            audience,
            mode,
            created_ms,
            continues: Some(Box::new(Continued {
                before: self.id,
                first: self.first(),
                told: if mode == self.mode { told } else { Vec::new() },
            })),
            ..self.clone()
        }
    }

    /// Whether a page load that was told command `id` has been told this rule.
    pub fn is_told_by(&self, id: u32) -> bool {
        let earlier = self.continues.iter().flat_map(|continued| &continued.told);
        self.id == id || earlier.into_iter().any(|told| *told == id)
    }

    /// The place of a tab with this hash: below [`PLACES`], and the same wherever and whenever it is asked for. It says nothing about
    /// [`Rule::moment_ms`].
    pub fn place(&self, tab: u64) -> u16 {
        let mixed = scatter(tab ^ scatter(u64::from(self.first()) | 1 << 32));
        u16::try_from(((mixed >> 32) * u64::from(PLACES)) >> 32).unwrap_or_default()
    }

    /// Whether the rule is open to a tab with this hash.
    pub fn is_open_to(&self, tab: u64) -> bool {
        let waves = self.waves.as_ref();
        waves.is_none_or(|waves| self.place(tab) < waves.open.parts())
    }

    /// Whether a tab that shows `route` and runs `version` is concerned, its page load aside.
    pub fn concerns(&self, route: &str, version: &str, releases: &ReleaseLog) -> bool {
        self.concerns_route(route) && self.concerns_version(version, releases)
    }

    /// Whether tabs on `route` are concerned.
    pub fn concerns_route(&self, route: &str) -> bool {
        self.pattern.matches(route)
    }

    /// Whether the rule applies to every route, also to one whose name is not known.
    pub fn concerns_every_route(&self) -> bool {
        self.pattern.matches_everything()
    }

    /// Whether tabs that run `version` are concerned.
    pub fn concerns_version(&self, version: &str, releases: &ReleaseLog) -> bool {
        let listed = self.versions.as_ref().is_none_or(|versions| {
            versions
                .binary_search_by(|listed| (**listed).cmp(version))
                .is_ok()
        });
        let behind = match self.audience {
            Audience::All => true,
            Audience::Outdated => releases.is_behind(version, &self.release),
        };
        listed && behind
    }

    /// Whether the rule applies to every version, also to one whose name is not known. A rule that depends on the
    /// version does not apply to such tabs: one that runs the newest build would be refreshed again and again.
    pub fn concerns_every_version(&self) -> bool {
        self.versions.is_none() && self.audience == Audience::All
    }

    /// Whether the rule applies to no version at all.
    fn concerns_no_version(&self) -> bool {
        self.versions.as_ref().is_some_and(Vec::is_empty)
            || self.audience == Audience::Outdated && &*self.release == UNRELEASED
    }

    /// Whether it applies to a route; `None`: the route is not known.
    pub fn judge_route(&self, route: Option<&str>) -> Applies {
        match route {
            Some(route) => self.concerns_route(route).into(),
            None if self.concerns_every_route() => Applies::Yes,
            None => Applies::Unknown,
        }
    }

    /// Whether it applies to a version; `None`: the version is not known.
    pub fn judge_version(&self, version: Option<&str>, releases: &ReleaseLog) -> Applies {
        match version {
            Some(version) => self.concerns_version(version, releases).into(),
            None if self.concerns_every_version() => Applies::Yes,
            None if self.concerns_no_version() => Applies::No,
            None => Applies::Unknown,
        }
    }

    /// Whether a page that had seen commands up to `since` when it was loaded came before this one. Only rules for all
    /// tabs need this: otherwise they would reload a page that has reloaded.
    pub fn concerns_page_load(&self, since: u32) -> bool {
        self.audience == Audience::Outdated || since < self.first()
    }

    /// Moves its times by this.
    fn move_times(&mut self, delta_ms: i64) {
        self.created_ms = self.created_ms.saturating_add_signed(delta_ms);
        self.expires_ms = self.expires_ms.saturating_add_signed(delta_ms);
        if let Some(waves) = &mut self.waves {
            waves.since_ms = waves.since_ms.saturating_add_signed(delta_ms);
        }
    }

    /// Whether a newer rule makes this one superfluous: the same tabs, asked for the same.
    pub fn is_replaced_by(&self, new: &Self) -> bool {
        self.id < new.id
            && self.pattern == new.pattern
            && self.versions == new.versions
            && self.audience == new.audience
            && self.mode == new.mode
    }
}
