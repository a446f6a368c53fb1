//! Tickets and cookies that were ended, as nodes tell each other.

/// The latest time of a sign-out that is believed, milliseconds since the Unix epoch: tickets have 48 bits for theirs.
pub const TIME_MS_MAX: u64 = (1 << 48) - 1;

/// A ticket of an admin that was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndedTicket {
    /// When it would have ended, milliseconds since the Unix epoch, as the ticket says it.
    pub expires_ms: u64,
    /// Its random number.
    pub number: u64,
}

/// A cookie that an app ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedCookie {
    /// The hash of `name=value` under a key that all nodes have.
    pub hash: u64,
    /// When it was ended, milliseconds since the Unix epoch, by the clock of the node that was told. It only says which cookies are the newest.
    pub ended_ms: u64,
    /// Whether it had admitted a subscriber, as far as the sender knows.
    pub admitted: bool,
}

/// Tickets and cookies that were ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignOuts {
    /// Tickets.
    pub tickets: Vec<EndedTicket>,
    /// Every ticket that ends by then was ended, too: milliseconds since the Unix epoch.
    pub all_until_ms: u64,
    /// Cookies.
    pub cookies: Vec<EndedCookie>,
}

impl SignOuts {
    /// Whether nothing was ended.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty() && self.cookies.is_empty() && self.all_until_ms == 0
    }

    /// How many tickets and cookies there are.
    pub fn len(&self) -> usize {
        self.tickets.len() + self.cookies.len()
    }

    /// Adds others at the end.
    pub fn extend(&mut self, others: Self) {
        self.tickets.extend(others.tickets);
        self.cookies.extend(others.cookies);
        self.all_until_ms = self.all_until_ms.max(others.all_until_ms);
    }
}

/// Which sign-outs a node knows, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignOutMark {
    /// How many it has learned since it began.
    pub number: u64,
    /// A checksum of those that it remembers: the same at two nodes that remember the same.
    pub digest: u64,
}
