//! The `stats-delta` message: what changed between two states of the numbers.
//!
//! One text for all readers of a form, except for `you`: the own row of a reader that is not in the list. Building it
//! costs time for what changed, however many tabs are open.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Numbers;
use super::row::WireRow;
use crate::connection::IdCipher;
use crate::protocol::nodes::NodesAsked;
use crate::stats::news::News;
use crate::stats::{Counts, Form, Place, Row};

/// What all readers of a form share.
#[derive(Debug)]
pub struct DeltaMessage {
    seq: u64,
    beginning: Bytes,
    /// Whose rows came, changed or went, ordered, and whether they are listed now.
    rows: Vec<(Place, bool)>,
}

#[derive(Serialize)]
struct Beginning<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visible: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<NewNodes<'a>>,
    #[serde(skip_serializing_if = "NewCounts::is_empty")]
    versions: NewCounts<'a>,
    #[serde(skip_serializing_if = "NewCounts::is_empty")]
    routes: NewCounts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<NewRows<'a>>,
    #[serde(rename = "connectionsTruncated", skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

impl DeltaMessage {
    /// The message that leads to the state `seq`, in which these are the numbers.
    pub(crate) fn new(
        form: Form,
        seq: u64,
        (sum, list, partial): Numbers<'_>,
        news: &News,
        cipher: &IdCipher,
    ) -> Self {
        let shows_rows = form != Form::Counts;
        let rows: Vec<_> = news
            .rows
            .iter()
            .filter(|_| shows_rows)
            .map(|(place, at)| (*place, list.row(sum, *at).filter(|row| row.place() == *place)))
            .collect();
        let listed = rows.iter().map(|(place, row)| (*place, row.is_some())).collect();
        let beginning = Beginning {
            kind: "stats-delta",
            seq,
            total: news.total.then(|| sum.total()),
            visible: news.visible.then(|| sum.visible()),
            nodes: news.nodes.then_some(NewNodes(partial)),
            versions: NewCounts {
                names: &news.versions,
                counts: sum.versions(),
            },
            routes: NewCounts {
                names: &news.routes,
                counts: sum.routes(),
            },
            connections: (!rows.is_empty()).then_some(NewRows { rows, cipher }),
            truncated: (shows_rows && news.truncated).then(|| list.is_truncated()),
        };
        let mut text = serde_json::to_vec(&beginning).unwrap_or_default();
        // Open the object again: each reader's end closes it.
        text.pop();
        Self {
            seq,
            beginning: text.into(),
            rows: listed,
        }
    }

    /// The state that it leads to, from the one before.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The part that all readers share.
    pub fn beginning(&self) -> &Bytes {
        &self.beginning
    }

    /// Whether this connection came into the list or left it; `None`: neither.
    pub(crate) fn lists(&self, place: Place) -> Option<bool> {
        let found = self.rows.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.rows.get(found).map(|(_, listed)| *listed)
    }

    /// The rest, with the reader's own row where it must be told.
    pub(crate) fn end(own: Option<&Row>) -> String {
        let Some(row) = own else {
            return "}".to_owned();
        };
        let row = serde_json::to_string(&WireRow::nameless(row)).unwrap_or_default();
        format!(",\"you\":{row}}}")
    }
}

/// How many nodes the numbers are of; `null` where they are of all.
#[derive(Serialize)]
struct NewNodes<'a>(Option<&'a NodesAsked>);

/// New counts of these names; `null` for none.
struct NewCounts<'a> {
    names: &'a BTreeSet<Arc<str>>,
    counts: &'a Counts,
}

impl NewCounts<'_> {
    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Serialize for NewCounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for name in self.names {
            map.serialize_entry(&**name, &self.counts.get(name))?;
        }
        map.end()
    }
}

/// New rows by their ids; `null` for rows that are no longer listed.
struct NewRows<'a> {
    rows: Vec<(Place, Option<&'a Row>)>,
    cipher: &'a IdCipher,
}

impl Serialize for NewRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.rows.len()))?;
        for (place, row) in &self.rows {
            map.serialize_entry(place.id(self.cipher).as_str(), &row.map(WireRow::nameless))?;
        }
        map.end()
    }
}
