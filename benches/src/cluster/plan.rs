//! What to run, and how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Nodes of the cluster.
pub(super) const NODES: usize = 6;

/// Measures a cluster of six servers beside one server alone.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// What to measure.
    #[arg(value_enum, default_values_t = [Part::All])]
    parts: Vec<Part>,
    /// Tabs of all six servers. Each server and each of the six loaders holds a sixth, of at most 19,000.
    #[arg(long, default_value_t = 100_000)]
    connections: usize,
    /// Try it: 1,200 tabs, and short measurements.
    #[arg(long)]
    quick: bool,
    /// Write the numbers to this file as well, as JSON.
    #[arg(long)]
    pub(super) json: Option<PathBuf>,
    /// The headcount binary. Default: beside this program.
    #[arg(long)]
    headcount: Option<PathBuf>,
    /// The nats-server.
    #[arg(long, default_value = "/usr/sbin/nats-server")]
    pub(super) nats_server: PathBuf,
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Everything.
    All,
    /// Memory and CPU at rest, and what the broker carries.
    Rest,
    /// CPU of navigations, and time from a click to an admin.
    Clicks,
    /// Time until every tab was told to refresh, and 1 % of them.
    Refresh,
    /// Time until the tabs of a server that is killed leave the counts.
    Loss,
    /// How far the counts are off while all servers are restarted one by one.
    Rolling,
    /// What one of up to 50 servers with a million tabs each receives and sends, computed.
    Simulated,
}

/// Tabs in a quick run.
const QUICK: usize = 1_200;

/// Tabs that one server or loader holds at most, under a limit of 20,000 open files.
const NODE_MAX: usize = 18_500;

impl Plan {
    pub(super) fn wants(&self, parts: &[Part]) -> bool {
        let asked = |part: &Part| self.parts.contains(part) || self.parts.contains(&Part::All);
        parts.iter().any(asked)
    }

    /// Tabs of each node.
    pub(super) fn each(&self) -> usize {
        let tabs = if self.quick { QUICK } else { self.connections };
        (tabs / NODES).clamp(50, NODE_MAX)
    }

    /// Tabs of each node where the others must have room for them as well.
    pub(super) fn each_of_rolling(&self) -> usize {
        self.each().min(NODE_MAX * (NODES - 1) / NODES * 4 / 5)
    }

    /// How long what goes on steadily is watched.
    pub(super) fn window(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }

    /// Simulated seconds of a measurement that is computed.
    pub(super) fn simulated_s(&self) -> u64 {
        if self.quick { 1 } else { 5 }
    }

    /// Lone changes whose way to an admin is timed.
    pub(super) fn samples(&self) -> usize {
        if self.quick { 50 } else { 200 }
    }

    /// How long a server that is restarted drains.
    pub(super) fn drain_ms(&self) -> u32 {
        if self.quick { 2_000 } else { 10_000 }
    }

    pub(super) fn headcount(&self) -> std::io::Result<PathBuf> {
        let beside = std::env::current_exe()?.with_file_name("headcount");
        Ok(self.headcount.clone().unwrap_or(beside))
    }
}
