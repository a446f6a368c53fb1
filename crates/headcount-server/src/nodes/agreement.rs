//! Whether all nodes are set the same.
//!
//! Some settings must be the same at all nodes, or answers depend on which node is asked. Each node tells the others a short digest of each, keyed with
//! the secret of the cluster. A node that is set otherwise is mentioned in the log once, and shown with the others; it works on.

use std::collections::BTreeMap;
use std::sync::Arc;

use headcount_core::cluster::{Heartbeat, Settings};
use headcount_core::connection::NodeId;

use crate::config::Config;
use crate::keys::{Hashes, Keys, Purpose};
use crate::secrets::Keyring;

/// Digests of the settings of this node.
#[derive(Debug)]
pub(crate) struct Agreement {
    hashes: Hashes,
    /// Of what stays as long as the server runs.
    fixed: Vec<(Arc<str>, u32)>,
}

impl Agreement {
    pub(crate) fn new(keys: &Keys, config: &Config) -> Self {
        let mut agreement = Self {
            hashes: keys.hashes(Purpose::Settings),
            fixed: Vec::new(),
        };
        let limits = &config.limits;
        let tracking = (
            config.connection_tracking,
            config.route_tracking,
            config.ip_tracking,
        );
        let authorize = (
            config.sealed_session.is_some(),
            config.forward_auth.is_some(),
            config.authorize_bridge,
            config.authorize_anyone,
        );
        let rules = (
            limits.releases_max,
            limits.rules_max,
            limits.rule_seconds,
            limits.spread_ms,
            limits.pattern_bytes_max,
        );
        let names = (
            limits.route_bytes_max,
            limits.version_bytes_max,
            limits.routes_max,
            limits.versions_max,
            limits.stats_connections_max,
        );
        agreement.fixed = vec![
            agreement.digest("paths", (&config.base_path, &config.admin_path)),
            agreement.digest("tracking", tracking),
            agreement.digest("authorize", authorize),
            agreement.digest("limits of rules", rules),
            agreement.digest("limits of names", names),
        ];
        agreement
    }

    /// What the other nodes are told. Secrets can change while the server runs.
    pub(crate) fn settings(&self, keyring: &Keyring) -> Settings {
        let [admin, bridge] = keyring.current();
        let secrets = [
            self.digest("admin secret", admin),
            self.digest("bridge secret", bridge),
        ];
        Settings::new(secrets.into_iter().chain(self.fixed.iter().cloned()))
    }

    fn digest(&self, name: &str, value: impl std::hash::Hash) -> (Arc<str>, u32) {
        let [a, b, c, d, ..] = self.hashes.of((name, value)).to_be_bytes();
        (name.into(), u32::from_be_bytes([a, b, c, d]))
    }
}

/// What was said of nodes that are set otherwise.
#[derive(Debug, Default)]
pub(super) struct Disagreements {
    said: BTreeMap<NodeId, String>,
    said_name: BTreeMap<NodeId, Arc<str>>,
}

impl Disagreements {
    /// Compares the others with this node, and says what is new.
    pub(super) fn look<'a>(
        &mut self,
        here: &Heartbeat,
        others: impl Iterator<Item = (NodeId, &'a Heartbeat)>,
    ) {
        let before = std::mem::take(self);
        for (node, there) in others {
            let differs = differing(here, there).join(", ");
            if !differs.is_empty() {
                if before.said.get(&node) != Some(&differs) {
                    tracing::warn!(
                        %node,
                        name = &*there.name,
                        differs,
                        "a node is set otherwise: give all nodes the same settings"
                    );
                }
                self.said.insert(node, differs);
            }
            if there.name == here.name {
                if !before.said_name.contains_key(&node) {
                    tracing::warn!(%node, name = &*there.name, "another node has the name of this one: give each its `--node-name`");
                }
                self.said_name.insert(node, Arc::clone(&there.name));
            }
        }
    }
}

/// The settings of a node that differ from those here.
pub(super) fn differing(here: &Heartbeat, there: &Heartbeat) -> Vec<String> {
    let differing = here.settings.differing(&there.settings);
    differing.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn settings(secret: &[u8], config: &Config) -> Settings {
        let keys = Keys::of(secret);
        Agreement::new(&keys, config).settings(&Keyring::new(config.secrets(), &keys))
    }

    #[test]
    fn what_must_be_the_same_is_told_apart_and_the_rest_is_not() {
        let config = Config::default();
        let here = settings(b"a secret", &config);
        let differs = |change: fn(&mut Config)| {
            let mut other = config.clone();
            change(&mut other);
            let there = settings(b"a secret", &other);
            here.differing(&there).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(differs(|_| {}), [""; 0]);
        assert_eq!(differs(|config| config.limits.connections_max += 1), [""; 0]);
        assert_eq!(
            differs(|config| config.limits.rules_max += 1),
            ["limits of rules"]
        );
        assert_eq!(
            differs(|config| config.limits.routes_max += 1),
            ["limits of names"]
        );
        assert_eq!(
            differs(|config| config.base_path = "/other".to_owned()),
            ["paths"]
        );
        assert_eq!(differs(|config| config.route_tracking = false), ["tracking"]);
        assert_eq!(differs(|config| config.authorize_bridge = true), ["authorize"]);
        let set = |config: &mut Config| config.admin_secret = Some(Secret::new("another secret of admins"));
        assert_eq!(differs(set), ["admin secret"]);
        assert_ne!(here, settings(b"b secret", &config), "they are keyed");
    }
}
