//! Answer of `GET adoption`: how far a release has come.

use serde::{Deserialize, Serialize};

use super::nodes::NodesAsked;
use crate::pages::Adoption;

/// How far a release has come, on the whole site or on a route and below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdoptionAnswer {
    /// When the numbers were given, by the clock of the server.
    pub at: u64,
    /// The release that was asked for.
    pub release: String,
    /// The current release; `unreleased` before the first.
    pub current: String,
    /// When the release was announced last. Absent if the server remembers no announcement of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced_at: Option<u64>,
    /// Open tabs on the routes.
    pub total: u64,
    /// Open tabs that run the release.
    pub on: u64,
    /// Open tabs that run another version. With `on` they sum to `total`.
    pub behind: u64,
    /// Those of `behind` that their users cannot see. Absent while a node of the cluster does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_hidden: Option<u64>,
    /// The share of the tabs that run the release, from 0 to 1, rounded down to four places. Absent if no tab is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Open tabs that are in none of these numbers, because their route is not known. Absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// For how long the server that answers is running, in milliseconds. Tabs take some seconds to come back after a start.
    pub uptime_ms: u64,
    /// How many nodes of the cluster are in these numbers; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

impl AdoptionAnswer {
    /// The answer with these counts, and nothing else yet.
    pub fn counting(counts: &Adoption) -> Self {
        Self {
            total: counts.total,
            on: counts.on,
            behind: counts.total.saturating_sub(counts.on),
            behind_hidden: counts.behind_hidden,
            share: share(counts.on, counts.total),
            unknown: counts.unknown,
            ..Self::default()
        }
    }
}

/// A share to four places. Rounded down, so that no share looks reached which is not.
fn share(on: u64, total: u64) -> Option<f64> {
    let of_ten_thousand = (u128::from(on) * 10_000).checked_div(u128::from(total))?;
    u32::try_from(of_ten_thousand)
        .ok()
        .map(|share| f64::from(share) / 10_000.0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(94_999, 100_000), Some(0.9499));
        assert_eq!(share(19, 20), Some(0.95));
        assert_eq!(share(u64::MAX - 1, u64::MAX), Some(0.9999));
        assert_eq!(share(7, 7), Some(1.0));
    }
}
