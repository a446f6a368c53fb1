//! The cluster that a server belongs to, while the configuration is put together.

use std::path::PathBuf;

use headcount_server::{ClusterOptions, Secret};

use super::location::Locations;

/// Takes part once it has a broker.
#[derive(Debug, Default)]
pub(super) struct ClusterDraft {
    pub(super) brokers: Option<String>,
    pub(super) name: Option<String>,
    pub(super) secret: Option<Secret>,
    pub(super) node: Option<String>,
    pub(super) credentials: Option<PathBuf>,
    pub(super) nkey: Option<PathBuf>,
    pub(super) authorities: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) replicas: Option<usize>,
}

/// What means nothing without a broker.
const PARTS: [&str; 10] = [
    "cluster_name",
    "cluster_secret",
    "cluster_secret_file",
    "cluster_credentials",
    "cluster_nkey",
    "cluster_ca",
    "cluster_certificate",
    "cluster_key",
    "cluster_replicas",
    "node_name",
];

impl ClusterDraft {
    /// The options, and every contradiction in them.
    pub(super) fn finish(self, places: &Locations, problems: &mut Vec<String>) -> Option<ClusterOptions> {
        let Some(brokers) = self.brokers.filter(|brokers| !brokers.trim().is_empty()) else {
            for place in PARTS.iter().filter_map(|key| places.of(key)) {
                problems.push(format!(
                    "{place}: needs a broker: set `cluster`, HEADCOUNT_CLUSTER or --cluster, as in nats://127.0.0.1:4222"
                ));
            }
            return None;
        };
        let Some(secret) = self.secret else {
            problems.push(places.locate(
                "`cluster` needs `cluster_secret`: set HEADCOUNT_CLUSTER_SECRET or --cluster-secret-file, to the same random text on \
                 every server"
                    .to_owned(),
            ));
            return None;
        };
        let brokers = brokers
            .split(',')
            .map(str::trim)
            .filter(|broker| !broker.is_empty());
        let mut options = ClusterOptions::new(brokers, secret);
        options.name = self.name.unwrap_or(options.name);
        options.node = self.node.unwrap_or(options.node);
        options.credentials = self.credentials;
        options.nkey = self.nkey;
        options.authorities = self.authorities;
        options.certificate = self.certificate;
        options.key = self.key;
        options.replicas = self.replicas.unwrap_or(options.replicas);
        problems.extend(
            options
                .problems()
                .into_iter()
                .map(|problem| places.locate(problem)),
        );
        Some(options)
    }
}
