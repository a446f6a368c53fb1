//! Bodies of the admin API, requests and answers. Field names are the wire's; times are milliseconds since the Unix epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Answer of `GET stats`: everything that is open, summed. The specification's `Stats`, with the list behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsAnswer {
    /// Open connections.
    pub total: u64,
    /// Those of tabs that somebody can see.
    pub visible: u64,
    /// Open connections by version. Sums to `total`.
    pub versions: BTreeMap<String, u64>,
    /// Open connections by route. Sums to `total`, or is empty with route tracking off.
    pub routes: BTreeMap<String, u64>,
    /// Connections one by one, up to the limit.
    pub connections: Vec<ConnectionRow>,
    /// True where `connections` does not hold all; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connections_truncated: bool,
}

/// One open connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// The id its tab was told.
    pub id: String,
    /// The build the tab runs.
    pub version: String,
    /// The page it shows; absent with route tracking off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The client address; absent with IP tracking off, or where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// True where nobody can see the tab; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Answer of `GET connections`: one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsAnswer {
    /// The connections of this page.
    pub connections: Vec<ConnectionRow>,
    /// What to send as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Answer of `GET refusals`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalsAnswer {
    /// Pages that were refused for their origin, the pair that came first first.
    pub refusals: Vec<RefusedEntry>,
}

/// Pages of one origin that were refused under one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEntry {
    /// The origin as it was sent; empty where none was.
    pub origin: String,
    /// The host that was asked, as the server saw it.
    pub host: String,
    /// How often.
    pub count: u64,
    /// When it happened last.
    pub last_at: u64,
}

/// Body of `POST releases`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The build that is now current.
    pub version: String,
}

/// One announced release; also the answer of `POST releases`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseEntry {
    /// The command's number.
    pub id: u32,
    /// The build.
    pub version: String,
    /// When it was announced.
    pub announced_at: u64,
}

/// Answer of `GET releases`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasesAnswer {
    /// The release that is current.
    pub current: String,
    /// The log, oldest first.
    pub releases: Vec<ReleaseEntry>,
}

/// Which routes: exactly one of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "MatchFields")]
pub enum MatchBody {
    /// This route alone.
    Exact(String),
    /// Every route that begins with this text.
    Prefix(String),
    /// This route and everything below it: `/checkout` is also `/checkout/pay`, not `/checkout-help`.
    Segment(String),
    /// `*` stands for any text without a slash, `**` for any text, `?` for one character other than a slash.
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

/// Whom a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceBody {
    /// Tabs on a release older than the current one.
    #[default]
    Outdated,
    /// Every page load from before the command.
    All,
}

/// What a matching tab is asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModeBody {
    /// Refresh.
    #[default]
    Force,
    /// Offer the refresh to its user.
    Prompt,
}

/// Body of `POST invalidations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidationRequest {
    /// Which routes.
    #[serde(rename = "match")]
    pub matches: MatchBody,
    /// Only tabs on one of these versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
    /// Whom it is for. Default `outdated`.
    #[serde(default)]
    pub audience: AudienceBody,
    /// What they are asked to do. Default `force`.
    #[serde(default)]
    pub mode: ModeBody,
    /// How long the rule stands, seconds. Default: the server's `rule_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u32>,
    /// Over how long the tabs are told, milliseconds; `0`: at once. Default: the more tabs, the longer.
    #[serde(default, rename = "spreadMs", skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u32>,
    /// Answer what it would hit, and touch nothing.
    #[serde(default, rename = "dryRun")]
    pub dry_run: bool,
}

/// A standing rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEntry {
    /// The command's number.
    pub id: u32,
    /// Which routes.
    #[serde(rename = "match")]
    pub matches: MatchBody,
    /// Only tabs on one of these versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
    /// Whom it is for.
    pub audience: AudienceBody,
    /// What they are asked to do.
    pub mode: ModeBody,
    /// The release that was current when the rule was made: what matching tabs must at least run.
    pub release: String,
    /// When it was made.
    pub created_at: u64,
    /// When it lapses.
    pub expires_at: u64,
    /// Over how long the tabs that were open then are told, milliseconds. Absent where they were told at once.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub spread_ms: u32,
    /// What became of it. Kept by the running server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<OutcomesEntry>,
}

/// What became of a rule since the server began: page loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomesEntry {
    /// It applied to.
    pub matched: u64,
    /// Were sent it.
    pub told: u64,
    /// Came back for it.
    pub reloaded: u64,
    /// Are here, and their work holds the refresh.
    pub held: u64,
    /// Are here, and wait for the new build: the page is not well, or still comes as the old one.
    #[serde(default)]
    pub waiting: u64,
    /// Are here, and asked their users.
    pub prompted: u64,
    /// Are here, were loaded anew for it, and got the same build.
    pub stuck: u64,
    /// Are here and have nothing to do.
    pub current: u64,
    /// Were told, left, and did not come back.
    pub gone: u64,
    /// Are here, and it cannot be known whether it applies to them. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
}

/// Answer of `POST invalidations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvalidationAnswer {
    /// The command's number; absent for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Open tabs it hits now.
    pub tabs: u64,
    /// Distinct routes those tabs are on.
    pub routes: u64,
    /// Open tabs of which it cannot be known whether it hits them: the server keeps no more texts of routes or versions than
    /// `unnamed_bytes_max` allows. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Over how long they are told, milliseconds. Absent where they are told at once.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub spread_ms: u32,
    /// Whether nothing was touched.
    pub dry_run: bool,
    /// Rules that no longer stand because of this one: replaced by it (same match, versions, audience and mode), or the
    /// oldest where too many stood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<u32>,
}

/// Answer of `GET invalidations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidationsAnswer {
    /// Standing rules, oldest first.
    pub invalidations: Vec<RuleEntry>,
}

/// Answer of `DELETE invalidations/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftAnswer {
    /// True.
    pub ok: bool,
    /// The rule that no longer stands.
    pub id: u32,
}

/// Body of `POST invalidate-route`, the specification's own call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidateRouteRequest {
    /// Tabs whose route equals this or begins with it.
    pub route: String,
    /// Over how long the tabs are told, milliseconds; `0`: at once. Default: the more tabs, the longer.
    #[serde(default, rename = "spreadMs", skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u32>,
    /// The admin secret, where it does not come as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Answer of `POST invalidate-route`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvalidateRouteAnswer {
    /// True.
    pub ok: bool,
    /// The route that was asked for.
    pub route: String,
    /// The command's number.
    pub id: u32,
    /// Open tabs it hits now.
    pub tabs: u64,
    /// Open tabs of which it cannot be known whether it hits them. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Over how long they are told, milliseconds. Absent where they are told at once.
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

/// Body of `POST session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The admin secret.
    pub secret: String,
}

/// Answer of `POST session`; the ticket itself is in the `Set-Cookie` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    /// True.
    pub ok: bool,
    /// When the ticket ends.
    pub expires_at: u64,
}

/// Every refusal of the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong, for a program and for its reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable, machine-readable, kebab-case: `unauthorized`, `not-configured`, `invalid-body`, `invalid-pattern`, …
    pub code: String,
    /// What happened and what to do next.
    pub message: String,
}
