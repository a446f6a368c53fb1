//! Between the admin API's bodies and the domain.

mod spread;

use super::admin::{AudienceBody, MatchBody, ModeBody, OutcomesEntry, ReleaseEntry, RuleEntry};
use crate::invalidation::{Audience, Mode, Rule, in_order};
use crate::limits::Limits;
use crate::pattern::{PatternError, RoutePattern};
use crate::registry::Outcomes;
use crate::release::Release;

pub use spread::{AskedSchedule, SpreadError};

/// Why a rule that was written down cannot stand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleEntryError {
    /// Its pattern does not fit the limits.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Its waves cannot be.
    #[error(transparent)]
    Spread(#[from] SpreadError),
}

/// The pattern that a `match` names.
pub fn pattern(body: &MatchBody, limits: &Limits) -> Result<RoutePattern, PatternError> {
    match body {
        MatchBody::Exact(text) => RoutePattern::exact(text, limits),
        MatchBody::Prefix(text) => RoutePattern::prefix(text, limits),
        MatchBody::Segment(text) => RoutePattern::segment(text, limits),
        MatchBody::Glob(text) => RoutePattern::glob(text, limits),
        MatchBody::Regex(text) => RoutePattern::regex(text, limits),
    }
}

impl From<&RoutePattern> for MatchBody {
    fn from(pattern: &RoutePattern) -> Self {
        let text = pattern.source().to_owned();
        match pattern.kind() {
            "exact" => Self::Exact(text),
            "prefix" => Self::Prefix(text),
            "segment" => Self::Segment(text),
            "glob" => Self::Glob(text),
            _ => Self::Regex(text),
        }
    }
}

impl From<Audience> for AudienceBody {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Outdated => Self::Outdated,
            Audience::All => Self::All,
        }
    }
}

impl From<AudienceBody> for Audience {
    fn from(body: AudienceBody) -> Self {
        match body {
            AudienceBody::Outdated => Self::Outdated,
            AudienceBody::All => Self::All,
        }
    }
}

impl From<Mode> for ModeBody {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Force => Self::Force,
            Mode::Prompt => Self::Prompt,
        }
    }
}

impl From<ModeBody> for Mode {
    fn from(body: ModeBody) -> Self {
        match body {
            ModeBody::Force => Self::Force,
            ModeBody::Prompt => Self::Prompt,
        }
    }
}

impl From<&Release> for ReleaseEntry {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id,
            version: release.version.to_string(),
            announced_at: release.announced_ms,
            nodes: None,
        }
    }
}

impl From<ReleaseEntry> for Release {
    fn from(entry: ReleaseEntry) -> Self {
        Self {
            id: entry.id,
            version: entry.version.into(),
            announced_ms: entry.announced_at,
        }
    }
}

impl From<&Rule> for RuleEntry {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            matches: (&rule.pattern).into(),
            versions: rule.versions.clone(),
            audience: rule.audience.into(),
            mode: rule.mode.into(),
            release: rule.release.to_string(),
            created_at: rule.created_ms,
            expires_at: rule.expires_ms,
            spread_ms: rule.spread_ms,
            spread: rule.waves.as_deref().map(|waves| Box::new(waves.into())),
            continues: rule
                .continues
                .as_deref()
                .map(|continued| Box::new(continued.into())),
            outcomes: None,
        }
    }
}

impl From<Outcomes> for OutcomesEntry {
    fn from(outcomes: Outcomes) -> Self {
        Self {
            matched: outcomes.matched,
            told: outcomes.told,
            reloaded: outcomes.reloaded,
            held: outcomes.held,
            waiting: outcomes.waiting,
            prompted: outcomes.prompted,
            stuck: outcomes.stuck,
            current: outcomes.current,
            gone: outcomes.gone(),
            unknown: outcomes.unknown,
        }
    }
}

impl RuleEntry {
    /// The rule that was written so. Refused where the pattern no longer fits the limits.
    pub fn into_rule(self, limits: &Limits) -> Result<Rule, RuleEntryError> {
        let waves = self.spread.map(|spread| spread.into_waves()).transpose()?;
        Ok(Rule {
            id: self.id,
            pattern: pattern(&self.matches, limits)?,
            versions: self.versions.map(in_order),
            audience: self.audience.into(),
            mode: self.mode.into(),
            release: self.release.into(),
            created_ms: self.created_at,
            expires_ms: self.expires_at,
            spread_ms: self.spread_ms,
            waves: waves.map(Box::new),
            continues: self.continues.map(|continues| Box::new((*continues).into())),
        })
    }
}
