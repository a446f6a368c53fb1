//! Signing in and out.

use serde::{Deserialize, Serialize};

use crate::protocol::nodes::NodesAsked;

/// A secret to exchange for a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The admin secret.
    pub secret: String,
}

/// The ticket was issued. It is in the `Set-Cookie` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    /// Always true.
    pub ok: bool,
    /// When the ticket ends.
    pub expires_at: u64,
}

/// The ticket was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedOutAnswer {
    /// Always true.
    pub ok: bool,
    /// In a cluster, how many nodes have ended it by now. The others do when they are heard again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}
