//! The floors of each crate: what `cargo xtask check` holds, and `cargo xtask generate` draws.

/// Rooms that use nothing of each other.
pub(super) struct Floor {
    /// What is on it, in a word or two.
    pub(super) what: &'static str,
    pub(super) rooms: &'static [&'static str],
}

/// The floors of one crate.
pub(super) struct House {
    pub(super) name: &'static str,
    pub(super) folder: &'static str,
    /// From the ground up.
    pub(super) floors: &'static [Floor],
    /// Arrows that run up, or along a floor: from, to, and why it stays so.
    pub(super) exceptions: &'static [(&'static str, &'static str, &'static str)],
}

pub(super) const HOUSES: [House; 4] = [
    House {
        name: "headcount-core",
        folder: "crates/headcount-core/src",
        floors: &[
            Floor {
                what: "values",
                rooms: &[
                    "backoff",
                    "belief",
                    "connection",
                    "epoch",
                    "intern",
                    "limits",
                    "outcome",
                    "release",
                    "route",
                    "sse",
                    "websocket",
                ],
            },
            Floor {
                what: "names and sums",
                rooms: &["pattern", "stats", "version"],
            },
            Floor {
                what: "rules, and what happens",
                rooms: &["happening", "history", "invalidation"],
            },
            Floor {
                what: "the log of commands",
                rooms: &["command_log"],
            },
            Floor {
                what: "one shard's table, a rollout",
                rooms: &["registry", "rollout"],
            },
            Floor {
                what: "what it is asked, what is made of it",
                rooms: &["pages", "questions"],
            },
            Floor {
                what: "what nodes say to each other",
                rooms: &["cluster"],
            },
            Floor {
                what: "the wire",
                rooms: &["protocol"],
            },
            Floor {
                what: "one client, all subscribers",
                rooms: &["feed", "session"],
            },
            Floor {
                what: "one node of a cluster",
                rooms: &["node"],
            },
        ],
        exceptions: &[],
    },
    House {
        name: "headcount-nats",
        folder: "crates/headcount-nats/src",
        floors: &[
            Floor {
                what: "names, errors and seals",
                rooms: &["error", "seal", "seldom", "subjects"],
            },
            Floor {
                what: "options, and what is not allowed",
                rooms: &["denials", "options"],
            },
            Floor {
                what: "files of a login and of TLS",
                rooms: &["files"],
            },
            Floor {
                what: "the broker, connected",
                rooms: &["broker"],
            },
            Floor {
                what: "the two homes",
                rooms: &["bus", "log"],
            },
        ],
        exceptions: &[],
    },
    House {
        name: "headcount-shard",
        folder: "crates/headcount-shard/src",
        floors: &[
            Floor {
                what: "values",
                rooms: &[
                    "census",
                    "credentials",
                    "date",
                    "decision",
                    "deferred",
                    "guests",
                    "link",
                    "log",
                    "mark",
                    "meters",
                    "nudges",
                    "outbox",
                    "roll",
                    "signals",
                    "spread",
                    "token",
                ],
            },
            Floor {
                what: "words of a connection",
                rooms: &[
                    "cause",
                    "handshakes",
                    "mailbox",
                    "newcomer",
                    "spare",
                    "table",
                    "tap",
                ],
            },
            Floor {
                what: "a tab, and what is told",
                rooms: &["judgement", "mail", "peer", "witness"],
            },
            Floor {
                what: "the ways in and out",
                rooms: &["outlets", "shards", "wire"],
            },
            Floor {
                what: "readers, listeners, the server around",
                rooms: &["listen", "readers", "remote", "surroundings"],
            },
            Floor {
                what: "the open connections",
                rooms: &["tabs"],
            },
            Floor {
                what: "what goes out, who waits",
                rooms: &[
                    "deliver",
                    "drain",
                    "lobby",
                    "moves",
                    "stats",
                    "subscribe",
                    "sweep",
                ],
            },
            Floor {
                what: "what clients say, what is asked",
                rooms: &["questions", "receive"],
            },
            Floor {
                what: "a connection opens",
                rooms: &["arrive"],
            },
            Floor {
                what: "POSTs",
                rooms: &["posts"],
            },
            Floor {
                what: "the way in",
                rooms: &["lean"],
            },
            Floor {
                what: "the loop",
                rooms: &["reactor"],
            },
        ],
        exceptions: &[],
    },
    House {
        name: "headcount-server",
        folder: "crates/headcount-server/src",
        floors: &[
            Floor {
                what: "keys",
                rooms: &["keys"],
            },
            Floor {
                what: "the machine, and words of requests",
                rooms: &[
                    "bots",
                    "claims",
                    "clock",
                    "head",
                    "invalidation",
                    "metrics",
                    "secrets",
                    "sources",
                    "system",
                    "vitals",
                ],
            },
            Floor {
                what: "what is read of a request, what there is room for",
                rooms: &[
                    "client_address",
                    "descriptors",
                    "faults",
                    "guesses",
                    "origin",
                    "refusals",
                ],
            },
            Floor {
                what: "configuration, and the disk",
                rooms: &["cluster", "config", "store"],
            },
            Floor {
                what: "who may see stats, which files are handed out",
                rooms: &["assets", "authorize", "hosts"],
            },
            Floor {
                what: "what all shards share",
                rooms: &["error", "site"],
            },
            Floor {
                what: "who comes in",
                rooms: &["admission"],
            },
            Floor {
                what: "the data plane and its surroundings",
                rooms: &["shard"],
            },
            Floor {
                what: "the other nodes of the cluster",
                rooms: &["nodes"],
            },
            Floor {
                what: "what others learn of them",
                rooms: &["answers", "bridge", "tab"],
            },
            Floor {
                what: "all tables, here and at the other nodes, and their counts over time",
                rooms: &["everywhere", "history"],
            },
            Floor {
                what: "the control plane",
                rooms: &["hooks", "hub", "pages"],
            },
            Floor {
                what: "the server as a value",
                rooms: &["headcount"],
            },
            Floor {
                what: "what starts it, the ways in",
                rooms: &["builder", "door"],
            },
            Floor {
                what: "every URL, and serving",
                rooms: &["endpoints", "serve"],
            },
        ],
        exceptions: &[],
    },
];

/// The crates whose rooms are drawn.
pub(crate) const NAMES: [&str; 4] = [
    "headcount-core",
    "headcount-nats",
    "headcount-shard",
    "headcount-server",
];
