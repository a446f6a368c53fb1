//! What a node knows and counts about its cluster. A server without a cluster shows none of it.

use headcount_core::cluster::{BusLosses, RelayOutcome};
use headcount_core::node::Ignored;
use headcount_core::protocol::cluster::ReadCounts;

/// The state of the cluster as this node sees it, and what it has counted since it began.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "there is no `/metrics` then")
)]
pub(crate) struct ClusterNumbers {
    /// Nodes that are there, with this one.
    pub(crate) nodes: u64,
    /// Nodes that fell silent in the last minute without saying goodbye.
    pub(crate) missing: u64,
    pub(crate) broker_reached: bool,
    /// Entries of the log that another node has read and this one has not.
    pub(crate) log_lag: u64,
    /// Messages that the bus took. One that is sent in parts counts once for each.
    pub(crate) sent: u64,
    /// Messages of other nodes that were heard.
    pub(crate) received: u64,
    pub(crate) losses: BusLosses,
    pub(crate) unread: ReadCounts,
    pub(crate) ignored: Ignored,
    /// How often another node was asked for everything that it counts.
    pub(crate) whole_reports_asked: u64,
    pub(crate) relays: Relays,
}

/// What became of requests that were passed on to other nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Relays {
    taken: u64,
    not_taken: u64,
    late: u64,
    gone: u64,
}

impl Relays {
    pub(crate) fn note(&mut self, outcome: RelayOutcome) {
        let count = match outcome {
            RelayOutcome::Taken => &mut self.taken,
            RelayOutcome::NotTaken => &mut self.not_taken,
            RelayOutcome::Late => &mut self.late,
            RelayOutcome::Gone => &mut self.gone,
        };
        *count += 1;
    }
}

/// A family of counters.
#[cfg(feature = "metrics")]
pub(super) type Family = (&'static str, &'static str, Vec<(&'static str, u64)>);

#[cfg(feature = "metrics")]
impl ClusterNumbers {
    /// The gauges, each with its name and its help.
    pub(super) fn named(&self) -> [(&'static str, &'static str, u64); 4] {
        [
            (
                "cluster_nodes",
                "Nodes of the cluster that are there, with this one",
                self.nodes,
            ),
            (
                "cluster_nodes_missing",
                "Nodes that fell silent in the last minute without saying goodbye",
                self.missing,
            ),
            (
                "cluster_broker_reached",
                "Whether the broker is reached",
                u64::from(self.broker_reached),
            ),
            (
                "cluster_log_lag",
                "Entries of the log of commands that another node has read and this one has not",
                self.log_lag,
            ),
        ]
    }

    /// The families of counters: name, help, and each value with that of its label `kind`. A family of one counter has no label.
    pub(super) fn counted(&self) -> [Family; 6] {
        let (losses, unread) = (&self.losses, &self.unread);
        let (ignored, relays) = (&self.ignored, &self.relays);
        [
            (
                "cluster_sent",
                "Messages to other nodes that the bus took",
                vec![("", self.sent)],
            ),
            (
                "cluster_received",
                "Messages of other nodes that were received",
                vec![("", self.received)],
            ),
            (
                "cluster_lost",
                "Messages between nodes that this node lost, by cause",
                vec![
                    ("not_sent", losses.not_sent),
                    ("not_heard", losses.not_heard),
                    ("slow_consumer", losses.slow_consumer),
                    ("unfinished", unread.unfinished),
                ],
            ),
            (
                "cluster_ignored",
                "Messages of other nodes that were ignored, by cause",
                vec![
                    ("unknown", unread.unknown),
                    ("invalid", unread.invalid),
                    ("stranger", ignored.strangers),
                    ("full", ignored.full),
                    ("repeated", ignored.repeated),
                    ("echo", ignored.echoes + losses.ignored.echoes),
                    ("late", ignored.late),
                    ("report", ignored.reports),
                    ("sealed_otherwise", losses.ignored.sealed_otherwise),
                    ("not_sealed", losses.ignored.not_sealed),
                    ("misdirected", losses.ignored.misdirected),
                ],
            ),
            (
                "cluster_whole_reports_asked",
                "Times that another node was asked for all its counts",
                vec![("", self.whole_reports_asked)],
            ),
            (
                "cluster_relays",
                "Requests passed on to other nodes, by outcome",
                vec![
                    ("taken", relays.taken),
                    ("not_taken", relays.not_taken),
                    ("late", relays.late),
                    ("gone", relays.gone),
                ],
            ),
        ]
    }
}
