//! A broker and the servers of one cluster, in this process.

use std::path::Path;

use headcount_server::{ClusterOptions, Config, Headcount, Secret};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::broker::{Broker, Version};
use crate::client::eventually;
use crate::server::{Door, Server, admins, config};

pub(crate) const CLUSTER_SECRET: &str = "a secret that all of them have";

/// The broker of one test.
pub(crate) struct Site {
    runtime: Runtime,
    broker: Broker,
}

impl Site {
    pub(crate) fn start(version: Version) -> Self {
        Self::start_with(version, "", true)
    }

    /// With more in the broker's configuration.
    pub(crate) fn start_with(version: Version, more: &str, jetstream: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut site = Self {
            runtime,
            broker: Broker::new(version, more, jetstream),
        };
        site.run();
        site
    }

    pub(crate) fn run(&mut self) {
        self.runtime.block_on(self.broker.run());
    }

    pub(crate) fn kill(&mut self) {
        self.broker.kill();
    }

    /// Saves what is on the broker's disk.
    pub(crate) fn save(&mut self) -> TempDir {
        self.runtime.block_on(self.broker.save())
    }

    /// The broker comes back with what was saved, and has lost the rest.
    pub(crate) fn restore(&mut self, saved: &TempDir) {
        self.runtime.block_on(self.broker.restore(saved));
    }

    pub(crate) fn port(&self) -> u16 {
        self.broker.port()
    }

    pub(crate) fn options(&self) -> ClusterOptions {
        options(self.port())
    }

    /// A server of the cluster, which keeps its copy here.
    pub(crate) fn node(&self, directory: Option<&Path>) -> Server {
        self.node_with(directory, without_release())
    }

    pub(crate) fn node_with(&self, directory: Option<&Path>, config: Config) -> Server {
        node_by(self.port(), directory, config)
    }

    pub(crate) fn three(&self) -> [Server; 3] {
        [(); 3].map(|()| self.node(None))
    }
}

/// A server that reaches the broker by this port.
pub(crate) fn node_by(port: u16, directory: Option<&Path>, config: Config) -> Server {
    let directory = directory.map(Path::to_owned);
    let builder = Headcount::builder(config)
        .authorizer(admins())
        .data_dir(directory)
        .cluster(Some(options(port)));
    Server::one(Door::Own, builder)
}

fn options(port: u16) -> ClusterOptions {
    let address = format!("nats://127.0.0.1:{port}");
    ClusterOptions::new([address], Secret::new(CLUSTER_SECRET))
}

pub(crate) fn without_release() -> Config {
    config().with(|config| config.release = None)
}

/// What stands on a server: the current release, the numbers of the releases, and those of the rules.
pub(crate) fn stands(server: &Server) -> (String, Vec<u32>, Vec<u32>) {
    let releases = server.headcount.releases();
    let rules = server.runtime.block_on(server.headcount.rules()).unwrap();
    (
        releases.current,
        releases.releases.iter().map(|release| release.id).collect(),
        rules
            .invalidations
            .iter()
            .filter_map(|rule| rule.id.into())
            .collect(),
    )
}

/// Waits until the same stands on all of them.
pub(crate) fn await_same(servers: &[Server]) -> (String, Vec<u32>, Vec<u32>) {
    eventually("the same stands on all", || {
        let first = stands(&servers[0]);
        servers
            .iter()
            .all(|server| stands(server) == first)
            .then_some(first)
    })
}
