//! Whose numbers a command's number is one of.
//!
//! Commands are numbered from 1 by each store. A store that is lost takes its numbers along, and the next one gives them again; so
//! number and epoch together name a command, and a page that comes back from another epoch was loaded before every command
//! of this one.

use std::fmt;

/// The name of a store: 48 random bits, made with it. The order says nothing but which of two every server chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

/// Digits of an epoch as it is written.
const DIGITS: usize = 12;

impl Epoch {
    /// An epoch of these bits, of which 48 count.
    pub fn new(random: u64) -> Self {
        Self(random & 0xFFFF_FFFF_FFFF)
    }

    /// Reads what `Display` wrote: 12 hexadecimal digits in lower case. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != DIGITS || !text.bytes().all(is_digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_read_as_it_was_written() {
        for random in [0, 1, u64::MAX, 0x0012_3456_789A_BCDE] {
            let epoch = Epoch::new(random);
            assert_eq!(Epoch::parse(&epoch.to_string()), Some(epoch), "{epoch}");
        }
        for text in [
            "",
            "12345678901",
            "1234567890123",
            "ABCDEF012345",
            "+12345678901",
            "12345678901é",
        ] {
            assert_eq!(Epoch::parse(text), None, "{text}");
        }
    }
}
