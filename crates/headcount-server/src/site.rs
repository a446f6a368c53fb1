//! What every connection's admission depends on, fixed at start and shared by all shards and doors.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use headcount_core::connection::{IdCipher, NodeId};
use headcount_core::invalidation::Standing;
use headcount_shard::{Census, Mark, Spare};
use tokio::sync::Semaphore;

use crate::authorize::{Authorizers, Credentials, Reads};
use crate::bots::Bots;
use crate::client_address::{Trust, client_address, limited_as};
use crate::clock::Seldom;
use crate::config::Config;
use crate::descriptors::Room;
use crate::faults::Faults;
use crate::head::Head;
use crate::hosts::Hosts;
use crate::keys::{Hashes, Keys, Purpose};
use crate::origin::Origins;
use crate::refusals::Refusals;
use crate::secrets::Keyring;
use crate::vitals::Vitals;

pub(crate) use headcount_shard::{Full, Seat};

/// Patterns that are made ready at once; further ones wait for as long as their askers do.
const PATTERNS_AT_ONCE: usize = 2;

/// The fixed surroundings of all connections of one server.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) cipher: IdCipher,
    /// Whether it is a node of a cluster.
    pub(crate) is_joined: bool,
    pub(crate) origins: Origins,
    pub(crate) bots: Bots,
    /// Pages that were refused for their origin.
    pub(crate) refusals: Refusals,
    pub(crate) keyring: Keyring,
    pub(crate) hosts: Hosts,
    pub(crate) authorizers: Authorizers,
    /// What the authorizers read of a request head.
    pub(crate) reads: Reads,
    pub(crate) version_cookie: String,
    pub(crate) sse_path: String,
    pub(crate) websocket_path: String,
    pub(crate) census: Arc<Census>,
    /// The sockets that the descriptors leave room for, independent of the limits.
    pub(crate) room: Room,
    /// The descriptor with which sockets are accepted if there is no room.
    pub(crate) spare: Arc<Spare>,
    /// Sockets of the generic door.
    pub(crate) http_connections: AtomicU32,
    /// Turns at making automata of patterns, which takes a core and some megabytes for a moment.
    pub(crate) patterns: Arc<Semaphore>,
    /// Hashes browsers and addresses.
    hashes: Hashes,
    /// Hashes tabs.
    tab_hashes: Hashes,
    /// Says when browsers that show too much were last mentioned.
    large_credentials: Seldom,
    /// Says when clients that subscribe late were last mentioned.
    pub(crate) late_subscriptions: Seldom,
    /// The standing rules and releases, for readers that cannot wait for the commander. Only the commander writes here.
    standing: RwLock<Arc<Standing>>,
    /// False once the server was asked to stop.
    pub(crate) ready: AtomicBool,
    pub(crate) vitals: Vitals,
    pub(crate) faults: Faults,
}

impl Site {
    pub(crate) fn new(
        config: Config,
        authorizers: Authorizers,
        (node, keys, is_joined): (NodeId, &Keys, bool),
        faults: Faults,
    ) -> Self {
        let room = Room::find(&config.limits, config.shards_count());
        Self {
            cipher: IdCipher::new(keys.key(Purpose::ConnectionIds), node),
            is_joined,
            origins: Origins::new(&config.allowed_origins),
            bots: Bots::new(&config.bots),
            refusals: Refusals::default(),
            keyring: Keyring::new(config.secrets(), keys),
            hosts: Hosts::new(&config),
            reads: authorizers.reads(),
            authorizers,
            version_cookie: config.version_cookie(),
            sse_path: format!("{}/sse", config.base_path),
            websocket_path: format!("{}/ws", config.base_path),
            census: Arc::new(Census::new(
                room.connections(),
                config.limits.connections_per_address_max,
            )),
            room,
            spare: Arc::default(),
            http_connections: AtomicU32::new(0),
            patterns: Arc::new(Semaphore::new(PATTERNS_AT_ONCE)),
            hashes: keys.hashes(Purpose::Browsers),
            tab_hashes: keys.tab_hashes(),
            large_credentials: Seldom::default(),
            late_subscriptions: Seldom::default(),
            standing: RwLock::new(Arc::new(Standing::default())),
            ready: AtomicBool::new(true),
            vitals: Vitals::default(),
            faults,
            config,
        }
    }

