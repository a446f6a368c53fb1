//! A handle on one open tab.

use std::fmt;
use std::sync::Arc;

use headcount_core::cluster::{Errand, Relay, RelayOutcome};
use headcount_core::connection::{ConnectionId, ConnectionKey, NodeId};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::nodes::Nodes;
use crate::shard::{Mail, Shards};

/// Sends JSON to one tab. Cheap to clone, and harmless to keep after the tab is gone.
#[derive(Clone)]
pub struct Tab {
    pub(crate) key: ConnectionKey,
    pub(crate) id: ConnectionId,
    pub(crate) shards: Shards,
    /// The other node that holds it; `None`: this server does.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// Another node of the cluster, and the way there.
#[derive(Clone)]
pub(crate) struct Elsewhere {
    pub(crate) node: NodeId,
    pub(crate) nodes: Nodes,
    pub(crate) within_ms: u32,
}

impl fmt::Debug for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tab").field(&self.id).finish()
    }
}

/// A message that is on its way.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "bridge"),
    allow(dead_code, reason = "only an app server behind a bridge is told")
)]
pub(crate) enum Begun {
    /// To a shard of this server.
    Here,
    /// To another node, which says whether the tab is open.
    There(oneshot::Receiver<RelayOutcome>),
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The value has no JSON form.
    #[error("the message has no JSON form")]
    NotJson(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The message is longer than `limits.send_bytes_max`.
    #[error("the message has {bytes} bytes; at most {bytes_max} are sent")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The text names no connection of this server.
    #[error("no such connection")]
    NoSuchConnection,
    /// The shard of the tab is overloaded; the message is dropped.
    #[error("the server is overloaded; the message was dropped")]
    Overloaded,
}

impl Tab {
    /// The tab's connection id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Sends a message: any value whose JSON form is an object with a `type`. Messages arrive at most once, in order.
    /// If the tab is gone by now, it gets nothing, and the call succeeds.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// use headcount_server::{Config, Headcount};
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let mut browser = example::open_tab(&headcount, "/").await?;
    /// # let connection_id = browser.id.clone();
    /// let message = serde_json::json!({ "type": "notice", "text": "your order has shipped" });
    /// headcount.tab(&connection_id)?.send(&message)?;
    /// # assert_eq!(browser.message("notice").await?["text"], "your order has shipped");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn send(&self, message: &impl Serialize) -> Result<(), SendError> {
        self.begin(message).map(drop)
    }

    /// As [`Tab::send`], and says what becomes of a message that another node is passed.
    pub(crate) fn begin(&self, message: &impl Serialize) -> Result<Begun, SendError> {
        let text = serde_json::to_string(message).map_err(|error| SendError::NotJson(error.into()))?;
        let bytes_max = self.shards.send_bytes_max();
        if text.len() > bytes_max {
            return Err(SendError::TooLong {
                bytes: text.len(),
                bytes_max,
            });
        }
        if let Some(Elsewhere {
            node,
            nodes,
            within_ms,
        }) = &self.elsewhere
        {
            let relay = Relay {
                connection: self.key,
                errand: Errand::Send(text.into()),
            };
            let outcome = nodes.begin_relay(*node, relay, *within_ms);
            return outcome.map(Begun::There).ok_or(SendError::Overloaded);
        }
        self.shards
            .of(self.key)
            .ok_or(SendError::NoSuchConnection)?
            .offer(Mail::Send {
                key: self.key,
                text: Arc::from(text),
            })
            .map_err(|_| SendError::Overloaded)?;
        Ok(Begun::Here)
    }
}
