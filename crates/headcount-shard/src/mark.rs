//! Telling one browser from another in three bytes.

/// A short, keyed hash of a browser's credentials. Every connection has two of them; to guess one takes a stream for each
/// guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark([u8; 3]);

impl Mark {
    /// The mark of nothing shown.
    pub const NONE: Self = Self([0; 3]);

    /// The mark of something with this hash.
    pub fn of(hash: u64) -> Self {
        let [a, b, c, ..] = hash.to_le_bytes();
        let mark = Self([a, b, c]);
        if mark.is_some() { mark } else { Self([1, 0, 0]) }
    }

    /// As bytes, for a server that has the same keys.
    pub fn bytes(self) -> [u8; 3] {
        self.0
    }

    /// The mark with these bytes.
    pub fn from_bytes(bytes: [u8; 3]) -> Self {
        Self(bytes)
    }

    /// Whether it is the mark of anything.
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }
}
