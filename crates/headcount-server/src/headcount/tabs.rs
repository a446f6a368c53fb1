//! What one tab is told, and what it says without a socket.

use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::stats::Form;
use headcount_shard::Mark;

use super::Headcount;
use crate::authorize::Credentials;
use crate::error::Refusal;
use crate::shard::{Handle, Mail};
use crate::tab::{SendError, Tab};

impl Headcount {
    /// A handle on the tab with this connection id, whether or not it is still open.
    pub fn tab(&self, connection_id: &str) -> Result<Tab, SendError> {
        let key = self
            .0
            .site
            .cipher
            .key(connection_id)
            .ok_or(SendError::NoSuchConnection)?;
        Ok(Tab {
            key,
            id: self.0.site.cipher.id(key),
            shards: self.0.shards.clone(),
        })
    }

    /// Puts a connection on another page, soon. Whether there is such a connection, and the route is one.
    pub(crate) fn navigate(&self, connection_id: &str, route: &str) -> bool {
        let route_bytes_max = self.0.site.config.limits.route_bytes_max;
        let key = self.0.site.cipher.key(connection_id);
        key.is_some_and(|key| self.0.shards.post_route(key, route, route_bytes_max))
    }

    /// Hands a message, said by POST, to the connection it is of. Whether there is such a connection.
    pub(crate) fn say(&self, connection_id: &str, text: &str) -> Result<bool, Refusal> {
        let bytes_max = self.0.site.config.limits.message_bytes_max as usize;
        let found = self.find(connection_id).filter(|(key, shard)| shard.holds(*key));
        let Some((key, shard)) = found.filter(|_| text.len() <= bytes_max) else {
            return Ok(false);
        };
        let text = text.into();
        shard
            .offer(Mail::Received { key, text })
            .map_err(|_| Refusal::overloaded())?;
        Ok(true)
    }

    pub(crate) fn subscribe(
        &self,
        connection_id: &str,
        form: Form,
        credentials: Option<Arc<Credentials>>,
        browser: Mark,
    ) -> Result<(), Refusal> {
        let Some((key, shard)) = self.find(connection_id) else {
            return Ok(());
        };
        shard
            .offer(Mail::Subscribe {
                key,
                form,
                credentials,
                browser,
            })
            .map_err(|_| Refusal::overloaded())
    }

    fn find(&self, connection_id: &str) -> Option<(ConnectionKey, &Handle)> {
        let key = self.0.site.cipher.key(connection_id)?;
        Some((key, self.0.shards.of(key)?))
    }
}
