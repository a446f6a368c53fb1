//! What nodes say to each other for bridges.
//!
//! A bridge hears of the tabs of all nodes. Its node opens a *tap* at each other node, which sends what is open there in slices, one for each
//! request, and what happens. The messages of a tap have numbers without gaps, so its owner notices one that was lost: by the next one, or by
//! [`TapMessage::At`], which says how far the tap is.

use std::sync::Arc;

use super::request::RequestId;
use crate::happening::{Happening, Wants};
use crate::stats::Row;

/// What is said about taps. Each has a number that its owner gave it, and that is not given twice.
#[derive(Clone, Debug, PartialEq)]
pub enum TapMessage {
    /// The receiver shall open a tap for the sender, and send the first slice.
    Open {
        /// The tap.
        tap: RequestId,
        /// What its owner is told.
        wants: Wants,
    },
    /// The owner has read all slices before this one, which is to be sent now.
    Next {
        /// The tap.
        tap: RequestId,
        /// Counts the slices, from 1.
        slice: u32,
    },
    /// The owner needs the tap no more.
    End {
        /// The tap.
        tap: RequestId,
    },
    /// To the owner: what happened, and then a slice.
    News {
        /// The tap.
        tap: RequestId,
        /// Counts the messages of the tap, from 1.
        number: u64,
        /// What happened.
        news: Vec<Happening>,
        /// A slice of what is open.
        slice: Option<Slice>,
    },
    /// To the owner of these taps: the number of the last message of each. Once a second.
    At {
        /// The taps.
        taps: Vec<(RequestId, u64)>,
    },
    /// To the owner: its node is not read fast enough, and the tap has ended.
    Lagged {
        /// The tap.
        tap: RequestId,
    },
}

/// Some of what is open at a node. Of what happens to a connection, its reader is told after the slice that the connection is in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// The connections.
    pub rows: Vec<Row>,
    /// Whether everything was sent.
    pub is_last: bool,
}

/// What a node says of its bridges, so that questions find one, and one of those that share is told of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridging {
    /// The time at which the newest bridge that decides who may see stats was opened, in milliseconds since the Unix epoch. `None`: no bridge decides.
    pub authorizes_ms: Option<u64>,
    /// The apps whose bridges share, each once.
    pub shared: Arc<[SharedApp]>,
}

/// An app whose bridges share: one of them is told of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedApp {
    /// The keyed hash of its name.
    pub app: u64,
    /// Since when one of the node's bridges is told, or the first one waits: milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Whether one of the node's bridges is told.
    pub is_told: bool,
}
