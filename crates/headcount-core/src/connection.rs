//! The two names of a connection: for the server a place in a shard's table, for its tab an id that cannot be guessed.
//!
//! The id is the place, encrypted. So ids need no table, lead to their connection in a few nanoseconds, and cannot be
//! guessed or made without the key, which lives as long as the process. A place that is used again has another
//! generation, and so another id.

use std::fmt;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of a connection id as text.
pub const ID_BYTES: usize = 22;

/// Where a connection is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionKey {
    /// Which shard of the process.
    pub shard: u16,
    /// Which slot of that shard's table.
    pub slot: u32,
    /// How often the slot had been used before.
    pub generation: u32,
}

/// A connection's unguessable name: 22 characters of URL-safe base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId([u8; ID_BYTES]);

impl ConnectionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Turns places into ids and ids into places.
#[derive(Clone)]
pub struct IdCipher(Aes128);

impl fmt::Debug for IdCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdCipher(…)")
    }
}

impl IdCipher {
    /// A cipher with this key: random, and never the same for two processes.
    pub fn new(key: [u8; 16]) -> Self {
        Self(Aes128::new(&key.into()))
    }

    /// The id of a place.
    pub fn id(&self, key: ConnectionKey) -> ConnectionId {
        let mut block = [0_u8; 16];
        block[..2].copy_from_slice(&key.shard.to_be_bytes());
        block[2..6].copy_from_slice(&key.slot.to_be_bytes());
        block[6..10].copy_from_slice(&key.generation.to_be_bytes());
        let mut block = block.into();
        self.0.encrypt_block(&mut block);
        let mut text = [0_u8; ID_BYTES];
        // 16 bytes are always 22 characters, so the slice is never too short.
        let written = URL_SAFE_NO_PAD.encode_slice(block, &mut text).unwrap_or_default();
        debug_assert_eq!(written, ID_BYTES);
        ConnectionId(text)
    }

    /// The place that an id names; `None` for a text that is not an id of this server. Six bytes of the block are zero in
    /// every id, so one forged id in 2⁴⁸ gets this far, and must still name an open slot of the right generation.
    pub fn key(&self, id: &str) -> Option<ConnectionKey> {
        if id.len() != ID_BYTES {
            return None;
        }
        let mut block = [0_u8; 18];
        let written = URL_SAFE_NO_PAD.decode_slice(id, &mut block).ok()?;
        let block: [u8; 16] = block.get(..written)?.try_into().ok()?;
        let mut block = block.into();
        self.0.decrypt_block(&mut block);
        let [s0, s1, a, b, c, d, g0, g1, g2, g3, rest @ ..]: [u8; 16] = block.into();
        (rest == [0; 6]).then_some(ConnectionKey {
            shard: u16::from_be_bytes([s0, s1]),
            slot: u32::from_be_bytes([a, b, c, d]),
            generation: u32::from_be_bytes([g0, g1, g2, g3]),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_place(shard: u16, slot: u32, generation: u32, secret: [u8; 16]) {
            let cipher = IdCipher::new(secret);
            let key = ConnectionKey { shard, slot, generation };
            prop_assert_eq!(cipher.key(cipher.id(key).as_str()), Some(key));
        }

        #[test]
        fn a_text_that_is_no_id_leads_nowhere(text in ".{0,40}") {
            prop_assert_eq!(IdCipher::new([7; 16]).key(&text), None);
        }
    }

    #[test]
    fn an_id_of_another_process_leads_nowhere() {
        let key = ConnectionKey {
            shard: 1,
            slot: 2,
            generation: 3,
        };
        let id = IdCipher::new([1; 16]).id(key);
        assert_eq!(IdCipher::new([2; 16]).key(id.as_str()), None);
    }
}
