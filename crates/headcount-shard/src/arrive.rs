//! A connection opens.

use std::io::ErrorKind;

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::server;
use headcount_core::registry::Opening;
use headcount_core::session::Session;
use headcount_core::sse;
use headcount_core::websocket::{self, Decoder};

use crate::cause::Cause;
use crate::deliver::{Deliveries, resume_id};
use crate::drain::{Drain, send_reconnect};
use crate::mail::{Arrival, NewLink};
use crate::meters::Count;
use crate::moves;
use crate::newcomer::{Newcomer, Transport};
use crate::peer::{Extras, Life, Link, Peer, Subscription};
use crate::receive::Clients;
use crate::tabs::Tabs;
use headcount_core::happening::Happening;

/// The open connections of a shard, and what is under way between them and the server.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) tabs: Tabs,
    pub(super) deliveries: Deliveries,
    pub(super) clients: Clients,
    pub(super) drain: Option<Drain>,
}

impl Connections {
    /// Takes in a connection: entry, greeting and first message in one write.
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Arrival {
            newcomer,
            place,
            link,
            greeting,
            early,
        } = arrival;
        let (tabs, deliveries) = (&mut self.tabs, &mut self.deliveries);
        if tabs.terms.is_joined && is_gone(&link) {
            return;
        }
        if let Some(old) = newcomer.tab.and_then(|tab| tabs.table.slot_of_tab(tab)) {
            tabs.close(old, Cause::Replaced);
        }
        let transport = newcomer.transport;
        let is_announced = is_announced(tabs, newcomer.version.as_deref());
        let peer = new_peer(tabs, &newcomer, place.keep(), link);
        let key = open(tabs, &newcomer, peer);
        moves::say_came(tabs, &newcomer, key);
        self.clients.keep_handshake(tabs, key, newcomer.credentials);
        let slot = key.slot;
        tabs.meters.one(match transport {
            Transport::Sse => Count::OpenedSse,
            Transport::WebSocket => Count::OpenedWebSocket,
        });
        if !connect(tabs, key) || !greet(tabs, slot, greeting, is_announced) {
            return;
        }
        tabs.outlets
            .witness
            .tell(&tabs.meters, || tabs.table.own_row(slot).map(Happening::Opened));
        deliveries.deliver_due(tabs, slot);
        if let Some(drain) = &self.drain {
            let after_ms = drain.random_return_ms();
            send_reconnect(tabs, slot, after_ms);
        }
        if !early.is_empty() {
            self.clients.on_bytes(tabs, deliveries, slot, early);
        }
    }
}

/// Whether the client has closed its socket already. What a server that was stopped for a while finds waiting is old: such a tab may be at another
/// node by now, and must not be taken away from there.
fn is_gone(link: &NewLink) -> bool {
    match link {
        NewLink::Socket(socket) => match socket.peek(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        },
        NewLink::Remote(_) => false,
    }
}

/// Whether this build is a release; a tab that names none runs the current one.
fn is_announced(tabs: &Tabs, version: Option<&str>) -> bool {
    let releases = &tabs.table.standing().releases;
    version.is_none_or(|version| releases.contains(version))
}

fn new_peer(tabs: &Tabs, newcomer: &Newcomer, address: Option<u64>, link: NewLink) -> Peer {
    let extras = address.is_some().then(|| {
        Box::new(Extras {
            address,
            credentials: None,
        })
    });
    Peer {
        link: match link {
            NewLink::Socket(socket) => Link::Socket(socket),
            NewLink::Remote(link) => Link::Remote(link),
        },
        transport: newcomer.transport,
        life: Life::new(newcomer.owes),
        stats: Subscription::None,
        browser: newcomer.browser,
        shown: newcomer.shown,
        session: Session::new(tabs.now_ms, tabs.limits()),
        decoder: Decoder::default(),
        outbox: None,
        extras,
    }
}

fn open(tabs: &mut Tabs, newcomer: &Newcomer, peer: Peer) -> ConnectionKey {
    let current = tabs.table.standing().releases.current();
    let resume = newcomer.resume.as_ref();
    let resume = resume.map(|resume| resume.within(tabs.table.standing().epoch));
    let opening = Opening {
        version: newcomer.version.as_deref().unwrap_or(&current),
        route: &newcomer.route,
        tab: newcomer.tab,
        since: resume.map(|(since, _)| since),
        told: resume.map_or(&[], |(_, told)| told),
        ip: newcomer.ip,
        hidden: newcomer.hidden,
    };
    tabs.terms.server.on_route(&newcomer.route);
    let reloaded = newcomer.reloaded.within(tabs.table.standing().epoch);
    tabs.table.note_reloaded(newcomer.tab, reloaded);
    let key = tabs.table.open(&opening, peer);
    if tabs.terms.is_joined {
        // A page that was reloaded for a command was loaded after it.
        let since = opening
            .since
            .or(reloaded.iter().copied().max())
            .unwrap_or_default();
        tabs.table.note_ahead(key.slot, since, opening.told);
    }
    key
}

/// Sends `connected`, and the bytes that must precede it, in one write.
fn greet(tabs: &mut Tabs, slot: u32, mut greeting: Vec<u8>, is_announced: bool) -> bool {
    let Some(key) = tabs.table.key(slot) else {
        return false;
    };
    let current = tabs.table.standing().releases.current();
    let resume = resume_id(tabs, slot, None);
    let keepalive_ms = tabs.limits().keepalive_ms;
    let text = server::connected(
        &current,
        tabs.terms.cipher.id(key),
        tabs.terms.server.unix_ms(),
        &resume,
        keepalive_ms,
        tabs.table.standing().epoch,
        is_announced,
    );
    let Some(peer) = tabs.table.peer_mut(slot) else {
        return false;
    };
    greeting.extend_from_slice(&match peer.transport {
        Transport::Sse if resume.is_empty() => sse::event(&text),
        Transport::Sse => sse::event_with_id(&resume, &text),
        Transport::WebSocket => websocket::text(&text),
    });
    tabs.send_own(slot, &greeting)
}

/// Makes the tab and its connection known to each other. Whether the tab is still there.
fn connect(tabs: &mut Tabs, key: ConnectionKey) -> bool {
    let Some(peer) = tabs.table.peer_mut(key.slot) else {
        return false;
    };
    let connected = tabs.wire.connect(peer, key);
    tabs.after_send(key.slot, connected)
}
