//! Every bound of the system in one place: bytes, counts, rates and times.
//!
//! Nothing in headcount grows without a line here. Each field says what happens when its limit is
//! reached. When a server starts, [`Limits::problems`] checks all relations between the fields and
//! reports every problem at once.

/// The bounds of one server. `Limits::default()` is sized for a small machine that holds many visitors. Its fields can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at once, over all shards. The next one is answered `503` with `Retry-After`. Default
    /// 1,000,000.
    pub connections_max: u32,
    /// Connections open at once from one client address; an IPv6 address counts by its `/64`. `0` means no such
    /// limit. The next one is answered `503`. Trusted proxies are exempt: the addresses that they forward are limited
    /// instead, and kept as hashes only. Browsers whose forwarded address cannot be read count as one address.
    /// Default 0.
    pub connections_per_address_max: u32,
    /// Sockets whose request head is still incomplete, per shard. The oldest is closed for a new one. Default 4,096.
    pub heads_pending_max: u32,
    /// Bytes of a request head, at least 8,192. A longer one is answered `431`. Default 16,384.
    pub head_bytes_max: u32,
    /// Milliseconds a request head may take to arrive, and again its body. A slower one is answered `408`. Default
    /// 10,000.
    pub head_ms: u32,
    /// Bytes of a request body. A longer one is answered `413`. Default 65,536.
    pub body_bytes_max: u32,
    /// HTTP connections served at once besides plain streams: requests, and all of HTTP/2. The next one is answered
    /// `503`. While more than half of them are in use, a connection without a request is closed after a second, and
    /// one whose requests all wait for the client after two. Default 16,384.
    pub http_connections_max: u32,
    /// Milliseconds an HTTP/2 connection may be open without a request under way before it is closed; an HTTP/1.1 connection waits
    /// `head_ms` for its next request. Default 30,000.
    pub http_idle_ms: u32,
    /// Requests that an HTTP/2 connection may have under way at once, streams included. The client holds back further
    /// ones. Default 256.
    pub http_streams_max: u32,
    /// Bytes of one WebSocket message from a client, all fragments together. A longer one closes with 1009. Default 8,192.
    pub message_bytes_max: u32,
    /// Messages a client may send at once; the allowance refills at `messages_per_second`. Messages beyond it are
    /// dropped and counted. A client that sends four more bursts beyond it is closed with 1008. At most 8,000.
    /// Default 60.
    pub messages_burst: u16,
    /// Messages a second a client may send without end. It must allow one message every `keepalive_ms`, because a
    /// client at rest sends that. Default 20.
    pub messages_per_second: u16,
    /// Bytes of a route in its normal form. A longer one counts as `/` when a stream opens, and is refused later.
    /// Default 1,024.
    pub route_bytes_max: u16,
    /// Bytes of a version. A tab with a longer one counts under `(other)`. Default 128.
    pub version_bytes_max: u16,
    /// Distinct routes a shard names at once. Tabs on further routes count under `(other)`. Default 10,000.
    pub routes_max: u32,
    /// Distinct versions a shard names at once, besides the releases in the log, which always have a name. Tabs on further
    /// versions count under `(other)`. Default 1,000.
    pub versions_max: u32,
    /// Bytes a shard keeps of the routes that count under `(other)`, and as many of such versions, so that rules
    /// still reach their tabs. Each distinct one takes its length and 192 bytes. For a tab beyond that, the server
    /// cannot tell which rules match: the tab is reported as `unknown`. Default 16,777,216.
    pub unnamed_bytes_max: u32,
    /// Entries in each of two lists of a shard: tabs that left after they were told a rule, and the last outcome each
    /// open tab reported. A reload of a tab beyond the first list is believed only while such tabs are missing; an
    /// outcome beyond the second is not counted. Default 262,144.
    pub outcomes_max: u32,
    /// Bytes queued for one connection whose socket accepts no more. The connection is closed when a message exceeds
    /// this behind other queued messages. A message that is queued alone may be longer. Default 262,144.
    pub outbox_bytes_max: u32,
    /// Milliseconds a connection may leave queued bytes unread. Then it is closed, up to `keepalive_ms` later. Default
    /// 30,000.
    pub outbox_ms: u32,
    /// Individual connections listed in one `stats` message. `connectionsTruncated` says that more are open. Default
    /// 200.
    pub stats_connections_max: u32,
    /// Connections subscribed to stats at once. A further subscriber is refused. Default 1,000.
    pub subscribers_max: u32,
    /// Connections that may wait at once for an authorizer to decide about stats. For a further one, the oldest that
    /// was never admitted is refused. Default 1,024.
    pub subscribers_pending_max: u32,
    /// Milliseconds after which the authorizer is asked again about a subscriber, at the latest. A subscriber that it
    /// no longer admits gets no further stats. At least 100. Default 60,000.
    pub admission_ms: u32,
    /// Milliseconds an admission continues beyond that while the authorizer that gave it cannot answer. A refusal
    /// ends it at once. Default 300,000.
    pub admission_grace_ms: u32,
    /// Bytes of the cookies and other headers of one browser that are kept to decide whether it may see stats. A
    /// browser that sends more is treated as one that sends none, and the log says so. At least 1,024. Default 8,192.
    pub credentials_bytes_max: u32,
    /// Milliseconds the cookies of a WebSocket handshake are kept, for a subscription by message. A client that
    /// subscribes later is closed with 4100, so that it reconnects with its current cookies. Default 5,000.
    pub handshake_credentials_ms: u32,
    /// Bytes of such cookies kept over all connections. The oldest are dropped for new ones, as if their time had
    /// passed. Default 4,194,304.
    pub handshake_credentials_bytes_max: u32,
    /// Bytes of navigations that wait for the rate limit of their connections, over all connections. A connection
    /// that would exceed it is closed with 1008, and sends its page when it reconnects. Default 8,388,608.
    pub deferred_bytes_max: u32,
    /// Least time between two `stats` messages to a subscriber, milliseconds. Default 100.
    pub tick_ms: u32,
    /// Bytes of stats a second sent to one subscriber. Longer messages are sent less often, and each contains
    /// everything that changed since the one before. At least 1,024. Default 262,144.
    pub stats_bytes_per_second: u32,
    /// Time between two keepalives (SSE) or pings (WebSocket) of a connection, milliseconds. Default 30,000.
    pub keepalive_ms: u32,
    /// Milliseconds within which a peer that vanished leaves the counts. At least twice `keepalive_ms` plus half a
    /// second, and at least `keepalive_ms` plus three seconds. For an SSE client behind a proxy this holds only if
    /// the client gives signs of life; without them it leaves the counts when the proxy closes its connection.
    /// Default 75,000.
    pub liveness_ms: u32,
    /// Releases remembered. The oldest is forgotten first. Default 1,000.
    pub releases_max: u32,
    /// Invalidation rules that stand at once, at most 64. The oldest ends for a new one. Default 64.
    pub rules_max: u32,
    /// Seconds a rule stands, unless the command says otherwise. Default 86,400.
    pub rule_seconds: u32,
    /// Longest time over which the server spreads a command over its tabs, milliseconds; the time grows with the
    /// number of tabs. A command may name another time, up to an hour. `0` tells all tabs at once. At most 3,600,000.
    /// Default 30,000.
    pub spread_ms: u32,
    /// Bytes of a route pattern. A longer one is refused. Default 1,024.
    pub pattern_bytes_max: u32,
    /// Hook events that wait to be handled. Events beyond it are dropped and counted, and the hook is told by
    /// `lagged`. Default 65,536.
    pub hook_events_max: u32,
    /// Bytes of one message that a hook sends to a tab. A longer one is refused. Default 65,536.
    pub send_bytes_max: u32,
    /// Bridges to app servers open at once. The next one is answered `503`. Default 64.
    pub bridges_max: u32,
    /// Bytes of a request body on the bridge, which may hold thousands of messages. A longer one is answered `413`.
    /// Default 8,388,608.
    pub bridge_body_bytes_max: u32,
    /// Milliseconds an app may take to say over its bridge who may see stats, and to reopen a bridge that ended.
    /// Default 5,000.
    pub bridge_answer_ms: u32,
    /// Milliseconds the disk may take for a command. After that, the command is answered `503` and does not happen.
    /// At least 100. Default 5,000.
    pub store_ms: u32,
    /// Milliseconds a part of the server may take to answer a question about its connections. After that, the request
    /// is answered `503`. At least 100. Default 10,000.
    pub answer_ms: u32,
    /// Wrong secrets one address may send before its answers are slowed to one a second. At least 1. Default 10.
    pub guesses_burst: u16,
    /// Answers to wrong secrets a second, over all addresses. Further answers wait. At least 1. Default 20.
    pub guesses_per_second: u16,
    /// Longest time an answer to a wrong secret is held back, milliseconds. Default 10,000.
    pub guess_hold_ms: u32,
    /// Answers to wrong secrets held back at once, and never more than a quarter of the HTTP connections that there is room
    /// for. The next wrong secret gets no answer: its connection is closed. Default 256.
    pub guesses_held_max: u32,
    /// Answers held back at once for one address. The next wrong secret of that address gets no answer either.
    /// Default 8.
    pub guesses_held_per_address_max: u32,
    /// Addresses whose wrong secrets are remembered. Further ones count as one address. At least 1. Default 4,096.
    pub guess_addresses_max: u32,
    /// Milliseconds a stopping server waits for its streams to end. Default 10,000.
    pub drain_ms: u32,
    /// Milliseconds over which a stopping server spreads the reconnects of its clients. Default 10,000.
    pub reconnect_spread_ms: u32,
    /// Seconds for which the counts by version are kept as a history, by the minute; `0` keeps none. At most
    /// 2,678,400 (31 days). Default 604,800 (a week).
    pub history_seconds: u32,
    /// Time between two samples of the last hour's history, milliseconds, 100 to 60,000. Default 5,000.
    pub history_step_ms: u32,
    /// Versions named in one sample of the history. Tabs on further ones count under `(other)`. Default 16.
    pub history_versions_max: u32,
}

