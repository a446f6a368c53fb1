//! What one tab is told, and what it says without a socket. In a cluster it may be a tab of another node.

use std::sync::Arc;

use headcount_core::cluster::{Errand, Relay, RelayOutcome};
use headcount_core::connection::{ConnectionKey, Located, NodeId};
use headcount_core::stats::Form;
use headcount_shard::Mark;

use super::Headcount;
use crate::authorize::Credentials;
use crate::error::Refusal;
use crate::nodes::{Nodes, write_shown};
use crate::shard::{Handle, Mail};
use crate::tab::{Elsewhere, SendError, Tab};

/// A connection, and who holds it.
enum Holder<'a> {
    /// A shard of this server.
    Here(ConnectionKey, &'a Handle),
    /// Another node of the cluster.
    Node(NodeId, ConnectionKey, &'a Nodes),
}

impl Headcount {
    /// A handle on the tab with this connection id, whether or not it is still open.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// use headcount_server::{Config, Headcount, SendError};
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// assert!(matches!(headcount.tab("of-nobody"), Err(SendError::NoSuchConnection)));
    /// # let tab = example::open_tab(&headcount, "/").await?;
    /// # let connection_id = tab.id;
    /// // A tab knows its connection id, and can tell it to the app.
    /// let tab = headcount.tab(&connection_id)?;
    /// assert_eq!(tab.id().as_str(), connection_id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn tab(&self, connection_id: &str) -> Result<Tab, SendError> {
        let (node, key) = match (self.site().cipher.locate(connection_id), self.others()) {
            (Located::Here(key), _) => (None, key),
            (Located::At(node, key), Some(nodes)) => {
                let within_ms = self.everywhere().within_ms;
                let nodes = nodes.clone();
                (
                    Some(Elsewhere {
                        node,
                        nodes,
                        within_ms,
                    }),
                    key,
                )
            }
            (Located::At(..), None) | (Located::Unknown, _) => return Err(SendError::NoSuchConnection),
        };
        let at = node
            .as_ref()
            .map_or(self.site().cipher.node(), |elsewhere| elsewhere.node);
        Ok(Tab {
            key,
            id: self.site().cipher.id_at(at, key),
            shards: self.shards().clone(),
            elsewhere: node,
        })
    }

    /// Puts a connection on another page, soon. Whether there is such a connection, and the route is one.
    pub(crate) async fn navigate(&self, connection_id: &str, route: &str) -> bool {
        let route_bytes_max = self.site().config.limits.route_bytes_max;
        match self.find(connection_id) {
            Some(Holder::Here(key, _)) => self.shards().post_route(key, route, route_bytes_max),
            Some(Holder::Node(node, key, nodes)) => {
                self.relay((node, key, nodes), Errand::Navigate(route.into()))
                    .await
            }
            None => false,
        }
    }

    /// Hands a message, said by POST, to the connection it is of. Whether there is such a connection.
    pub(crate) async fn say(&self, connection_id: &str, text: &str) -> Result<bool, Refusal> {
        let bytes_max = self.site().config.limits.message_bytes_max as usize;
        if text.len() > bytes_max {
            return Ok(false);
        }
        match self.find(connection_id) {
            Some(Holder::Here(key, shard)) if shard.holds(key) => {
                let text = text.into();
                shard
                    .offer(Mail::Received { key, text })
                    .map_err(|_| Refusal::overloaded())?;
                Ok(true)
            }
            Some(Holder::Node(node, key, nodes)) => {
                Ok(self.relay((node, key, nodes), Errand::Say(text.into())).await)
            }
            Some(Holder::Here(..)) | None => Ok(false),
        }
    }

    pub(crate) async fn subscribe(
        &self,
        connection_id: &str,
        form: Form,
        credentials: Option<Arc<Credentials>>,
        browser: Mark,
    ) -> Result<(), Refusal> {
        match self.find(connection_id) {
            Some(Holder::Here(key, shard)) => shard
                .offer(Mail::Subscribe {
                    key,
                    form,
                    credentials,
                    browser,
                })
                .map_err(|_| Refusal::overloaded()),
            Some(Holder::Node(node, key, nodes)) => {
                let credentials = write_shown(credentials.as_deref(), browser);
                // As here, the answer does not say what becomes of it.
                self.relay((node, key, nodes), Errand::Subscribe { form, credentials })
                    .await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn relay(
        &self,
        (node, connection, nodes): (NodeId, ConnectionKey, &Nodes),
        errand: Errand,
    ) -> bool {
        let relay = Relay { connection, errand };
        let within_ms = self.everywhere().within_ms;
        nodes.relay(node, relay, within_ms).await == RelayOutcome::Taken
    }

    fn find(&self, connection_id: &str) -> Option<Holder<'_>> {
        match self.site().cipher.locate(connection_id) {
            Located::Here(key) => Some(Holder::Here(key, self.shards().of(key)?)),
            Located::At(node, key) => Some(Holder::Node(node, key, self.others()?)),
            Located::Unknown => None,
        }
    }
}
