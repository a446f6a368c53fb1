//! A client of deltas as PROTOCOL.md describes one, the slow way.

use serde_json::{Map, Value, json};

/// What it knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Client {
    pub(super) seq: Option<u64>,
    /// Total and visible.
    pub(super) numbers: [Value; 2],
    pub(super) versions: Map<String, Value>,
    pub(super) routes: Map<String, Value>,
    /// Rows by id, without it.
    pub(super) connections: Map<String, Value>,
    pub(super) truncated: bool,
    /// How many nodes the numbers are of; null: all.
    pub(super) nodes: Value,
    pub(super) your_id: String,
}

impl Client {
    /// Takes in a message. False where something is missing before it.
    pub(super) fn read(&mut self, message: &Value) -> bool {
        match message["type"].as_str() {
            Some("stats") => {
                self.replace(message);
                true
            }
            Some("stats-delta") => self.change(message),
            _ => panic!("no stats: {message}"),
        }
    }

    fn replace(&mut self, stats: &Value) {
        let map = |field: &str| stats[field].as_object().cloned().unwrap_or_default();
        let rows = stats["connections"].as_array().into_iter().flatten();
        *self = Self {
            seq: stats["seq"].as_u64(),
            numbers: [stats["total"].clone(), stats["visible"].clone()],
            versions: map("versions"),
            routes: map("routes"),
            connections: rows.map(|row| (text(&row["id"]), without_id(row))).collect(),
            truncated: stats["connectionsTruncated"] == true,
            nodes: stats["nodes"].clone(),
            your_id: text(&stats["yourId"]),
        };
    }

    fn change(&mut self, delta: &Value) -> bool {
        let Some(seq) = self.seq.filter(|seq| delta["seq"] == json!(seq + 1)) else {
            return false;
        };
        self.seq = Some(seq + 1);
        for (number, field) in self.numbers.iter_mut().zip(["total", "visible"]) {
            if let Some(new) = delta.get(field) {
                *number = new.clone();
            }
        }
        merge(&mut self.versions, &delta["versions"], None);
        merge(&mut self.routes, &delta["routes"], None);
        merge(&mut self.connections, &delta["connections"], Some(&self.your_id));
        if let Some(you) = delta.get("you") {
            self.connections.insert(self.your_id.clone(), without_id(you));
        }
        if let Some(truncated) = delta["connectionsTruncated"].as_bool() {
            self.truncated = truncated;
        }
        if let Some(nodes) = delta.get("nodes") {
            self.nodes = nodes.clone();
        }
        true
    }
}

/// Takes in changed entries; `null` removes all but the one that is kept.
fn merge(into: &mut Map<String, Value>, changes: &Value, kept: Option<&str>) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        if !value.is_null() {
            into.insert(name.clone(), value.clone());
        } else if kept != Some(name.as_str()) {
            into.remove(name);
        }
    }
}

fn without_id(row: &Value) -> Value {
    let mut row = row.clone();
    row.as_object_mut().map(|row| row.remove("id"));
    row
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
