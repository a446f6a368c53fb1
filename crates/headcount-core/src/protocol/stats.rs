//! Stats as they are written: whole, and as what changed.
//!
//! - `whole`: the `stats` message. `delta`: the `stats-delta` message. `row`: a connection and counts in both.
//!
//! Which of them a subscriber is sent, and when, is decided in `feed`.

mod delta;
mod row;
mod whole;

use super::admin::{ConnectionRow, StatsAnswer};
use super::client::StatsForm;
use super::nodes::NodesAsked;
use crate::connection::IdCipher;
use crate::stats::list::List;
use crate::stats::{Counts, Form, Row, Sum};

pub use delta::DeltaMessage;
pub use whole::StatsMessage;

/// The sum, the connections that are listed of it, and how many nodes it is of where some are missing.
type Numbers<'a> = (&'a Sum, &'a List, Option<&'a NodesAsked>);

impl From<StatsForm> for Form {
    fn from(asked: StatsForm) -> Self {
        match asked {
            StatsForm { delta: false, .. } => Self::Whole,
            StatsForm {
                connections: true, ..
            } => Self::Deltas,
            StatsForm {
                connections: false, ..
            } => Self::Counts,
        }
    }
}

/// The same counts for the admin API, which has no own row.
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
        visible: sum.visible(),
        versions: owned(sum.versions()),
        routes: owned(sum.routes()),
        connections_truncated: sum.total() > connections.len() as u64,
        connections,
        nodes: None,
    }
}

/// A row for the admin API.
pub fn row_answer(row: &Row, cipher: &IdCipher) -> ConnectionRow {
    ConnectionRow {
        id: row.place().id(cipher).to_string(),
        version: row.version.to_string(),
        route: row.route.as_deref().map(str::to_owned),
        ip: row.ip.map(|ip| ip.to_string()),
        hidden: row.hidden,
    }
}
