//! Changes of a rule that stands.

use serde::{Deserialize, Serialize};

use super::{AudienceBody, ModeBody, NodesAsked, RuleEntry};

/// What to change of a rule: either its state, or whom it is for and what it asks of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Pause a rule in waves, let it go on, or end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateBody>,
    /// Which tabs the rule is for. It can change from `outdated` to `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<AudienceBody>,
    /// What a matching tab does. It can change from `prompt` to `force`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeBody>,
}

/// What becomes of a rule in waves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StateBody {
    /// It opens further. What stopped it does not stop it again.
    Running,
    /// It opens no further. Tabs that it is open to are told when they come.
    Paused,
    /// It ends. Tabs that were told keep the command.
    Aborted,
}

/// A rule after it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeAnswer {
    /// The rule as it is now. One that asks for something else, or is for others, has another number. One that was aborted is as it was in the
    /// end.
    pub invalidation: RuleEntry,
    /// How many nodes of the cluster know that by now; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}
