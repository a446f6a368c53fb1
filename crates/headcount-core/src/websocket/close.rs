//! Close codes: whether a client reconnects, and which of them a close frame may have.
//!
//! A client that is sent away needs one bit more than "closed": whether to return at once, later, or not at all. The code
//! carries it, so a client need not know every code, only three ranges:
//!
//! | return | codes |
//! |---|---|
//! | soon | 1001, 1012, 4100–4199 |
//! | never | 4400–4499 |
//! | with backoff | all others |
//!
//! Backoff is what remains because codes also come from proxies and browsers: 1006 is what a browser reports for every
//! lost connection, and a client that misread such a code as "never" would never be counted again.

/// A WebSocket close code (RFC 6455, section 7.4, and IANA's registry of close codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

/// What a client that was sent away should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Reconnect after a short, jittered wait: another server takes over.
    Soon,
    /// Connect again with growing waits ([`crate::backoff`]): the same connection at once would end the same way.
    Backoff,
    /// Stay away: this connection is not wanted any more.
    Never,
}

impl CloseCode {
    /// 1000: the purpose is fulfilled. Sent only as the echo of a client's own close.
    pub const NORMAL: Self = Self(1000);
    /// 1001: this node is draining; another one, or its successor, takes the client. Return soon. Proxies send it; this server
    /// sends [`CloseCode::RESTART`].
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a frame broke the protocol. Return with backoff: most often a proxy is to blame, and it may be mended.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1007: text was not UTF-8. Return with backoff.
    pub const NOT_UTF8: Self = Self(1007);
    /// 1008: the client sent more than its rate allows, for too long. Return with backoff, or it would do so again.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message was over the limit. Return with backoff, for the same reason.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server failed while it handled this connection. Return with backoff. Proxies send it; this server never does.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: this process restarts. Return soon.
    pub const RESTART: Self = Self(1012);
    /// 1013: the server is full. Return with backoff. Proxies send it; this server answers the handshake with `503` instead.
    pub const TRY_LATER: Self = Self(1013);
    /// 4100: the cookies of this handshake are not kept any more, and stats were asked for. Return soon, with the cookies of now.
    pub const SHOW_ANEW: Self = Self(4100);
    /// 4409: the same tab opened a newer connection, which took this one's place. Never return: the newer one counts.
    pub const REPLACED: Self = Self(4409);

    /// Any code, also one that a close frame may not have (a browser reports 1006 without a frame).
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What a client that was closed with this code should do.
    pub const fn advice(self) -> Return {
        match self.0 {
            1001 | 1012 | 4100..=4199 => Return::Soon,
            4400..=4499 => Return::Never,
            _ => Return::Backoff,
        }
    }

    /// Whether an endpoint may send it: 1004–1006 and 1015 are reserved, 1016–2999 unassigned, 5000 and above undefined.
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
