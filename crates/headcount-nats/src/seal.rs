//! What the nodes of a cluster say to each other and keep at the broker, sealed. Entries are bound to their index.
//!
//! A sealed text is `revision (1 byte) ‖ nonce (24) ‖ text, encrypted by XChaCha20-Poly1305 ‖ tag (16)`. The key comes from the cluster secret and
//! belongs to one purpose, the bus or the log. Sealed with it, and not in it: the revision, the name of the cluster, and what the text is bound to, such as its place in the log. So
//! a reader of the broker learns sizes and times, and what was written without the secret, for another cluster or for another place is not opened.
//!
//! Nonces are random: with 24 bytes, no number of messages that a cluster can send makes two of them the same.

use std::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

/// The revision of what this version seals.
const REVISION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Bytes before the encrypted text.
const HEAD_BYTES: usize = 1 + NONCE_BYTES;

/// Bytes of a sealed text that are not of the text.
pub const SEALED_BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// Seals and opens, for one purpose in one cluster.
///
/// ```
/// use headcount_nats::Seal;
///
/// let key = [7; 32];
/// let sealed = Seal::new(key, "shop").seal(b"place", &[b"a ", b"text"])?;
/// assert_eq!(Seal::new(key, "shop").open(b"place", &sealed), Ok(b"a text".to_vec()));
/// assert!(Seal::new(key, "shop").open(b"other", &sealed).is_err());
/// # Ok::<(), headcount_nats::NotSealed>(())
/// ```
#[derive(Clone)]
pub struct Seal {
    cipher: XChaCha20Poly1305,
    /// What every text is bound to: the revision, and the name of the cluster with its length.
    bound: Vec<u8>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// Why a text cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed {
    /// There is no nonce.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
    /// It is longer than 256 GiB.
    #[error("it is too long to be sealed")]
    TooLong,
}

/// Why a text is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// It is of a revision that only newer versions know, or not sealed at all.
    Revision,
    /// It was sealed with another secret, for another cluster or for another place, or was changed since.
    Otherwise,
}

impl Seal {
    /// With this key, which belongs to one purpose, in the cluster of this name.
    pub fn new(key: [u8; 32], cluster: &str) -> Self {
        let mut bound = vec![REVISION];
        bound.extend_from_slice(&(cluster.len() as u64).to_be_bytes());
        bound.extend_from_slice(cluster.as_bytes());
        Self {
            cipher: XChaCha20Poly1305::new(&key.into()),
            bound,
        }
    }

    /// Seals a text, bound to this place. The text is given in pieces.
    pub fn seal(&self, place: &[u8], text: &[&[u8]]) -> Result<Vec<u8>, NotSealed> {
        let text_bytes: usize = text.iter().map(|piece| piece.len()).sum();
        let mut sealed = Vec::with_capacity(text_bytes + SEALED_BYTES);
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        sealed.push(REVISION);
        sealed.extend_from_slice(&nonce);
        for piece in text {
            sealed.extend_from_slice(piece);
        }
        let (_, encrypted) = sealed.split_at_mut(HEAD_BYTES);
        let tag = self
            .cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &self.bound_to(place), encrypted.into())
            .map_err(|_| NotSealed::TooLong)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// The text that was sealed for this place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (revision, rest) = sealed.split_first().ok_or(NotOpened::Revision)?;
        if *revision != REVISION {
            return Err(NotOpened::Revision);
        }
        let (nonce, rest) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(NotOpened::Otherwise)?;
        let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(NotOpened::Otherwise)?;
        let mut text = encrypted.to_vec();
        self.cipher
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &self.bound_to(place),
                text.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| NotOpened::Otherwise)?;
        Ok(text)
    }

    fn bound_to(&self, place: &[u8]) -> Vec<u8> {
        [&self.bound, place].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Seal {
        Seal::new([7; 32], "shop")
    }

    #[test]
    fn a_sealed_text_is_opened_by_those_with_the_secret() {
        for text in [&b""[..], b"a", &[7; 10_000]] {
            let sealed = ours().seal(b"here", &[text, b"end"]).unwrap();
            assert_eq!(sealed.len(), text.len() + 3 + SEALED_BYTES);
            assert_eq!(
                ours().open(b"here", &sealed).unwrap(),
                [text, b"end"].concat(),
                "by another node"
            );
        }
    }

    #[test]
    fn a_reader_sees_nothing_of_the_text_and_no_two_texts_alike() {
        let text = b"sid=0123456789; a session of an admin";
        let [one, other] = [(); 2].map(|()| ours().seal(b"", &[text]).unwrap());
        assert_ne!(one[HEAD_BYTES..], other[HEAD_BYTES..]);
        assert!(!one.windows(4).any(|part| part == b"sid="));
    }

    #[test]
    fn another_key_cluster_or_place_opens_nothing() {
        let sealed = ours().seal(b"here", &[b"a text"]).unwrap();
        for other in [Seal::new([8; 32], "shop"), Seal::new([7; 32], "shop-2")] {
            assert_eq!(other.open(b"here", &sealed), Err(NotOpened::Otherwise));
        }
        assert_eq!(ours().open(b"there", &sealed), Err(NotOpened::Otherwise));
    }

    #[test]
    fn whatever_is_changed_is_not_opened() {
        let sealed = ours().seal(b"here", &[b"a text"]).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let expected = if at == 0 {
                NotOpened::Revision
            } else {
                NotOpened::Otherwise
            };
            assert_eq!(ours().open(b"here", &changed), Err(expected), "byte {at}");
            assert!(ours().open(b"here", &sealed[..at]).is_err(), "{at} bytes");
        }
        let plain = br#"{"revision":1,"from":"0000000a","kind":"goodbye","body":{"incarnation":1}}"#;
        assert_eq!(ours().open(b"here", plain), Err(NotOpened::Revision));
    }
}
