//! What limits mean together: times that follow from them, and values that contradict each other.

use super::Limits;

/// The longest history: 31 days, some 45,000 samples of a few hundred bytes.
const HISTORY_SECONDS_MAX: u32 = 31 * 86_400;

/// The allowance of a client is an `i16`, and overdrafts reach four bursts below zero.
const BURST_MAX: u16 = 8_000;

/// hyper reads heads of less in any case.
const HEAD_BYTES_MIN: u32 = 8_192;

/// Bytes of a message or a query besides its route.
const AROUND_ROUTE_BYTES: u32 = 64;

impl Limits {
    /// How late a shard may visit a connection, milliseconds: it looks every tenth of a second, and later while it is busy.
    pub const LATE_MS: u32 = 500;

    /// How late the system may give up an SSE peer that confirms nothing, milliseconds. It begins
    /// to count when it first repeats unconfirmed bytes, up to a second after they were sent, and
    /// looks every half second while the link itself is down.
    pub const GIVING_UP_MS: u32 = 2_000;

    /// The least time that an SSE peer has to confirm what it was sent, milliseconds: with less, a single lost packet ends
    /// its stream.
    pub const SILENT_MS_MIN: u32 = 500;

    /// The longest time over which a command can be spread, milliseconds: an hour.
    pub const SPREAD_MS_MAX: u32 = 3_600_000;

    /// How long sent bytes may stay unconfirmed, milliseconds, so that a peer that is gone leaves the counts within
    /// `liveness_ms`.
    ///
    /// ```
    /// use headcount_core::limits::Limits;
    ///
    /// let limits = Limits::default();
    /// assert!(limits.silent_ms() < limits.liveness_ms);
    /// ```
    pub fn silent_ms(&self) -> u32 {
        let late_ms = self
            .keepalive_ms
            .saturating_add(Self::LATE_MS + Self::GIVING_UP_MS);
        self.liveness_ms.saturating_sub(late_ms).max(Self::SILENT_MS_MIN)
    }

    /// How long a subscriber waits after so many bytes of stats, milliseconds.
    ///
    /// ```
    /// use headcount_core::limits::Limits;
    ///
    /// let limits = Limits::default().with(|limits| limits.stats_bytes_per_second = 10_000);
    /// assert_eq!(limits.stats_pause_ms(2_500), 250);
    /// ```
    pub fn stats_pause_ms(&self, bytes: usize) -> u64 {
        bytes as u64 * 1_000 / u64::from(self.stats_bytes_per_second.max(1))
    }

