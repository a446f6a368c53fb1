//! What nodes tell each other for bridges, as it is written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use super::counts::{WireKey, WireRow, key, wire_key};
use crate::cluster::{Bridging, RequestId, SharedApp, Slice, TapMessage};
use crate::connection::NodeId;
use crate::happening::{Happening, Wants};

/// What a heartbeat says of bridges.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireBridging {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorizes_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<WireShared>,
}

#[derive(Serialize, Deserialize)]
struct WireShared {
    app: u64,
    since: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    told: bool,
}

impl From<&Bridging> for WireBridging {
    fn from(bridging: &Bridging) -> Self {
        let shared = bridging.shared.iter().map(|shared| WireShared {
            app: shared.app,
            since: shared.since_ms,
            told: shared.is_told,
        });
        Self {
            authorizes_at: bridging.authorizes_ms,
            shared: shared.collect(),
        }
    }
}

impl WireBridging {
    pub(super) fn into_bridging(self) -> Bridging {
        let shared = self.shared.into_iter().map(|shared| SharedApp {
            app: shared.app,
            since_ms: shared.since,
            is_told: shared.told,
        });
        Bridging {
            authorizes_ms: self.authorizes_at,
            shared: shared.collect(),
        }
    }
}

/// The body of a message that only names a tap.
#[derive(Serialize, Deserialize)]
pub(super) struct TapBody {
    pub(super) tap: u64,
}

impl TapBody {
    pub(super) fn tap(&self) -> RequestId {
        RequestId(self.tap)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct OpenBody {
    tap: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    opens: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    moves: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closes: bool,
}

impl OpenBody {
    pub(super) fn new(tap: RequestId, wants: Wants) -> Self {
        let Wants { opens, moves, closes } = wants;
        Self {
            tap: tap.0,
            opens,
            moves,
            closes,
        }
    }

    pub(super) fn into_message(self) -> TapMessage {
        TapMessage::Open {
            tap: RequestId(self.tap),
            wants: Wants {
                opens: self.opens,
                moves: self.moves,
                closes: self.closes,
            },
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct NextBody {
    pub(super) tap: u64,
    pub(super) slice: u32,
}

impl NextBody {
    pub(super) fn into_message(self) -> TapMessage {
        TapMessage::Next {
            tap: RequestId(self.tap),
            slice: self.slice,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AtBody {
    pub(super) taps: Vec<(u64, u64)>,
}

impl AtBody {
    pub(super) fn into_message(self) -> TapMessage {
        let taps = self.taps.into_iter();
        TapMessage::At {
            taps: taps.map(|(tap, number)| (RequestId(tap), number)).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct NewsBody {
    tap: u64,
    number: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    news: Vec<WireHappening>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slice: Option<WireSlice>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireHappening {
    Open(WireRow),
    Route(WireKey, Arc<str>),
    Close(WireKey),
}

#[derive(Serialize, Deserialize)]
struct WireSlice {
    rows: Vec<WireRow>,
    last: bool,
}

impl From<&Happening> for WireHappening {
    fn from(happening: &Happening) -> Self {
        match happening {
            Happening::Opened(row) => Self::Open(row.into()),
            Happening::Moved { key, route } => Self::Route(wire_key(*key), Arc::clone(route)),
            Happening::Closed(key) => Self::Close(wire_key(*key)),
        }
    }
}

impl WireHappening {
    fn into_happening(self, from: NodeId) -> Happening {
        match self {
            Self::Open(row) => Happening::Opened(row.into_row(from)),
            Self::Route(place, route) => Happening::Moved {
                key: key(place),
                route,
            },
            Self::Close(place) => Happening::Closed(key(place)),
        }
    }
}

impl NewsBody {
    pub(super) fn new(tap: RequestId, number: u64, news: &[Happening], slice: Option<&Slice>) -> Self {
        Self {
            tap: tap.0,
            number,
            news: news.iter().map(WireHappening::from).collect(),
            slice: slice.map(|slice| WireSlice {
                rows: slice.rows.iter().map(WireRow::from).collect(),
                last: slice.is_last,
            }),
        }
    }

    pub(super) fn into_message(self, from: NodeId) -> Result<TapMessage, UnreadableMessage> {
        if self.number == 0 {
            return Err(UnreadableMessage::Refused("news without a number"));
        }
        let news = self.news.into_iter();
        Ok(TapMessage::News {
            tap: RequestId(self.tap),
            number: self.number,
            news: news.map(|happening| happening.into_happening(from)).collect(),
            slice: self.slice.map(|slice| Slice {
                rows: slice.rows.into_iter().map(|row| row.into_row(from)).collect(),
                is_last: slice.last,
            }),
        })
    }
}
