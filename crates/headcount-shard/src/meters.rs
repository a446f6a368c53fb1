//! What is counted about the server itself.
//!
//! Every count is one line in a table: its family, its label, its help. Each shard has its own set, so counting costs
//! an uncontended add; who wants to know sums the sets.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($variant:ident $family:literal $label:literal $help:literal,)*) => {
        /// Something that happens.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count { $(#[doc = $help] $variant,)* }

        /// Family, value of its label `kind`, and help; families stand together.
        pub const TABLE: &[(Count, &str, &str, &str)] = &[$((Count::$variant, $family, $label, $help),)*];
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
pub struct Meters([AtomicU64; TABLE.len()]);

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
    pub fn add(&self, count: Count, times: u64) {
        self.0[count as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// It happened.
    pub fn one(&self, count: Count) {
        self.add(count, 1);
    }

    /// How often it happened.
    pub fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}
