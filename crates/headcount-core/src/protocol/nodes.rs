//! Answer of `GET nodes`, and how many nodes of a cluster an answer speaks of.

use serde::{Deserialize, Serialize};

/// How many nodes of the cluster an answer speaks of. Where `answered` is less than `of`, the numbers are partial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct NodesAsked {
    /// Nodes whose numbers are in the answer.
    pub answered: u32,
    /// Nodes that may hold tabs.
    pub of: u32,
    /// The names of those that did not answer, in alphabetical order. Absent where all did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl NodesAsked {
    /// So many nodes answered, and those that are named did not.
    ///
    /// ```
    /// use headcount_core::protocol::nodes::NodesAsked;
    ///
    /// let asked = NodesAsked::new(2, vec!["c".to_owned()]);
    /// assert_eq!(asked.of, 3);
    /// assert!(asked.is_partial());
    /// ```
    pub fn new(answered: usize, mut missing: Vec<String>) -> Self {
        let number = |nodes: usize| u32::try_from(nodes).unwrap_or(u32::MAX);
        missing.sort_unstable();
        Self {
            answered: number(answered),
            of: number(answered + missing.len()),
            missing,
        }
    }

    /// Whether some nodes did not answer.
    ///
    /// ```
    /// use headcount_core::protocol::nodes::NodesAsked;
    ///
    /// assert!(!NodesAsked::new(3, Vec::new()).is_partial());
    /// assert!(NodesAsked::new(2, vec!["c".to_owned()]).is_partial());
    /// ```
    pub fn is_partial(&self) -> bool {
        self.answered < self.of
    }
}

/// The nodes of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NodesAnswer {
    /// The name of the cluster.
    pub cluster: String,
    /// Whether the broker is reached. While it is not, only this node is seen, and commands are refused.
    pub broker_reached: bool,
    /// The nodes that are there, by name.
    pub nodes: Vec<NodeEntry>,
    /// The nodes that fell silent without saying that they end, by name. Each is listed for a minute, or until it is back. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingNode>,
}

/// One node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NodeEntry {
    /// Its id: 8 hexadecimal digits, another one after each start.
    pub id: String,
    /// What its operator calls it.
    pub name: String,
    /// The release of headcount that it runs.
    pub software: String,
    /// Its open connections, as of at most a second ago.
    pub tabs: u64,
    /// How many commands it has yet to read, at most 100,000. Those of the last two to three seconds do not count.
    pub lag: u64,
    /// How far its clock is ahead of the clocks of most nodes (negative: behind), milliseconds. Only there if it is more than ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Whether it is draining.
    pub drains: bool,
    /// Whether stats are watched there.
    pub watches: bool,
    /// Whether it is the node that answers.
    pub here: bool,
    /// What is set otherwise there than at the node that answers, where it must be the same: `admin secret`, `bridge secret`, `paths`, `tracking`,
    /// `authorize`, `limits of rules`, `limits of names`. Left out where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub differs: Vec<String>,
}

/// A node that fell silent without saying that it ends. It may run on, and hold tabs that are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MissingNode {
    /// The id that it had.
    pub id: String,
    /// What its operator calls it.
    pub name: String,
    /// Since when it is missing: milliseconds since the Unix epoch.
    pub lost_at: u64,
}
