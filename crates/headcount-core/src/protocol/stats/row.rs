//! Connections and counts as they are written in messages.

use core::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::connection::{ConnectionId, IdCipher};
use crate::stats::{Counts, Row};

/// A connection, one of a list.
#[derive(Serialize)]
pub(super) struct WireRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<WireId>,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

impl<'a> WireRow<'a> {
    /// As clients of every revision know it: without visibility.
    pub(super) fn plain(row: &'a Row, cipher: &IdCipher) -> Self {
        Self {
            hidden: false,
            ..Self::full(row, cipher)
        }
    }

    /// All that is known.
    pub(super) fn full(row: &'a Row, cipher: &IdCipher) -> Self {
        Self {
            id: Some(WireId(row.place().id(cipher))),
            ..Self::nameless(row)
        }
    }

    /// All but the id, for where that is the key.
    pub(super) fn nameless(row: &'a Row) -> Self {
        Self {
            id: None,
            version: &row.version,
            route: row.route.as_deref(),
            ip: row.ip,
            hidden: row.hidden,
        }
    }
}

struct WireId(ConnectionId);

impl Serialize for WireId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// Counts as a JSON object.
pub(super) struct WireCounts<'a>(pub(super) &'a Counts);

impl Serialize for WireCounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in self.0 {
            map.serialize_entry(&**name, count)?;
        }
        map.end()
    }
}
