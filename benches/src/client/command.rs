//! What the parent asks of a loader and what it answers: one JSON object a line, over stdin and stdout.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a tab is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Transport {
    Sse,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Self; 2] = [Self::Sse, Self::WebSocket];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sse => "SSE",
            Self::WebSocket => "WebSocket",
        })
    }
}

/// Which configuration the server runs in, and what its visitors' browsers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Setup {
    /// Anyone may see stats; a browser has the cookie of its version alone.
    Plain,
    /// As behind `@headcount/nuxt`: the app decides over its bridge who may see stats, and a browser has some 2 KB of
    /// cookies.
    Nuxt,
    /// As `Plain`, and each tab has an id that it keeps when it comes back, as with headcount's client.
    Tabs,
    /// As `Plain`, of a server that greets no tab: one is open once the head of its answer has come.
    Relay,
}

/// Whether an admin asks for deltas, as headcount's own client does, or for complete stats, as the clients in the field do.
/// The baseline knows complete stats only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Subscription {
    Deltas,
    Complete,
}

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Open so many connections more, so many at a time, and wait for each one's first message.
    Open {
        transport: Transport,
        setup: Setup,
        count: usize,
        window: usize,
    },
    /// Move tabs to other pages: so many moves in all, at so many a second. Tabs take turns in a scattered order.
    Update { count: usize, per_second: u32 },
    /// Move this many tabs to the page that will be invalidated.
    Place { count: usize },
    /// Forget which tabs have been told of a version, and what the admin received.
    Mark,
    /// Wait until so many distinct tabs have been told of a version.
    AwaitVersions { count: usize },
    /// Subscribe the first connection to stats, and wait for the first.
    Subscribe(Subscription),
    /// What the subscribed connection received since the mark.
    Watched,
    /// So many times: wait until it was quiet for so long, move the second tab, wait for the admin's next stats.
    Lone { samples: usize, quiet_ms: u64 },
    /// Where the tabs are, as the loader believes.
    Routes,
    /// From now on, a tab whose connection ends opens another at one of these servers: the one with the fewest tabs of this loader. It does
    /// so when the server told it to, or after up to a second. Tabs without a connection come back as well. No server: they stay away.
    Return { at: Vec<SocketAddr> },
    /// How many tabs have a connection now, and what the admin was told last.
    Look,
    /// Close every connection.
    Close,
}

/// How it went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Opened {
        opened: usize,
        failed: usize,
    },
    Updated {
        sent: usize,
        refused: usize,
    },
    /// Distinct tabs told, and when the last was: nanoseconds of the monotonic clock.
    Versions {
        told: usize,
        last_at_ns: u64,
    },
    Watched {
        messages: u64,
        bytes: u64,
    },
    /// Nanoseconds from the move to the admin's socket, one a sample.
    Lone {
        taken_ns: Vec<u64>,
    },
    Routes {
        routes: BTreeMap<String, u64>,
        lost: usize,
    },
    /// Tabs with a connection; the last total that the subscribed connection received.
    Seen {
        open: usize,
        total: Option<u64>,
    },
    Failed {
        why: String,
    },
}
