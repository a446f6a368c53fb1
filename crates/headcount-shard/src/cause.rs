//! Why connections end.

use headcount_core::websocket::CloseCode;

use crate::meters::Count;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Peer,
    /// The peer closed its WebSocket properly, and is answered.
    Answered(CloseCode),
    Replaced,
    Silent,
    Slow,
    Violation(CloseCode),
    Flood,
    /// It asked for stats by message, and what its handshake showed is not kept any more.
    ShowAnew,
    Drained,
}

impl Cause {
    /// What is counted for it.
    pub(super) fn count(self) -> Count {
        match self {
            Self::Peer | Self::Answered(_) => Count::ClosedByPeer,
            Self::Replaced => Count::ClosedReplaced,
            Self::Silent => Count::ClosedSilent,
            Self::Slow => Count::ClosedSlow,
            Self::Violation(_) => Count::ClosedViolation,
            Self::Flood => Count::ClosedFlood,
            Self::ShowAnew => Count::ClosedShowAnew,
            Self::Drained => Count::ClosedDrained,
        }
    }

    /// The reason for a WebSocket client; `None` if the client is gone.
    pub(super) fn code(self) -> Option<CloseCode> {
        match self {
            Self::Peer | Self::Silent | Self::Slow => None,
            Self::Replaced => Some(CloseCode::REPLACED),
            Self::Answered(code) | Self::Violation(code) => Some(code),
            Self::Flood => Some(CloseCode::POLICY),
            Self::ShowAnew => Some(CloseCode::SHOW_ANEW),
            Self::Drained => Some(CloseCode::RESTART),
        }
    }
}
