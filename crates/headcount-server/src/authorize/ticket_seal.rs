//! What a ticket says, and its seal.
//!
//! A ticket is `expires (6 bytes) ‖ issuer (4) ‖ clock (2) ‖ number (8) ‖ mark (8) ‖ HMAC-SHA-256 of all that (32)`, in base64. A server that
//! has the key can tell that it was issued and until when it holds, without a list of the tickets there are.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes before the seal.
const SAID_BYTES: usize = 28;
/// Letters of a ticket.
pub(super) const TICKET_BYTES: usize = 80;

/// The bits of a time that a ticket says.
pub(super) const EXPIRES_BITS: u64 = (1 << 48) - 1;

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// When it ends, milliseconds since the Unix epoch, by the clock of its issuer. 48 bits count.
    pub(super) expires_ms: u64,
    /// The process that issued it.
    pub(super) issuer: u32,
    /// How often the clock of that process had been corrected.
    pub(super) clock: u16,
    /// Random, so that it can be told from others.
    pub(super) number: u64,
    /// The mark of the secret that it was had for.
    pub(super) had_for: u64,
}

/// The key of the seals.
#[derive(Clone)]
pub(super) struct SealKey(Hmac<Sha256>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// `None`: no key has this length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    pub(super) fn seal(&self, said: &Said) -> String {
        let mut bytes = said.bytes().to_vec();
        let mut seal = self.0.clone();
        seal.update(&bytes);
        bytes.extend_from_slice(&seal.finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a ticket says; `None` for a text that is not a ticket of this key. The time it takes says nothing about the seal.
    pub(super) fn open(&self, text: &str) -> Option<Said> {
        if text.len() != TICKET_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, seal) = bytes.split_at_checked(SAID_BYTES)?;
        let mut expected = self.0.clone();
        expected.update(said);
        expected.verify_slice(seal).ok()?;
        Said::parse(said)
    }
}

impl Said {
    fn bytes(&self) -> [u8; SAID_BYTES] {
        let mut bytes = [0; SAID_BYTES];
        bytes[..6].copy_from_slice(&self.expires_ms.to_be_bytes()[2..]);
        bytes[6..10].copy_from_slice(&self.issuer.to_be_bytes());
        bytes[10..12].copy_from_slice(&self.clock.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.number.to_be_bytes());
        bytes[20..].copy_from_slice(&self.had_for.to_be_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (expires, rest) = bytes.split_first_chunk::<6>()?;
        let (issuer, rest) = rest.split_first_chunk()?;
        let (clock, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (had_for, _) = rest.split_first_chunk()?;
        let mut expires_ms = [0; 8];
        expires_ms[2..].copy_from_slice(expires);
        Some(Self {
            expires_ms: u64::from_be_bytes(expires_ms),
            issuer: u32::from_be_bytes(*issuer),
            clock: u16::from_be_bytes(*clock),
            number: u64::from_be_bytes(*number),
            had_for: u64::from_be_bytes(*had_for),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL_BYTES: usize = 32;

    const SAID: Said = Said {
        expires_ms: 1_795_320_200_000,
        issuer: 0x0102_0304,
        clock: 7,
        number: u64::MAX,
        had_for: 0x1122_3344_5566_7788,
    };

    #[test]
    fn a_ticket_says_what_was_sealed() {
        let key = SealKey::new(&[1; 16]).unwrap();
        let text = key.seal(&SAID);
        assert_eq!((text.len(), SAID_BYTES + SEAL_BYTES), (TICKET_BYTES, 60));
        assert_eq!(key.open(&text), Some(SAID));
        assert_eq!(SealKey::new(&[2; 16]).unwrap().open(&text), None);
    }

    /// Each letter counts.
    #[test]
    fn a_ticket_with_any_other_letter_is_none() {
        let key = SealKey::new(&[1; 16]).unwrap();
        let text = key.seal(&SAID);
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(std::str::from_utf8(&other).unwrap()), None, "{at}");
        }
        for length in [0, 1, text.len() - 1] {
            assert_eq!(key.open(&text[..length]), None);
        }
        assert_eq!(key.open(&(text + "A")), None);
    }
}
