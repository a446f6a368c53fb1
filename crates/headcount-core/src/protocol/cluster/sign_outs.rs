//! Sign-outs as they are written.

use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use crate::cluster::{EndedCookie, EndedTicket, SignOutMark, SignOuts, TIME_MS_MAX};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSignOuts {
    /// When each ticket would have ended, and its number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tickets: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    all_until_ms: u64,
    /// The hash of each cookie that admitted a subscriber, and when it was ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    admitted: Vec<(u64, u64)>,
    /// Those of other cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<(u64, u64)>,
}

/// Absent where a node has learned of none, as at one that cannot.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireSignOutMark {
    number: u64,
    digest: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl WireSignOutMark {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl From<SignOutMark> for WireSignOutMark {
    fn from(mark: SignOutMark) -> Self {
        let SignOutMark { number, digest } = mark;
        Self { number, digest }
    }
}

impl From<WireSignOutMark> for SignOutMark {
    fn from(mark: WireSignOutMark) -> Self {
        let WireSignOutMark { number, digest } = mark;
        Self { number, digest }
    }
}

impl From<&SignOuts> for WireSignOuts {
    fn from(ended: &SignOuts) -> Self {
        let tickets = ended.tickets.iter();
        let cookies = |admitted| {
            let cookies = ended.cookies.iter();
            let of_kind = cookies.filter(move |cookie| cookie.admitted == admitted);
            of_kind.map(|cookie| (cookie.hash, cookie.ended_ms)).collect()
        };
        Self {
            tickets: tickets.map(|ticket| (ticket.expires_ms, ticket.number)).collect(),
            all_until_ms: ended.all_until_ms,
            admitted: cookies(true),
            others: cookies(false),
        }
    }
}

impl WireSignOuts {
    pub(super) fn into_sign_outs(self) -> Result<SignOuts, UnreadableMessage> {
        let of_tickets = self.tickets.iter().map(|(expires_ms, _)| *expires_ms);
        let of_cookies = self
            .admitted
            .iter()
            .chain(&self.others)
            .map(|(_, ended_ms)| *ended_ms);
        let mut times = of_tickets.chain(of_cookies).chain([self.all_until_ms]);
        if times.any(|time_ms| time_ms > TIME_MS_MAX) {
            return Err(UnreadableMessage::Refused("a time that is too late"));
        }
        let cookie = |admitted| {
            move |(hash, ended_ms)| EndedCookie {
                hash,
                ended_ms,
                admitted,
            }
        };
        let admitted = self.admitted.into_iter().map(cookie(true));
        let others = self.others.into_iter().map(cookie(false));
        let tickets = self.tickets.into_iter();
        Ok(SignOuts {
            tickets: tickets
                .map(|(expires_ms, number)| EndedTicket { expires_ms, number })
                .collect(),
            all_until_ms: self.all_until_ms,
            cookies: admitted.chain(others).collect(),
        })
    }
}
