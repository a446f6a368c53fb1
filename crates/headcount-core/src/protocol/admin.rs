//! Bodies of the admin API, requests and answers. Field names are the wire's; times are milliseconds since the Unix epoch.
//!
//! Answers get new fields with new versions, and so do entries in them: other crates begin with a default, or with a constructor.

mod change;
mod refusals;
mod releases;
mod session;
mod spread;

use std::collections::BTreeMap;

use super::nodes::NodesAsked;
use serde::{Deserialize, Serialize};

pub use change::{ChangeAnswer, ChangeRequest, StateBody};
pub use refusals::{RefusalsAnswer, RefusedEntry};
pub use releases::{ReleaseEntry, ReleaseRequest, ReleasesAnswer};
pub use session::{SessionAnswer, SessionRequest, SignedOutAnswer};
pub use spread::{
    ContinuesEntry, FindingEntry, MeasureBody, Percent, SeenEntry, SpreadEntry, SpreadRequest, SpreadState,
    StopIfBody, StopIfRequest,
};

/// The open tabs: how many, by version and by route, and the first of them one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StatsAnswer {
    /// Open connections.
    pub total: u64,
    /// Connections of tabs that their users can see.
    pub visible: u64,
    /// Open connections by version. Sums to `total`.
    pub versions: BTreeMap<String, u64>,
    /// Open connections by route. Sums to `total`, or is empty with route tracking off.
    pub routes: BTreeMap<String, u64>,
    /// The first connections, at most `limits.stats_connections_max`.
    pub connections: Vec<ConnectionRow>,
    /// True if `connections` does not list all of them; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connections_truncated: bool,
    /// How many nodes of the cluster are in these numbers; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// One open connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ConnectionRow {
    /// The id that the server gave to its tab.
    pub id: String,
    /// The build the tab runs.
    pub version: String,
    /// The page that the tab shows; absent with route tracking off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The client address; absent with IP tracking off, and where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// True if the tab is hidden; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// One page of the list of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ConnectionsAnswer {
    /// The connections of this page.
    pub connections: Vec<ConnectionRow>,
    /// What to send as `cursor` for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many nodes of the cluster answered; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// Which routes: exactly one of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase", try_from = "MatchFields")]
#[non_exhaustive]
pub enum MatchBody {
    /// This route alone.
    Exact(String),
    /// Every route that begins with this text.
    Prefix(String),
    /// This route and everything below it: `/checkout` is also `/checkout/pay`, not `/checkout-help`.
    Segment(String),
    /// `*` matches any text without a slash, `**` any text, `?` one character other than a slash.
    Glob(String),
    /// A regular expression, searched in the route; linear time. Anchor it with `^` and `$`.
    Regex(String),
}

/// What is read of a `match`, so that what is wrong with it can be said.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with exactly one of `exact`, `prefix`, `segment`, `glob` and `regex`"
)]
struct MatchFields {
    exact: Option<String>,
    prefix: Option<String>,
    segment: Option<String>,
    glob: Option<String>,
    regex: Option<String>,
}

impl TryFrom<MatchFields> for MatchBody {
    type Error = &'static str;

    fn try_from(fields: MatchFields) -> Result<Self, Self::Error> {
        let mut given = [
            fields.exact.map(Self::Exact),
            fields.prefix.map(Self::Prefix),
            fields.segment.map(Self::Segment),
            fields.glob.map(Self::Glob),
            fields.regex.map(Self::Regex),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(
                "`match` takes exactly one of `exact`, `prefix`, `segment`, `glob` and `regex`, with its text",
            ),
        }
    }
}

/// Which tabs a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AudienceBody {
    /// Tabs on a release older than the current one.
    #[default]
    Outdated,
    /// Every page that was loaded before the command.
    All,
}

/// What a matching tab does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ModeBody {
    /// Refresh.
    #[default]
    Force,
    /// Offer the refresh to the user.
    Prompt,
}

/// A rule to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InvalidationRequest {
    /// Which routes.
    #[serde(rename = "match")]
    pub matches: MatchBody,
    /// Only tabs on one of these versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
    /// Which tabs the rule is for. Default `outdated`.
    #[serde(default)]
    pub audience: AudienceBody,
    /// What a matching tab does. Default `force`.
    #[serde(default)]
    pub mode: ModeBody,
    /// How long the rule stands, in seconds. Default: `limits.rule_seconds` of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u32>,
    /// Over how long the tabs are told, in milliseconds; `0` tells all at once. Default: the more tabs, the longer.
    #[serde(default, rename = "spreadMs", skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u32>,
    /// Tell the tabs in waves, which can be paused and stop by themselves. Excludes `spreadMs`. Default: all tabs are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<SpreadRequest>,
    /// Only count the tabs that the rule would match, and make no rule. Default false.
    #[serde(default, rename = "dryRun")]
    pub dry_run: bool,
}

