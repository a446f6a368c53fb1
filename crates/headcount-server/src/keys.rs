//! The keys of a server: each derived from one secret, under its own name.
//!
//! Servers that share the secret have the same keys. So they read each other's connection ids, and know a browser again that another
//! one has seen.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use hkdf::Hkdf;
use sha2::Sha256;
use siphasher::sip::SipHasher13;

/// What a key is for. No two names are the same, so no key opens what another one closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Encrypts places into connection ids.
    ConnectionIds,
    /// Hashes what a browser shows: tab ids, cookies, addresses.
    Browsers,
    /// Seals the tickets of admins.
    Tickets,
    /// Hashes cookies that an app ended.
    EndedCookies,
    /// Hashes secrets, so that what was had for one can be told from what was had for another.
    Secrets,
    /// Seals what the nodes of a cluster say to each other.
    #[cfg(feature = "cluster")]
    Bus,
    /// Seals the entries of the log that the nodes of a cluster share.
    #[cfg(feature = "cluster")]
    Log,
    /// Hashes settings that must be the same at all nodes.
    Settings,
}

impl Purpose {
    fn name(self) -> &'static [u8] {
        match self {
            Self::ConnectionIds => b"headcount connection ids",
            Self::Browsers => b"headcount browsers",
            Self::Tickets => b"headcount tickets",
            Self::EndedCookies => b"headcount ended cookies",
            Self::Secrets => b"headcount secrets",
            #[cfg(feature = "cluster")]
            Self::Bus => b"headcount bus",
            #[cfg(feature = "cluster")]
            Self::Log => b"headcount log",
            Self::Settings => b"headcount settings",
        }
    }
}

/// Derives keys from one secret.
#[derive(Clone)]
pub(crate) struct Keys {
    secret: Hkdf<Sha256>,
    /// Hashes tab ids, where that outlives the process.
    tabs: Option<u128>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Keys of a secret that was drawn for this process, so they mean nothing outside it.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self::of(&secret))
    }

    /// Keys of this secret.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self {
            secret: Hkdf::new(None, secret),
            tabs: None,
        }
    }

    /// The same, with a key for tab ids that outlives the process: the place of a tab in a rule depends on its hash.
    pub(crate) fn with_tabs(self, tabs: Option<u128>) -> Self {
        Self { tabs, ..self }
    }

    /// 128 bits for this purpose: the same for the same secret.
    pub(crate) fn key(&self, purpose: Purpose) -> [u8; 16] {
        self.derived(purpose)
    }

    /// 256 bits for this purpose: the same for the same secret.
    #[cfg(feature = "cluster")]
    pub(crate) fn long_key(&self, purpose: Purpose) -> [u8; 32] {
        self.derived(purpose)
    }

    fn derived<const BYTES: usize>(&self, purpose: Purpose) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        // HKDF gives up to 255 hashes of 32 bytes.
        let expanded = self.secret.expand(purpose.name(), &mut key);
        debug_assert!(expanded.is_ok());
        key
    }

    /// Hashes for this purpose.
    pub(crate) fn hashes(&self, purpose: Purpose) -> Hashes {
        Hashes(SipHasher13::new_with_key(&self.key(purpose)))
    }

    /// Hashes tab ids.
    pub(crate) fn tab_hashes(&self) -> Hashes {
        let lasting = |key: u128| Hashes(SipHasher13::new_with_key(&key.to_be_bytes()));
        self.tabs.map_or_else(|| self.hashes(Purpose::Browsers), lasting)
    }
}

/// Keyed hashes, as those of `std::collections::HashMap`: nobody without the key can make two values collide.
#[derive(Clone)]
pub(crate) struct Hashes(SipHasher13);

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes(…)")
    }
}

impl Hashes {
    /// With a key that means nothing outside this process.
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self(SipHasher13::new_with_keys(state.hash_one(0), state.hash_one(1)))
    }

    /// The hash of a value, never zero.
    pub(crate) fn of(&self, value: impl Hash) -> u64 {
        self.hash_one(value).max(1)
    }
}

impl BuildHasher for Hashes {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PURPOSES: &[Purpose] = &[
        Purpose::ConnectionIds,
        Purpose::Browsers,
        Purpose::Tickets,
        Purpose::EndedCookies,
        Purpose::Secrets,
        #[cfg(feature = "cluster")]
        Purpose::Bus,
        #[cfg(feature = "cluster")]
        Purpose::Log,
        Purpose::Settings,
    ];

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let keys = Keys::of(b"one secret");
        let different: HashSet<_> = PURPOSES.iter().map(|purpose| keys.key(*purpose)).collect();
        assert_eq!(different.len(), PURPOSES.len());
    }

    #[test]
    fn servers_with_one_secret_have_the_same_keys_and_others_have_others() {
        let [one, same, other] = [b"one secret", b"one secret", b"an other  "].map(|secret| Keys::of(secret));
        for &purpose in PURPOSES {
            assert_eq!(one.key(purpose), same.key(purpose));
            assert_ne!(one.key(purpose), other.key(purpose));
            let hashes = [&one, &same, &other].map(|keys| keys.hashes(purpose).of("a tab"));
            assert_eq!(hashes[0], hashes[1]);
            assert_ne!(hashes[0], hashes[2]);
        }
    }

    #[test]
    fn a_key_for_tabs_is_for_tabs_alone() {
        let hash = |keys: &Keys| keys.tab_hashes().of("a tab");
        let [one, same] = [(); 2].map(|()| Keys::random().unwrap().with_tabs(Some(7)));
        assert_eq!(hash(&one), hash(&same));
        assert_ne!(hash(&one), one.hashes(Purpose::Browsers).of("a tab"));
        assert_ne!(hash(&one), hash(&same.with_tabs(Some(8))));
        let plain = Keys::of(b"one secret");
        assert_eq!(hash(&plain), plain.hashes(Purpose::Browsers).of("a tab"));
    }

    #[test]
    fn random_keys_differ_each_time() {
        let [one, other] = [(); 2].map(|()| Keys::random().unwrap().key(Purpose::Browsers));
        assert_ne!(one, other);
    }
}
