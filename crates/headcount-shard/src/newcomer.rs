//! A connection that may open, as its request says.

use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::protocol::client::{Reloaded, Resume};

use crate::credentials::Credentials;
use crate::mark::Mark;

/// How messages reach the tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Server-sent events.
    Sse,
    /// WebSocket messages.
    WebSocket,
}

/// A connection that may open.
#[derive(Debug)]
pub struct Newcomer {
    /// How messages reach it.
    pub transport: Transport,
    /// The build that it runs. `None`: the current release.
    pub version: Option<String>,
    /// The page that it shows, in its normal form.
    pub route: String,
    /// The hash of its tab id.
    pub tab: Option<u64>,
    /// What it knows from before.
    pub resume: Option<Resume>,
    /// The tab is hidden.
    pub hidden: bool,
    /// It answers each `keepalive`, on either transport.
    pub owes: bool,
    /// The commands that the page was reloaded for.
    pub reloaded: Reloaded,
    /// Its address, if that may be kept.
    pub ip: Option<IpAddr>,
    /// The credentials of a WebSocket handshake, for a subscription by message. SSE subscribes by POST, which sends them
    /// again.
    pub credentials: Option<Arc<Credentials>>,
    /// The mark of what was shown.
    pub shown: Mark,
    /// The mark of its browser's cookie; [`Mark::NONE`] where that is not needed.
    pub browser: Mark,
}