/// A rule that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuleEntry {
    /// The command's number.
    pub id: u32,
    /// Which routes.
    #[serde(rename = "match")]
    pub matches: MatchBody,
    /// Only tabs on one of these versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
    /// Which tabs it is for.
    pub audience: AudienceBody,
    /// What a matching tab does.
    pub mode: ModeBody,
    /// The release that was current when the rule was made: what matching tabs must at least run.
    pub release: String,
    /// When it was made.
    pub created_at: u64,
    /// When it expires.
    pub expires_at: u64,
    /// Over how long the tabs that were open then are told, in milliseconds. Absent if they were told at once.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub spread_ms: u32,
    /// How it opens, and how far it is open. Absent if it is not in waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Box<SpreadEntry>>,
    /// The rule that this one is a change of. Absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Box<ContinuesEntry>>,
    /// What tabs did about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub outcomes: Option<OutcomesEntry>,
}

/// What tabs did about a rule since the server started, counted by page load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct OutcomesEntry {
    /// Page loads that the rule matched.
    pub matched: u64,
    /// Page loads that were told.
    pub told: u64,
    /// Told page loads that refreshed.
    pub reloaded: u64,
    /// Open tabs that hold the refresh back because their user has unsaved work.
    pub held: u64,
    /// Open tabs that wait for the new build: the page answers with an error, or still comes as the old build.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub waiting: u64,
    /// Open tabs that asked their users.
    pub prompted: u64,
    /// Open tabs that refreshed and got the same build again.
    pub stuck: u64,
    /// Open tabs that have nothing to do.
    pub current: u64,
    /// Told page loads that left and did not come back.
    pub gone: u64,
    /// Open tabs for which the server cannot know whether the rule matches. Absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
}

/// A rule that was made, or that would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InvalidationAnswer {
    /// The command's number; absent for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Open tabs that it matches now.
    pub tabs: u64,
    /// Distinct routes of those tabs.
    pub routes: u64,
    /// Open tabs for which the server cannot know whether the rule matches, because their route or version did not fit
    /// into `limits.unnamed_bytes_max`. Absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Over how long they are told, in milliseconds. Absent if they are told at once.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub spread_ms: u32,
    /// How it opens. Absent if it is not in waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Box<SpreadEntry>>,
    /// Whether this was a dry run, which changes nothing.
    pub dry_run: bool,
    /// Rules that no longer stand because of this one. It replaces a rule with the same match, versions, audience and mode; beyond
    /// `limits.rules_max` the oldest rule ends. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<u32>,
    /// How many nodes of the cluster are in these numbers; absent without a cluster. Tabs of a node that did not answer in time are told all
    /// the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// The rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct InvalidationsAnswer {
    /// The rules that stand, oldest first.
    pub invalidations: Vec<RuleEntry>,
    /// How many nodes of the cluster are in the outcomes; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// The rule that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LiftAnswer {
    /// Always true.
    pub ok: bool,
    /// The number of the rule that no longer stands.
    pub id: u32,
    /// How many nodes of the cluster know that by now; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

impl LiftAnswer {
    /// The rule with this number no longer stands here.
    pub fn new(id: u32) -> Self {
        Self {
            ok: true,
            id,
            nodes: None,
        }
    }
}

/// A route to refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvalidateRouteRequest {
    /// Tabs refresh if their route begins with this.
    pub route: String,
    /// Over how long the tabs are told, in milliseconds; `0` tells all at once. Default: the more tabs, the longer.
    #[serde(default, rename = "spreadMs", skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u32>,
    /// The admin secret, if it does not come as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// The rule that was made for the route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InvalidateRouteAnswer {
    /// Always true.
    pub ok: bool,
    /// The route of the request.
    pub route: String,
    /// The command's number.
    pub id: u32,
    /// Open tabs that it matches now.
    pub tabs: u64,
    /// Open tabs for which the server cannot know whether the rule matches. Absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Over how long they are told, in milliseconds. Absent if they are told at once.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub spread_ms: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none_ms(number: &u32) -> bool {
    *number == 0
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorAnswer {
    /// The error.
    pub error: ErrorBody,
}

/// An error, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// A stable code for programs, such as `unauthorized` or `invalid-pattern`.
    pub code: String,
    /// What is wrong and what to do about it, for people.
    pub message: String,
}