    /// Every contradiction between the fields, as sentences that name the field and say what to set. Empty if there are
    /// none.
    ///
    /// ```
    /// use headcount_core::limits::Limits;
    ///
    /// assert!(Limits::default().problems().is_empty());
    /// let limits = Limits::default().with(|limits| limits.head_bytes_max = 100);
    /// assert!(limits.problems()[0].contains("head_bytes_max"));
    /// ```
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.zeroes(&mut problems);
        self.bounds(&mut problems);
        self.relations(&mut problems);
        self.liveness(&mut problems);
        problems
    }

    fn zeroes(&self, problems: &mut Vec<String>) {
        let at_least_one: [(&str, u32); 24] = [
            ("connections_max", self.connections_max),
            ("heads_pending_max", self.heads_pending_max),
            ("head_ms", self.head_ms),
            ("http_connections_max", self.http_connections_max),
            ("http_idle_ms", self.http_idle_ms),
            ("http_streams_max", self.http_streams_max),
            ("messages_burst", self.messages_burst.into()),
            ("messages_per_second", self.messages_per_second.into()),
            ("route_bytes_max", self.route_bytes_max.into()),
            ("version_bytes_max", self.version_bytes_max.into()),
            ("routes_max", self.routes_max),
            ("versions_max", self.versions_max),
            ("outbox_ms", self.outbox_ms),
            ("subscribers_max", self.subscribers_max),
            ("subscribers_pending_max", self.subscribers_pending_max),
            ("tick_ms", self.tick_ms),
            ("releases_max", self.releases_max),
            ("rules_max", self.rules_max),
            ("rule_seconds", self.rule_seconds),
            ("hook_events_max", self.hook_events_max),
            ("history_versions_max", self.history_versions_max),
            ("guesses_burst", self.guesses_burst.into()),
            ("guesses_per_second", self.guesses_per_second.into()),
            ("guess_addresses_max", self.guess_addresses_max),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                problems.push(format!("`limits.{name}` ({value}) must be at least 1"));
            }
        }
    }

    /// The range of each field.
    fn bounds(&self, problems: &mut Vec<String>) {
        if self.rules_max > 64 {
            problems.push(format!(
                "`limits.rules_max` ({}) must be at most 64",
                self.rules_max
            ));
        }
        if self.spread_ms > Self::SPREAD_MS_MAX {
            problems.push(format!(
                "`limits.spread_ms` ({}) must be at most {}: an hour",
                self.spread_ms,
                Self::SPREAD_MS_MAX
            ));
        }
        if self.messages_burst > BURST_MAX {
            problems.push(format!(
                "`limits.messages_burst` ({}) must be at most {BURST_MAX}",
                self.messages_burst
            ));
        }
        if self.history_seconds > HISTORY_SECONDS_MAX {
            problems.push(format!(
                "`limits.history_seconds` ({}) must be at most {HISTORY_SECONDS_MAX}: 31 days",
                self.history_seconds
            ));
        }
        if !(100..=60_000).contains(&self.history_step_ms) {
            problems.push(format!(
                "`limits.history_step_ms` ({}) must be from 100 to 60000",
                self.history_step_ms
            ));
        }
        if self.head_bytes_max < HEAD_BYTES_MIN {
            problems.push(format!(
                "`limits.head_bytes_max` ({}) must be at least {HEAD_BYTES_MIN}: browsers send heads of that size",
                self.head_bytes_max
            ));
        }
        if self.stats_bytes_per_second < 1_024 {
            problems.push(format!(
                "`limits.stats_bytes_per_second` ({}) must be at least 1024",
                self.stats_bytes_per_second
            ));
        }
        if self.credentials_bytes_max < 1_024 {
            problems.push(format!(
                "`limits.credentials_bytes_max` ({}) must be at least 1024: a sealed session has several hundred bytes",
                self.credentials_bytes_max
            ));
        }
        problems.extend(self.too_short());
    }

    /// Relations between sizes, and between rates and times.
    fn relations(&self, problems: &mut Vec<String>) {
        let around_route = u32::from(self.route_bytes_max).saturating_add(AROUND_ROUTE_BYTES);
        for (name, bytes_max) in [
            ("message_bytes_max", self.message_bytes_max),
            ("body_bytes_max", self.body_bytes_max),
            ("head_bytes_max", self.head_bytes_max),
        ] {
            if around_route > bytes_max {
                problems.push(format!(
                    "`limits.route_bytes_max` ({}) plus {AROUND_ROUTE_BYTES} bytes around a route must fit into \
                     `limits.{name}` ({bytes_max})",
                    self.route_bytes_max
                ));
            }
        }
        if u64::from(self.messages_per_second) * u64::from(self.keepalive_ms) < 1_000 {
            problems.push(format!(
                "`limits.messages_per_second` ({}) must allow the sign of life that a client gives every \
                 `limits.keepalive_ms` ({})",
                self.messages_per_second, self.keepalive_ms
            ));
        }
        if self.send_bytes_max > self.outbox_bytes_max {
            problems.push(format!(
                "`limits.send_bytes_max` ({}) must fit into `limits.outbox_bytes_max` ({})",
                self.send_bytes_max, self.outbox_bytes_max
            ));
        }
    }

    /// Whether the times allow to find peers that are gone.
    fn liveness(&self, problems: &mut Vec<String>) {
        let (liveness_ms, keepalive_ms) = (self.liveness_ms, self.keepalive_ms);
        let two_passes_ms = keepalive_ms.saturating_mul(2).saturating_add(Self::LATE_MS);
        let by_tcp_ms = keepalive_ms.saturating_add(Self::LATE_MS + Self::GIVING_UP_MS + Self::SILENT_MS_MIN);
        let why = if two_passes_ms > by_tcp_ms {
            "a peer is found gone by a ping that went unanswered until the next one"
        } else {
            "an SSE peer is found gone by TCP, which takes three seconds"
        };
        let least_ms = two_passes_ms.max(by_tcp_ms);
        if liveness_ms < least_ms {
            problems.push(format!(
                "`limits.liveness_ms` ({liveness_ms}) must be at least {least_ms} where `limits.keepalive_ms` is \
                 {keepalive_ms}: {why}"
            ));
        }
    }

    /// Times below the shortest that the server can keep.
    fn too_short(&self) -> impl Iterator<Item = String> {
        let times = [
            ("keepalive_ms", self.keepalive_ms),
            ("admission_ms", self.admission_ms),
            ("store_ms", self.store_ms),
            ("answer_ms", self.answer_ms),
        ];
        let short = times.into_iter().filter(|(_, value)| *value < 100);
        short.map(|(name, value)| format!("`limits.{name}` ({value}) must be at least 100"))
    }
}
