//! Counts and rows in messages between nodes.

use core::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{COUNT_MAX, UnreadableMessage};
use crate::connection::{ConnectionKey, NodeId};
use crate::stats::{Changes, Incarnation, Report, Row, Stamp};

/// Shard, slot and generation.
pub(super) type WireKey = (u16, u32, u32);

pub(super) fn wire_key(key: ConnectionKey) -> WireKey {
    (key.shard, key.slot, key.generation)
}

pub(super) fn key((shard, slot, generation): WireKey) -> ConnectionKey {
    ConnectionKey {
        shard,
        slot,
        generation,
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireStamp {
    incarnation: u64,
    sequence: u64,
}

impl From<Stamp> for WireStamp {
    fn from(stamp: Stamp) -> Self {
        Self {
            incarnation: stamp.incarnation.0,
            sequence: stamp.sequence,
        }
    }
}

impl From<WireStamp> for Stamp {
    fn from(stamp: WireStamp) -> Self {
        Self {
            incarnation: Incarnation(stamp.incarnation),
            sequence: stamp.sequence,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireReport {
    stamp: WireStamp,
    whole: bool,
    changes: WireChanges,
}

impl From<&Report> for WireReport {
    fn from(report: &Report) -> Self {
        Self {
            stamp: report.stamp.into(),
            whole: report.whole,
            changes: (&report.changes).into(),
        }
    }
}

impl WireReport {
    pub(super) fn into_report(self, from: NodeId) -> Result<Report, UnreadableMessage> {
        let stamp = Stamp::from(self.stamp);
        if stamp.sequence == 0 {
            return Err(UnreadableMessage::Refused("a report without a number"));
        }
        Ok(Report {
            stamp,
            whole: self.whole,
            changes: self.changes.into_changes(from)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireChanges {
    total: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    hidden: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versions: Vec<(Arc<str>, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<(Arc<str>, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<WireSlot>,
}

#[derive(Serialize, Deserialize)]
struct WireSlot {
    slot: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<WireRow>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireRow {
    key: WireKey,
    version: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&Row> for WireRow {
    fn from(row: &Row) -> Self {
        Self {
            key: wire_key(row.key),
            version: Arc::clone(&row.version),
            route: row.route.clone(),
            ip: row.ip,
            hidden: row.hidden,
        }
    }
}

impl WireRow {
    pub(super) fn into_row(self, from: NodeId) -> Row {
        Row {
            node: Some(from),
            key: key(self.key),
            version: self.version,
            route: self.route,
            ip: self.ip,
            hidden: self.hidden,
        }
    }
}

impl From<&Changes> for WireChanges {
    fn from(changes: &Changes) -> Self {
        let rows = changes.rows.iter().map(|(slot, row)| WireSlot {
            slot: *slot,
            row: row.as_ref().map(WireRow::from),
        });
        Self {
            total: changes.total,
            hidden: changes.hidden,
            versions: changes.versions.clone(),
            routes: changes.routes.clone(),
            rows: rows.collect(),
        }
    }
}

impl WireChanges {
    pub(super) fn into_changes(self, from: NodeId) -> Result<Changes, UnreadableMessage> {
        count(self.total)?;
        if self.hidden > self.total {
            return Err(UnreadableMessage::Refused("more hidden tabs than tabs"));
        }
        for counts in [&self.versions, &self.routes] {
            if add_up(counts)? > self.total {
                return Err(UnreadableMessage::Refused("more tabs by name than tabs"));
            }
        }
        let rows = self.rows.into_iter().map(|WireSlot { slot, row }| {
            let row = row.map(|row| row.into_row(from));
            (slot, row)
        });
        Ok(Changes {
            total: self.total,
            hidden: self.hidden,
            versions: self.versions,
            routes: self.routes,
            rows: rows.collect(),
        })
    }
}

/// A count that may be.
pub(super) fn count(count: u64) -> Result<u64, UnreadableMessage> {
    if count > COUNT_MAX {
        return Err(UnreadableMessage::Refused("a count beyond 4,294,967,296"));
    }
    Ok(count)
}

/// The sum of counts, each of which may be.
pub(super) fn add_up(counts: &[(Arc<str>, u64)]) -> Result<u64, UnreadableMessage> {
    // A message has fewer counts than 2³², so their sum does not overflow.
    counts.iter().try_fold(0, |sum, (_, one)| Ok(sum + count(*one)?))
}
