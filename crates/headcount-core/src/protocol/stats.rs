//! The `stats` message.
//!
//! It is the same for all subscribers but for two things: each finds itself in the list, and is told which row is its own.
//! So it is written in two parts: a beginning, made once per tick and shared, and a few bytes of an end for each.

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::admin::{ConnectionRow, StatsAnswer};
use crate::connection::{ConnectionId, ConnectionKey, IdCipher};
use crate::stats::{Counts, Row, Sum};

/// What all subscribers of one tick share.
#[derive(Debug)]
pub struct StatsMessage {
    beginning: Bytes,
    /// Whose rows are in it, ordered.
    listed: Vec<ConnectionKey>,
    truncated: bool,
}

#[derive(Serialize)]
struct Beginning<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    total: u64,
    versions: Tally<'a>,
    routes: Tally<'a>,
    connections: Vec<WireRow<'a>>,
}

#[derive(Serialize)]
struct WireRow<'a> {
    #[serde(serialize_with = "id")]
    id: ConnectionId,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<core::net::IpAddr>,
}

impl StatsMessage {
    /// The message for this sum, listing at most `connections_max` connections.
    pub fn new(sum: &Sum, connections_max: u32, cipher: &IdCipher) -> Self {
        let mut rows: Vec<&Row> = sum.rows().take(connections_max as usize).collect();
        let truncated = sum.total() > rows.len() as u64;
        if truncated && rows.len() == connections_max as usize {
            // Room for the reader, who is in every list.
            rows.pop();
        }
        let mut listed: Vec<_> = rows.iter().map(|row| row.key).collect();
        listed.sort_unstable();
        let beginning = Beginning {
            kind: "stats",
            total: sum.total(),
            versions: Tally(sum.versions()),
            routes: Tally(sum.routes()),
            connections: rows.into_iter().map(|row| wire_row(row, cipher)).collect(),
        };
        let mut text = serde_json::to_vec(&beginning).unwrap_or_default();
        // Open the list and the object again: each reader's end closes them.
        text.truncate(text.len().saturating_sub(2));
        Self {
            beginning: text.into(),
            listed,
            truncated,
        }
    }

    /// The part that all readers share.
    pub fn beginning(&self) -> &Bytes {
        &self.beginning
    }

    /// The rest for the reader whose own row this is.
    pub fn end_for(&self, reader: &Row, cipher: &IdCipher) -> String {
        let id = cipher.id(reader.key);
        let mut end = String::new();
        if self.listed.binary_search(&reader.key).is_err() {
            if !self.listed.is_empty() {
                end.push(',');
            }
            end.push_str(&serde_json::to_string(&wire_row(reader, cipher)).unwrap_or_default());
        }
        end.push(']');
        if self.truncated {
            end.push_str(",\"connectionsTruncated\":true");
        }
        end.push_str(",\"yourId\":\"");
        end.push_str(id.as_str());
        end.push_str("\"}");
        end
    }
}

/// The same numbers for the admin API, which has no reader of its own.
pub fn answer(sum: &Sum, connections_max: u32, cipher: &IdCipher) -> StatsAnswer {
    let connections: Vec<_> = sum
        .rows()
        .take(connections_max as usize)
        .map(|row| row_answer(row, cipher))
        .collect();
    let owned = |counts: &Counts| {
        counts
            .iter()
            .map(|(name, count)| (name.to_string(), *count))
            .collect()
    };
    StatsAnswer {
        total: sum.total(),
        versions: owned(sum.versions()),
        routes: owned(sum.routes()),
        connections_truncated: sum.total() > connections.len() as u64,
        connections,
    }
}

/// A row for the admin API.
pub fn row_answer(row: &Row, cipher: &IdCipher) -> ConnectionRow {
    ConnectionRow {
        id: cipher.id(row.key).to_string(),
        version: row.version.to_string(),
        route: row.route.as_deref().map(str::to_owned),
        ip: row.ip.map(|ip| ip.to_string()),
    }
}

fn wire_row<'a>(row: &'a Row, cipher: &IdCipher) -> WireRow<'a> {
    WireRow {
        id: cipher.id(row.key),
        version: &row.version,
        route: row.route.as_deref(),
        ip: row.ip,
    }
}

/// Counts as a JSON object.
struct Tally<'a>(&'a Counts);

impl Serialize for Tally<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in self.0 {
            map.serialize_entry(&**name, count)?;
        }
        map.end()
    }
}

fn id<S: Serializer>(id: &ConnectionId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Changes;

    fn row(slot: u32) -> Row {
        let key = ConnectionKey {
            shard: 0,
            slot,
            generation: slot + 1,
        };
        Row {
            key,
            version: "v1".into(),
            route: Some("/".into()),
            ip: None,
            hidden: false,
        }
    }

    fn sum(rows: u32, total: u64) -> Sum {
        let mut sum = Sum::new(1);
        sum.apply(
            0,
            Changes {
                total,
                hidden: 0,
                versions: vec![("v1".into(), total)],
                routes: vec![("/".into(), total)],
                rows: (0..rows).map(|slot| (slot, Some(row(slot)))).collect(),
            },
        );
        sum
    }

    fn read(message: &StatsMessage, reader: &Row, cipher: &IdCipher) -> serde_json::Value {
        let text = [
            message.beginning().as_ref(),
            message.end_for(reader, cipher).as_bytes(),
        ]
        .concat();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn everyone_finds_itself_in_the_list() {
        let cipher = IdCipher::new([3; 16]);
        let message = StatsMessage::new(&sum(3, 3), 200, &cipher);
        let stats = read(&message, &row(1), &cipher);
        assert_eq!(stats["connections"].as_array().unwrap().len(), 3);
        assert_eq!(stats["connections"][1]["id"], stats["yourId"]);
        assert_eq!(stats.get("connectionsTruncated"), None);
        assert_eq!(stats["connections"][0].get("ip"), None);
    }

    #[test]
    fn a_long_list_is_cut_and_still_holds_the_reader() {
        let cipher = IdCipher::new([3; 16]);
        let message = StatsMessage::new(&sum(10, 1_000), 10, &cipher);
        for slot in [0, 9, 500] {
            let stats = read(&message, &row(slot), &cipher);
            let rows = stats["connections"].as_array().unwrap();
            assert!(
                rows.len() <= 10 && rows.iter().any(|row| row["id"] == stats["yourId"]),
                "{stats}"
            );
            assert_eq!(stats["connectionsTruncated"], true);
        }
    }

    #[test]
    fn an_empty_list_is_sound() {
        let cipher = IdCipher::new([3; 16]);
        let stats = read(&StatsMessage::new(&Sum::new(1), 10, &cipher), &row(4), &cipher);
        assert_eq!(stats["connections"].as_array().unwrap().len(), 1);
        assert_eq!(
            (stats["total"].as_u64(), &stats["routes"]),
            (Some(0), &serde_json::json!({}))
        );
    }
}
