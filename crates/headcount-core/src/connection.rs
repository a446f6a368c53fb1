//! The two names of a connection: for the server a place in a shard's table, for its tab an id that cannot be guessed.
//!
//! The id is the place and its node, encrypted. So ids need no table, lead to their connection in a few nanoseconds, and cannot be
//! guessed or made without the key. A place that is used again has another generation, and so another id. Nodes that share a key read
//! each other's ids, and so know where to pass on what is for a tab of another node.

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

/// The name of a running server: 32 random bits, drawn at each start. So a server that starts again is another node, and ids of its
/// earlier life lead nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Where an id leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// To a place of this node.
    Here(ConnectionKey),
    /// To a place of another node. Of 65,536 ids that were made up, one gets this far, with a node that nobody has heard of.
    At(NodeId, ConnectionKey),
    /// Nowhere.
    Unknown,
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
pub struct IdCipher {
    cipher: Aes128,
    node: NodeId,
}

impl fmt::Debug for IdCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdCipher")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl IdCipher {
    /// The cipher of a node with this key: random, and the same for nodes that read each other's ids alone.
    pub fn new(key: [u8; 16], node: NodeId) -> Self {
        Self {
            cipher: Aes128::new(&key.into()),
            node,
        }
    }

    /// The node whose places are here.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The id of a place of this node.
    pub fn id(&self, key: ConnectionKey) -> ConnectionId {
        self.id_at(self.node, key)
    }

    /// The id of a place of any node.
    ///
    /// ```
    /// use headcount_core::connection::{ConnectionKey, IdCipher, Located, NodeId};
    ///
    /// let [here, there] = [NodeId(1), NodeId(2)].map(|node| IdCipher::new([7; 16], node));
    /// let key = ConnectionKey { shard: 0, slot: 3, generation: 0 };
    /// let id = here.id(key);
    /// assert_eq!(id, there.id_at(NodeId(1), key));
    /// assert_eq!(here.locate(id.as_str()), Located::Here(key));
    /// assert_eq!(there.locate(id.as_str()), Located::At(NodeId(1), key));
    /// ```
    pub fn id_at(&self, node: NodeId, key: ConnectionKey) -> ConnectionId {
        let mut block = [0_u8; 16];
        block[..2].copy_from_slice(&key.shard.to_be_bytes());
        block[2..6].copy_from_slice(&key.slot.to_be_bytes());
        block[6..10].copy_from_slice(&key.generation.to_be_bytes());
        block[10..14].copy_from_slice(&node.0.to_be_bytes());
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        let mut text = [0_u8; ID_BYTES];
        // 16 bytes are always 22 characters, so the slice is never too short.
        let written = URL_SAFE_NO_PAD.encode_slice(block, &mut text).unwrap_or_default();
        debug_assert_eq!(written, ID_BYTES);
        ConnectionId(text)
    }

    /// Where an id leads. Six bytes of the block are known for each node: one forged id in 2⁴⁸ leads here, and must still name an open
    /// slot of the right generation.
    pub fn locate(&self, id: &str) -> Located {
        let Some(block) = self.decrypt(id) else {
            return Located::Unknown;
        };
        let [s0, s1, a, b, c, d, g0, g1, g2, g3, n0, n1, n2, n3, rest @ ..] = block;
        if rest != [0; 2] {
            return Located::Unknown;
        }
        let key = ConnectionKey {
            shard: u16::from_be_bytes([s0, s1]),
            slot: u32::from_be_bytes([a, b, c, d]),
            generation: u32::from_be_bytes([g0, g1, g2, g3]),
        };
        match NodeId(u32::from_be_bytes([n0, n1, n2, n3])) {
            node if node == self.node => Located::Here(key),
            node => Located::At(node, key),
        }
    }

    /// The place of this node that an id names; `None` for any other text.
    pub fn key(&self, id: &str) -> Option<ConnectionKey> {
        match self.locate(id) {
            Located::Here(key) => Some(key),
            Located::At(..) | Located::Unknown => None,
        }
    }

    fn decrypt(&self, id: &str) -> Option<[u8; 16]> {
        if id.len() != ID_BYTES {
            return None;
        }
        let mut block = [0_u8; 18];
        let written = URL_SAFE_NO_PAD.decode_slice(id, &mut block).ok()?;
        let block: [u8; 16] = block.get(..written)?.try_into().ok()?;
        let mut block = block.into();
        self.cipher.decrypt_block(&mut block);
        Some(block.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: NodeId = NodeId(9);

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_place(shard: u16, slot: u32, generation: u32, node: u32, secret: [u8; 16]) {
            let cipher = IdCipher::new(secret, NodeId(node));
            let key = ConnectionKey { shard, slot, generation };
            prop_assert_eq!(cipher.key(cipher.id(key).as_str()), Some(key));
        }

        #[test]
        fn an_id_of_another_node_leads_to_that_node(shard: u16, slot: u32, generation: u32, node: u32, secret: [u8; 16]) {
            prop_assume!(NodeId(node) != HERE);
            let key = ConnectionKey { shard, slot, generation };
            let id = IdCipher::new(secret, NodeId(node)).id(key);
            let cipher = IdCipher::new(secret, HERE);
            prop_assert_eq!(cipher.locate(id.as_str()), Located::At(NodeId(node), key));
            prop_assert_eq!(cipher.key(id.as_str()), None);
            prop_assert_eq!(cipher.id_at(NodeId(node), key), id);
        }

        #[test]
        fn a_text_that_is_no_id_leads_nowhere(text in ".{0,40}") {
            prop_assert_eq!(IdCipher::new([7; 16], HERE).key(&text), None);
        }
    }

    #[test]
    fn an_id_under_another_key_leads_nowhere() {
        let key = ConnectionKey {
            shard: 1,
            slot: 2,
            generation: 3,
        };
        let id = IdCipher::new([1; 16], HERE).id(key);
        assert_eq!(IdCipher::new([2; 16], HERE).locate(id.as_str()), Located::Unknown);
    }
}
