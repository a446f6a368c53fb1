//! What is counted and what is true at the moment, as text in the OpenMetrics format.

use std::fmt;
use std::sync::Arc;

use headcount_shard::Meters;
use headcount_shard::meters::TABLE;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::cluster::ClusterNumbers;

/// What is true at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    /// Connections held.
    pub(crate) connections: u64,
    /// Connections on the current release. `None` where a shard did not say.
    pub(crate) current_connections: Option<u64>,
    /// Connections that the server has room for.
    pub(crate) connections_max: u64,
    /// Sockets that speak HTTP with the generic door.
    pub(crate) http_connections: u64,
    /// Connections subscribed to stats.
    pub(crate) subscribers: u64,
    /// Rules standing.
    pub(crate) rules: u64,
    /// Bridges to app servers that are open.
    pub(crate) bridges: u64,
    /// Whether new connections are accepted.
    pub(crate) ready: bool,
    /// Whether releases and rules can be stored.
    pub(crate) store: bool,
    /// Whether the history can be stored.
    pub(crate) history_store: bool,
}

/// Writes everything in the OpenMetrics text format.
pub(crate) fn render(
    sets: &[Arc<Meters>],
    gauges: Gauges,
    bots: Vec<(String, u64)>,
    cluster: Option<ClusterNumbers>,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("headcount");
    registry.register_collector(Box::new(Scrape {
        sets: sets.to_vec(),
        gauges,
        bots,
        cluster,
    }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Scrape {
    sets: Vec<Arc<Meters>>,
    gauges: Gauges,
    /// The patterns that took a user agent for a bot, and how often.
    bots: Vec<(String, u64)>,
    /// `None` without a cluster.
    cluster: Option<ClusterNumbers>,
}

struct Value(u64);

impl EncodeMetric for Value {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<[(&str, &str); 0], _, u64>(&self.0, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl Gauges {
    /// Each with its name, its help, and its value if that is known.
    fn named(&self) -> [(&'static str, &'static str, Option<u64>); 10] {
        [
            ("connections", "Connections held", Some(self.connections)),
            (
                "current_connections",
                "Connections on the current release",
                self.current_connections,
            ),
            (
                "connections_max",
                "Connections that the server has room for",
                Some(self.connections_max),
            ),
            (
                "http_connections",
                "Sockets open for requests other than a plain stream",
                Some(self.http_connections),
            ),
            (
                "subscribers",
                "Connections subscribed to stats",
                Some(self.subscribers),
            ),
            ("rules", "Invalidation rules standing", Some(self.rules)),
            (
                "bridges",
                "Bridges to app servers that are open",
                Some(self.bridges),
            ),
            (
                "ready",
                "Whether new connections are accepted",
                Some(u64::from(self.ready)),
            ),
            (
                "store_working",
                "Whether releases and rules can be stored",
                Some(u64::from(self.store)),
            ),
            (
                "history_store_working",
                "Whether the history can be stored",
                Some(u64::from(self.history_store)),
            ),
        ]
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in TABLE.chunk_by(|a, b| a.1 == b.1) {
            let Some((_, name, _, help)) = family.first() else {
                continue;
            };
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (count, _, label, _) in family {
                let total = self.sets.iter().map(|set| set.get(*count)).sum();
                Value(total).encode(metric.encode_family(&[("kind", *label)])?)?;
            }
        }
        let help = "User agents recognised as bots, by the pattern that matched";
        let mut bots = encoder.encode_descriptor("bots", help, None, MetricType::Counter)?;
        for (pattern, count) in &self.bots {
            Value(*count).encode(bots.encode_family(&[("pattern", pattern.as_str())])?)?;
        }
        for (name, help, counters) in self.cluster.iter().flat_map(ClusterNumbers::counted) {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (kind, count) in counters {
                match kind {
                    "" => metric.encode_counter::<[(&str, &str); 0], _, u64>(&count, None)?,
                    kind => Value(count).encode(metric.encode_family(&[("kind", kind)])?)?,
                }
            }
        }
        let of_cluster = self.cluster.iter().flat_map(ClusterNumbers::named);
        let here = self.gauges.named().into_iter();
        let here = here.filter_map(|(name, help, value)| Some((name, help, value?)));
        for (name, help, value) in here.chain(of_cluster) {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use headcount_core::node::Ignored;

    use super::super::Count;
    use super::*;

    #[test]
    fn a_scrape_sums_all_sets() {
        let sets = [Arc::new(Meters::default()), Arc::new(Meters::default())];
        sets[0].add(Count::OpenedSse, 2);
        sets[1].add(Count::OpenedSse, 3);
        sets[1].one(Count::ClosedSlow);
        let text = render(
            &sets,
            Gauges {
                connections: 5,
                current_connections: Some(4),
                ready: true,
                ..Gauges::default()
            },
            vec![(r#"\b"x"\|"#.to_owned(), 7)],
            None,
        )
        .unwrap();
        assert!(
            text.contains("headcount_opened_total{kind=\"sse\"} 5\n"),
            "{text}"
        );
        assert!(
            text.contains("headcount_closed_total{kind=\"slow\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("headcount_connections 5\n"), "{text}");
        assert!(text.contains("headcount_current_connections 4\n"), "{text}");
        let bots = r#"headcount_bots_total{pattern="\\b\"x\"\\|"} 7"#;
        assert!(text.contains(bots), "{text}");
        assert!(text.ends_with("# EOF\n"));
        assert!(!text.contains("cluster"), "{text}");
    }

    #[test]
    fn a_node_of_a_cluster_shows_what_it_counts_about_it() {
        let cluster = ClusterNumbers {
            nodes: 3,
            missing: 1,
            sent: 8,
            ignored: Ignored {
                strangers: 2,
                ..Ignored::default()
            },
            ..ClusterNumbers::default()
        };
        let text = render(&[], Gauges::default(), Vec::new(), Some(cluster)).unwrap();
        for line in [
            "headcount_cluster_nodes 3",
            "headcount_cluster_nodes_missing 1",
            "headcount_cluster_broker_reached 0",
            "headcount_cluster_log_lag 0",
            "headcount_cluster_sent_total 8",
            "headcount_cluster_received_total 0",
            "headcount_cluster_whole_reports_asked_total 0",
            "headcount_cluster_ignored_total{kind=\"stranger\"} 2",
            "headcount_cluster_relays_total{kind=\"late\"} 0",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
        }
    }
}