    /// The part of a request head that the authorizers see; `None` if it has nothing that they read, or more than
    /// `credentials_bytes_max`.
    pub(crate) fn credentials(&self, head: &dyn Head) -> Option<Arc<Credentials>> {
        let credentials = self.reads.collect(head).filter(|shown| !shown.is_empty())?;
        if credentials.bytes() <= self.config.limits.credentials_bytes_max as usize {
            return Some(Arc::new(credentials));
        }
        if self.large_credentials.is_due() {
            tracing::warn!(
                bytes = credentials.bytes(),
                "a browser sent more cookies than `limits.credentials_bytes_max`, and is treated as one that sends none"
            );
        }
        None
    }

    /// Whether a POST that asks for stats must come from the browser that opened the stream. Not needed if no
    /// subscriber can be admitted, or a browser without credentials can be.
    pub(crate) fn compares_browsers(&self) -> bool {
        !self.authorizers.is_empty() && !self.reads.needs_nothing
    }

    /// A hash that means nothing without the key, never zero.
    #[cfg(feature = "bridge")]
    pub(crate) fn hash(&self, text: &str) -> u64 {
        self.hashes.of(text)
    }

    /// The hash of a tab id, never zero: the same after a restart where something is kept, and at every node of a cluster.
    pub(crate) fn tab_hash(&self, id: &str) -> u64 {
        self.tab_hashes.of(id)
    }

    /// A short mark of this value, keyed like all hashes here.
    pub(crate) fn mark(&self, value: impl Hash) -> Mark {
        Mark::of(self.hashes.of(value))
    }

    /// Whose forwarding headers are believed, and which.
    pub(crate) fn trust(&self) -> Trust<'_> {
        Trust {
            proxies: &self.config.trusted_proxies,
            headers: &self.config.address_headers,
        }
    }

    /// The browser's address, read where it is shown or limited; `None` elsewhere, and where the peer is not known.
    pub(crate) fn client(&self, head: &dyn Head, peer: Option<IpAddr>) -> Option<KnownAddress> {
        let is_read = self.config.ip_tracking || self.config.limits.connections_per_address_max > 0;
        let peer = peer.filter(|_| is_read)?;
        Some(match client_address(head, peer, self.trust()) {
            Some(address) => KnownAddress::At(address),
            None => KnownAddress::Unreadable,
        })
    }

    /// What the sender of a request counts as where wrong secrets are counted, hashed: by the address that a trusted proxy forwards,
    /// else by the peer. A wrong secret is reason enough to read the address, also where it is shown nowhere.
    pub(crate) fn address_of_guess(&self, head: &dyn Head, peer: Option<IpAddr>) -> u64 {
        let address = peer.and_then(|peer| client_address(head, peer, self.trust()).or(Some(peer)));
        self.hashes.of(address.map(limited_as))
    }

    /// The hash of a browser's address for the limit per address; `None` if no limit applies: a trusted proxy's own
    /// request. Browsers whose forwarded address cannot be read count as one address.
    pub(crate) fn address_to_limit(&self, client: Option<KnownAddress>) -> Option<u64> {
        if self.config.limits.connections_per_address_max == 0 {
            return None;
        }
        let counted = match client? {
            KnownAddress::At(address) if self.trust().trusts(address) => return None,
            KnownAddress::At(address) => Some(limited_as(address)),
            KnownAddress::Unreadable => None,
        };
        Some(self.hashes.of(counted))
    }

    /// The release that is current.
    pub(crate) fn current_release(&self) -> Arc<str> {
        self.standing().releases.current()
    }

    /// What stands.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_standing(&self, standing: Arc<Standing>) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Sockets of the generic door that may be open now.
    pub(crate) fn http_connections_max(&self) -> u32 {
        self.room.http_connections(self.census.open())
    }

    /// Sockets of the admin API's own address that may be open now.
    pub(crate) fn apart_connections_max(&self) -> u32 {
        self.room.apart_connections(self.census.open())
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

/// What is known of a browser's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownAddress {
    /// It is here.
    At(IpAddr),
    /// A trusted proxy says it, in no way that can be read.
    Unreadable,
}

impl KnownAddress {
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Unreadable => None,
        }
    }
}
