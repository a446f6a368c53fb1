//! What a server sends, to the letter.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::connection::{ConnectionKey, IdCipher};
use crate::protocol::admin::ModeBody;
use crate::protocol::stats::StatsMessage;
use crate::stats::{Changes, Row, Sum};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    make: Make,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Make {
    Connected {
        version: String,
        slot: u32,
        generation: u32,
        timestamp: u64,
        resume: String,
    },
    Keepalive {
        timestamp: u64,
    },
    Released {
        version: String,
        id: u32,
    },
    Invalidated {
        version: String,
        id: u32,
        mode: ModeBody,
    },
    Reconnect {
        after: u32,
    },
    Pong {},
    Unauthorized {},
    Stats(MakeStats),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MakeStats {
    rows: Vec<MakeRow>,
    total: u64,
    versions: BTreeMap<Arc<str>, u64>,
    routes: BTreeMap<Arc<str>, u64>,
    connections_max: u32,
    reader: MakeRow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeRow {
    slot: u32,
    version: Arc<str>,
    route: Option<Arc<str>>,
    ip: Option<IpAddr>,
}

impl MakeRow {
    fn row(&self) -> Row {
        Row {
            key: key(self.slot, self.slot + 1),
            version: Arc::clone(&self.version),
            route: self.route.clone(),
            ip: self.ip,
            hidden: false,
        }
    }
}

impl MakeStats {
    fn text(self) -> String {
        let mut sum = Sum::new(1);
        sum.apply(
            0,
            Changes {
                total: self.total,
                hidden: 0,
                versions: self.versions.into_iter().collect(),
                routes: self.routes.into_iter().collect(),
                rows: self.rows.iter().map(|row| (row.slot, Some(row.row()))).collect(),
            },
        );
        let message = StatsMessage::new(&sum, self.connections_max, &cipher());
        let beginning = std::str::from_utf8(message.beginning()).unwrap();
        format!("{beginning}{}", message.end_for(&self.reader.row(), &cipher()))
    }
}

impl Make {
    fn text(self) -> String {
        match self {
            Self::Connected {
                version,
                slot,
                generation,
                timestamp,
                resume,
            } => connected(&version, cipher().id(key(slot, generation)), timestamp, &resume),
            Self::Keepalive { timestamp } => keepalive(timestamp),
            Self::Released { version, id } => released(&version, id),
            Self::Invalidated { version, id, mode } => invalidated(
                &version,
                id,
                match mode {
                    ModeBody::Force => Mode::Force,
                    ModeBody::Prompt => Mode::Prompt,
                },
            ),
            Self::Reconnect { after } => reconnect(after),
            Self::Pong {} => PONG.to_owned(),
            Self::Unauthorized {} => STATS_UNAUTHORIZED.to_owned(),
            Self::Stats(stats) => stats.text(),
        }
    }
}

fn cipher() -> IdCipher {
    IdCipher::new([0; 16])
}

fn key(slot: u32, generation: u32) -> ConnectionKey {
    ConnectionKey {
        shard: 0,
        slot,
        generation,
    }
}

#[test]
fn vectors() {
    let vectors = include_str!("../../../../../protocol/vectors/server-messages.json");
    let vectors: Vectors = serde_json::from_str(vectors).unwrap();
    assert!(vectors.cases.len() >= 15);
    for case in vectors.cases {
        assert_eq!(case.make.text(), case.text, "{}", case.name);
    }
}
