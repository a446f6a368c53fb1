//! The `stats` message: all numbers of a moment.
//!
//! It is the same for all readers of a form but for two things: each finds itself in the list, and is told which row is its
//! own. So it is written in two parts: a beginning, made once and shared, and a few bytes of an end for each.

use bytes::Bytes;
use serde::Serialize;

use super::Numbers;
use super::row::{WireCounts, WireRow};
use crate::connection::IdCipher;
use crate::protocol::nodes::NodesAsked;
use crate::stats::{Form, Place, Row};

/// What all readers of a form share.
#[derive(Debug)]
pub struct StatsMessage {
    form: Form,
    seq: u64,
    beginning: Bytes,
    /// Whose rows are in it, ordered.
    listed: Vec<Place>,
    truncated: bool,
}

#[derive(Serialize)]
struct Beginning<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    visible: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<&'a NodesAsked>,
    versions: WireCounts<'a>,
    routes: WireCounts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<Vec<WireRow<'a>>>,
}

impl StatsMessage {
    /// The message for these numbers, in this form; `seq` is what deltas go on from.
    pub(crate) fn new(form: Form, seq: u64, (sum, list, partial): Numbers<'_>, cipher: &IdCipher) -> Self {
        let rows: Vec<&Row> = match form {
            Form::Counts => Vec::new(),
            Form::Whole | Form::Deltas => list.rows(sum).collect(),
        };
        let mut listed: Vec<_> = rows.iter().map(|row| row.place()).collect();
        listed.sort_unstable();
        let wire_row = if form == Form::Whole {
            WireRow::plain
        } else {
            WireRow::full
        };
        let beginning = Beginning {
            kind: "stats",
            seq: (form != Form::Whole).then_some(seq),
            total: sum.total(),
            visible: (form != Form::Whole).then(|| sum.visible()),
            nodes: partial,
            versions: WireCounts(sum.versions()),
            routes: WireCounts(sum.routes()),
            connections: (form != Form::Counts)
                .then(|| rows.into_iter().map(|row| wire_row(row, cipher)).collect()),
        };
        let mut text = serde_json::to_vec(&beginning).unwrap_or_default();
        // Open the object again, and the list where there is one: each reader's end closes them.
        let open = if form == Form::Counts { 1 } else { 2 };
        text.truncate(text.len().saturating_sub(open));
        Self {
            form,
            seq,
            beginning: text.into(),
            listed,
            truncated: list.is_truncated(),
        }
    }

    /// The form it is in.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Which state of the numbers it is: the first delta after it is the next.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The part that all readers share.
    pub fn beginning(&self) -> &Bytes {
        &self.beginning
    }

    /// Whether the part that all share holds this connection's row.
    pub(crate) fn lists(&self, place: Place) -> bool {
        self.listed.binary_search(&place).is_ok()
    }

    /// The rest for the reader with this row.
    pub fn end_for(&self, reader: &Row, cipher: &IdCipher) -> String {
        let id = reader.place().id(cipher);
        let mut end = String::new();
        if self.form != Form::Counts {
            self.end_list(reader, cipher, &mut end);
        }
        end.push_str(",\"yourId\":\"");
        end.push_str(id.as_str());
        end.push_str("\"}");
        end
    }

    fn end_list(&self, reader: &Row, cipher: &IdCipher, end: &mut String) {
        if !self.lists(reader.place()) {
            if !self.listed.is_empty() {
                end.push(',');
            }
            let row = if self.form == Form::Whole {
                WireRow::plain(reader, cipher)
            } else {
                WireRow::full(reader, cipher)
            };
            end.push_str(&serde_json::to_string(&row).unwrap_or_default());
        }
        end.push(']');
        if self.truncated {
            end.push_str(",\"connectionsTruncated\":true");
        }
    }
}
