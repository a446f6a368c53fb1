//! What is counted about the server itself, for `/metrics`.
//!
//! Every count is one line in a table: its family, its label, its help. Each shard has its own set, so counting costs
//! an uncontended add; a scrape sums the sets and writes them in the OpenMetrics text format.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

macro_rules! counts {
    ($($variant:ident $family:literal $label:literal $help:literal,)*) => {
        /// Something that happens.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Count { $(#[doc = $help] $variant,)* }

        /// Family, value of its label `kind`, and help; families stand together.
        const TABLE: &[(Count, &str, &str, &str)] = &[$((Count::$variant, $family, $label, $help),)*];
    };
}

counts! {
    OpenedSse "opened" "sse" "Connections opened",
    OpenedWebSocket "opened" "websocket" "Connections opened",
    ClosedByPeer "closed" "peer" "Connections closed, by cause",
    ClosedReplaced "closed" "replaced" "Connections closed, by cause",
    ClosedSilent "closed" "silent" "Connections closed, by cause",
    ClosedSlow "closed" "slow" "Connections closed, by cause",
    ClosedViolation "closed" "violation" "Connections closed, by cause",
    ClosedFlood "closed" "flood" "Connections closed, by cause",
    ClosedShowAnew "closed" "show_anew" "Connections closed, by cause",
    ClosedDrained "closed" "drained" "Connections closed, by cause",
    RefusedFull "refused" "full" "Requests refused, by cause",
    RefusedAddress "refused" "address" "Requests refused, by cause",
    RefusedOrigin "refused" "origin" "Requests refused, by cause",
    RefusedHost "refused" "host" "Requests refused, by cause",
    RefusedBot "refused" "bot" "Requests refused, by cause",
    RefusedSecret "refused" "secret" "Requests refused, by cause",
    RefusedSlowHead "refused" "slow_head" "Requests refused, by cause",
    RefusedLongHead "refused" "long_head" "Requests refused, by cause",
    RefusedSlowBody "refused" "slow_body" "Requests refused, by cause",
    RefusedLongBody "refused" "long_body" "Requests refused, by cause",
    RefusedHeadsFull "refused" "heads_full" "Requests refused, by cause",
    RefusedHandoffFull "refused" "handoff_full" "Requests refused, by cause",
    RefusedDescriptors "refused" "descriptors" "Requests refused, by cause",
    ReceivedNavigation "received" "route_update" "Messages from clients, by kind",
    ReceivedOther "received" "other" "Messages from clients, by kind",
    ReceivedUnknown "received" "unknown" "Messages from clients, by kind",
    ReceivedMalformed "received" "malformed" "Messages from clients, by kind",
    ReceivedFlood "received" "flood" "Messages from clients, by kind",
    ReceivedBadRoute "received" "bad_route" "Messages from clients, by kind",
    SentStats "sent" "stats" "Messages to clients, by kind",
    SentVersion "sent" "version" "Messages to clients, by kind",
    SentCustom "sent" "custom" "Messages to clients, by kind",
    SentKeepalive "sent" "keepalive" "Messages to clients, by kind",
    StatsSkipped "stats_skipped" "slow_reader" "Stats messages that were replaced by a newer one before they were sent",
    SubscribeAdmitted "subscribed" "admitted" "Subscriptions to stats, by outcome",
    SubscribeRefused "subscribed" "refused" "Subscriptions to stats, by outcome",
    SubscribeUnavailable "subscribed" "unavailable" "Subscriptions to stats, by outcome",
    SubscribeStands "subscribed" "stands" "Subscriptions to stats, by outcome",
    SubscribeForeign "subscribed" "foreign" "Subscriptions to stats, by outcome",
    HttpSlowHead "http_closed" "slow_head" "HTTP connections closed by the server, by cause",
    HttpIdle "http_closed" "idle" "HTTP connections closed by the server, by cause",
    HttpStuck "http_closed" "stuck" "HTTP connections closed by the server, by cause",
    HttpFlood "http_closed" "flood" "HTTP connections closed by the server, by cause",
    HttpGuess "http_closed" "guess" "HTTP connections closed by the server, by cause",
    HookDropped "hook_events_dropped" "overflow" "Hook events dropped because hooks were too slow",
    StoreFailedCommand "store_failures" "commands" "Writes to the disk that failed, by file",
    StoreFailedHistory "store_failures" "history" "Writes to the disk that failed, by file",
    CommandDropped "commands_dropped" "overflow" "Messages dropped because a shard was too far behind",
}

/// A set of counts. Cheap to count into, from one thread or many.
pub(crate) struct Meters([AtomicU64; TABLE.len()]);

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(TABLE.iter().map(|(count, ..)| (count, self.get(*count))))
            .finish()
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Meters {
    /// It happened this often.
    pub(crate) fn add(&self, count: Count, times: u64) {
        self.0[count as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// It happened.
    pub(crate) fn one(&self, count: Count) {
        self.add(count, 1);
    }

    /// How often it happened.
    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

/// What is true at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    /// Connections held.
    pub(crate) connections: u64,
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
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("headcount");
    registry.register_collector(Box::new(Scrape {
        sets: sets.to_vec(),
        gauges,
        bots,
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
    /// Each with its name and its help.
    fn named(&self) -> [(&'static str, &'static str, u64); 9] {
        [
            ("connections", "Connections held", self.connections),
            (
                "connections_max",
                "Connections that the server has room for",
                self.connections_max,
            ),
            (
                "http_connections",
                "Sockets open for requests other than a plain stream",
                self.http_connections,
            ),
            ("subscribers", "Connections subscribed to stats", self.subscribers),
            ("rules", "Invalidation rules standing", self.rules),
            ("bridges", "Bridges to app servers that are open", self.bridges),
            (
                "ready",
                "Whether new connections are accepted",
                u64::from(self.ready),
            ),
            (
                "store_working",
                "Whether releases and rules can be stored",
                u64::from(self.store),
            ),
            (
                "history_store_working",
                "Whether the history can be stored",
                u64::from(self.history_store),
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
        for (name, help, value) in self.gauges.named() {
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
                ready: true,
                ..Gauges::default()
            },
            vec![(r#"\b"x"\|"#.to_owned(), 7)],
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
        let bots = r#"headcount_bots_total{pattern="\\b\"x\"\\|"} 7"#;
        assert!(text.contains(bots), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
