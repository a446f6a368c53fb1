//! The tokens under which a shard waits for its sockets: what is ready, in one number.
//!
//! Slots are 32 bits wide. Guests use one bit more, and what there is one of lies above them.

use mio::Token;

/// Guests' tokens lie above those of slots.
const GUEST: usize = 1 << 33;

const WAKER: usize = usize::MAX;

const LISTENER: usize = usize::MAX - 1;

/// What can be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// The mailbox has something, or another shard wants this one to look.
    Mailbox,
    Listener,
    /// The guest in this place.
    Guest(usize),
    /// The connection in this slot.
    Slot(u32),
}

impl Ready {
    /// What a token stands for; `None` for none of these.
    pub(super) fn of(Token(token): Token) -> Option<Self> {
        match token {
            WAKER => Some(Self::Mailbox),
            LISTENER => Some(Self::Listener),
            _ if token & GUEST != 0 => Some(Self::Guest(token & !GUEST)),
            _ => u32::try_from(token).ok().map(Self::Slot),
        }
    }

    pub(super) fn token(self) -> Token {
        Token(match self {
            Self::Mailbox => WAKER,
            Self::Listener => LISTENER,
            Self::Guest(place) => place | GUEST,
            Self::Slot(slot) => slot as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_one_thing() {
        for ready in [
            Ready::Mailbox,
            Ready::Listener,
            Ready::Guest(0),
            Ready::Guest(1_000_000),
            Ready::Slot(0),
            Ready::Slot(u32::MAX),
        ] {
            assert_eq!(Ready::of(ready.token()), Some(ready));
        }
        assert_eq!(Ready::of(Token(1 << 32)), None);
    }
}
