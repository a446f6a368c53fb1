//! The servers of a demo: one, or several of one cluster, all in this process.

use std::net::{SocketAddr, TcpListener};

use axum::Router;
use headcount_server::{ClusterOptions, Config, Headcount, Secret};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::broker::Broker;
use super::random::random;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::serve::{Server, listen};

/// The name of the cluster.
const CLUSTER: &str = "demo";

/// Servers that have started and serve nothing yet.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<(Server, Vec<TcpListener>)>,
    /// Where each listens, the first one where it was asked for.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Nodes {
    /// Starts `count` of them, the first one at `address` and the others on free ports beside it.
    pub(super) async fn start(
        count: u16,
        address: SocketAddr,
        config: &Config,
        cluster: Option<ClusterOptions>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let first = listen(address, config).await?;
        let mut nodes = Self {
            nodes: Vec::new(),
            addresses: Vec::new(),
        };
        nodes.add(first, config, cluster.clone(), environment).await?;
        for _ in 1..count {
            let listening = listen(SocketAddr::new(address.ip(), 0), config).await?;
            nodes.add(listening, config, cluster.clone(), environment).await?;
        }
        Ok(nodes)
    }

    async fn add(
        &mut self,
        (listeners, address): (Vec<TcpListener>, SocketAddr),
        config: &Config,
        cluster: Option<ClusterOptions>,
        environment: &Environment,
    ) -> Result<(), Failure> {
        let number = self.nodes.len() + 1;
        let cluster = cluster.map(|mut cluster| {
            cluster.node = format!("node-{number}");
            cluster
        });
        let server = Server::start(config.clone(), None, cluster, environment).await?;
        self.nodes.push((server, listeners));
        self.addresses.push(address);
        Ok(())
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<&Headcount> {
        self.nodes.first().map(|(server, _)| server.headcount())
    }

    /// Serves `site` at all of them, until `stopped` resolves and all streams are drained.
    pub(super) async fn serve(self, site: &Router, stopped: impl Future<Output = ()>) -> Result<(), Failure> {
        let (stop, stopping) = watch::channel(false);
        let mut serving = JoinSet::new();
        for (server, listeners) in self.nodes {
            let (site, mut stopping) = (site.clone(), stopping.clone());
            serving.spawn(async move {
                let stopped = async move {
                    let _asked_or_gone = stopping.wait_for(|stops| *stops).await;
                };
                server.serve(listeners, site, stopped).await
            });
        }
        let mut stopped = std::pin::pin!(stopped);
        tokio::select! {
            () = &mut stopped => {}
            // One that fails takes the others with it.
            Some(ended) = serving.join_next() => ended.unwrap_or_else(|error| Err(Failure::Server(error.to_string())))?,
        }
        stop.send_replace(true);
        while let Some(ended) = serving.join_next().await {
            ended.unwrap_or_else(|error| Err(Failure::Server(error.to_string())))?;
        }
        Ok(())
    }
}

/// The cluster of a demo, at this broker.
pub(super) fn cluster(broker: &Broker) -> Result<ClusterOptions, Failure> {
    let secret = Secret::new(format!("{:016x}{:016x}", random()?, random()?));
    let mut options = ClusterOptions::new([broker.address()], secret);
    CLUSTER.clone_into(&mut options.name);
    Ok(options)
}