impl Limits {
    /// The same with some fields written, as one expression.
    ///
    /// ```
    /// use headcount_core::limits::Limits;
    ///
    /// let limits = Limits::default().with(|limits| limits.rule_seconds = 3_600);
    /// assert_eq!(limits.rule_seconds, 3_600);
    /// ```
    #[must_use]
    pub fn with(mut self, write: impl FnOnce(&mut Self)) -> Self {
        write(&mut self);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000_000,
            connections_per_address_max: 0,
            heads_pending_max: 4_096,
            head_bytes_max: 16_384,
            head_ms: 10_000,
            body_bytes_max: 65_536,
            http_connections_max: 16_384,
            http_idle_ms: 30_000,
            http_streams_max: 256,
            message_bytes_max: 8_192,
            messages_burst: 60,
            messages_per_second: 20,
            route_bytes_max: 1_024,
            version_bytes_max: 128,
            routes_max: 10_000,
            versions_max: 1_000,
            unnamed_bytes_max: 16_777_216,
            outcomes_max: 262_144,
            outbox_bytes_max: 262_144,
            outbox_ms: 30_000,
            stats_connections_max: 200,
            subscribers_max: 1_000,
            subscribers_pending_max: 1_024,
            admission_ms: 60_000,
            admission_grace_ms: 300_000,
            credentials_bytes_max: 8_192,
            handshake_credentials_ms: 5_000,
            handshake_credentials_bytes_max: 4_194_304,
            deferred_bytes_max: 8_388_608,
            tick_ms: 100,
            stats_bytes_per_second: 262_144,
            keepalive_ms: 30_000,
            liveness_ms: 75_000,
            releases_max: 1_000,
            rules_max: 64,
            rule_seconds: 86_400,
            spread_ms: 30_000,
            pattern_bytes_max: 1_024,
            hook_events_max: 65_536,
            send_bytes_max: 65_536,
            bridges_max: 64,
            bridge_body_bytes_max: 8_388_608,
            bridge_answer_ms: 5_000,
            store_ms: 5_000,
            answer_ms: 10_000,
            guesses_burst: 10,
            guesses_per_second: 20,
            guess_hold_ms: 10_000,
            guesses_held_max: 256,
            guesses_held_per_address_max: 8,
            guess_addresses_max: 4_096,
            drain_ms: 10_000,
            reconnect_spread_ms: 10_000,
            history_seconds: 604_800,
            history_step_ms: 5_000,
            history_versions_max: 16,
        }
    }
}

mod contradictions;
#[cfg(test)]
mod tests;
