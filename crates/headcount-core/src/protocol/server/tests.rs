//! What a server sends, to the letter.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::connection::{ConnectionKey, IdCipher, NodeId};
use crate::feed::{Feed, Follower, Text};
use crate::protocol::admin::ModeBody;
use crate::protocol::nodes::NodesAsked;
use crate::stats::{Changes, Form, Incarnation, Reporter, Row, SourceId};

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
        keepalive: u32,
        #[serde(default = "announced")]
        announced: bool,
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
    Replaced {},
    Pong {},
    Unauthorized {},
    Stats(MakeStats),
    Delta(MakeDelta),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MakeStats {
    /// Absent: the form in which each message is whole.
    #[serde(default)]
    form: MakeForm,
    connections_max: u32,
    reader: MakeRow,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MakeDelta {
    form: MakeForm,
    connections_max: u32,
    before: Numbers,
    after: Numbers,
    reader: MakeRow,
    /// Absent: as it is now.
    reader_before: Option<MakeRow>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum MakeForm {
    #[default]
    Whole,
    Deltas,
    Counts,
}

impl From<MakeForm> for Form {
    fn from(form: MakeForm) -> Self {
        match form {
            MakeForm::Whole => Self::Whole,
            MakeForm::Deltas => Self::Deltas,
            MakeForm::Counts => Self::Counts,
        }
    }
}

#[derive(Deserialize)]
struct Numbers {
    rows: Vec<MakeRow>,
    total: u64,
    #[serde(default)]
    hidden: u64,
    versions: BTreeMap<Arc<str>, u64>,
    routes: BTreeMap<Arc<str>, u64>,
    #[serde(default)]
    nodes: Option<NodesAsked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeRow {
    slot: u32,
    version: Arc<str>,
    route: Option<Arc<str>>,
    ip: Option<IpAddr>,
    #[serde(default)]
    hidden: bool,
}

impl MakeRow {
    fn row(&self) -> Row {
        Row {
            node: None,
            key: key(self.slot, self.slot + 1),
            version: Arc::clone(&self.version),
            route: self.route.clone(),
            ip: self.ip,
            hidden: self.hidden,
        }
    }
}

impl Numbers {
    fn changes(&self) -> Changes {
        let owned = |counts: &BTreeMap<Arc<str>, u64>| {
            counts
                .iter()
                .map(|(name, count)| (Arc::clone(name), *count))
                .collect()
        };
        Changes {
            total: self.total,
            hidden: self.hidden,
            versions: owned(&self.versions),
            routes: owned(&self.routes),
            rows: self.rows.iter().map(|row| (row.slot, Some(row.row()))).collect(),
        }
    }

    /// What leads from these numbers to those.
    fn changes_to(&self, after: &Self) -> Changes {
        let mut changes = after.changes();
        let gone = |before: &BTreeMap<Arc<str>, u64>, after: &BTreeMap<Arc<str>, u64>| {
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            gone.map(|name| (Arc::clone(name), 0)).collect::<Vec<_>>()
        };
        changes.versions.extend(gone(&self.versions, &after.versions));
        changes.routes.extend(gone(&self.routes, &after.routes));
        let left = |row: &&MakeRow| !after.rows.iter().any(|other| other.slot == row.slot);
        changes
            .rows
            .extend(self.rows.iter().filter(left).map(|row| (row.slot, None)));
        changes
    }
}

impl MakeStats {
    fn text(&self) -> String {
        let (mut feed, _) = feed(self.connections_max, self.numbers.changes());
        feed.set_partial(self.numbers.nodes.clone());
        let mut follower = Follower::new(self.form.into());
        let message = feed.snapshot(self.form.into(), &cipher());
        joined(&follower.begin(&message, &self.reader.row(), &cipher()).unwrap())
    }
}

impl MakeDelta {
    fn text(&self) -> String {
        let (mut feed, mut reporter) = feed(self.connections_max, self.before.changes());
        feed.set_partial(self.before.nodes.clone());
        feed.forget_news();
        let mut follower = Follower::new(self.form.into());
        let message = feed.snapshot(self.form.into(), &cipher());
        let before = self.reader_before.as_ref().unwrap_or(&self.reader).row();
        follower.begin(&message, &before, &cipher()).unwrap();
        let report = reporter.changes(self.before.changes_to(&self.after));
        feed.apply(SourceId(0), report).unwrap();
        feed.set_partial(self.after.nodes.clone());
        let tick = feed.tick(|_| true, &cipher());
        joined(&follower.go_on(&tick, &self.reader.row(), &cipher()).unwrap())
    }
}

/// A feed with one source that has reported this, and the numbers of its further reports.
fn feed(connections_max: u32, changes: Changes) -> (Feed, Reporter) {
    let (mut feed, mut reporter) = (Feed::new(connections_max), Reporter::new(Incarnation(0)));
    feed.apply(SourceId(0), reporter.changes(changes)).unwrap();
    (feed, reporter)
}

fn joined(text: &Text) -> String {
    format!("{}{}", std::str::from_utf8(&text.beginning).unwrap(), text.end)
}

fn announced() -> bool {
    true
}

/// That of all vectors.
fn epoch() -> Epoch {
    Epoch::parse("3f9a0c2b77d1").unwrap()
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
                keepalive,
                announced,
            } => connected(
                &version,
                cipher().id(key(slot, generation)),
                timestamp,
                &resume,
                keepalive,
                Some(epoch()),
                announced,
            ),
            Self::Keepalive { timestamp } => keepalive(timestamp),
            Self::Released { version, id } => released(&version, id, epoch()),
            Self::Invalidated { version, id, mode } => invalidated(
                &version,
                id,
                match mode {
                    ModeBody::Force => Mode::Force,
                    ModeBody::Prompt => Mode::Prompt,
                },
                epoch(),
            ),
            Self::Reconnect { after } => reconnect(after),
            Self::Replaced {} => REPLACED.to_owned(),
            Self::Pong {} => PONG.to_owned(),
            Self::Unauthorized {} => STATS_UNAUTHORIZED.to_owned(),
            Self::Stats(stats) => stats.text(),
            Self::Delta(delta) => delta.text(),
        }
    }
}

fn cipher() -> IdCipher {
    IdCipher::new([0; 16], NodeId(0))
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
