//! Who of a shard's clients gets stats: the authorizers are asked, and what they say is done.

use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::server;
use headcount_core::session::Spent;
use headcount_core::stats::Form;

use crate::cause::Cause;
use crate::credentials::Credentials;
use crate::decision::Decision;
use crate::handshakes::Handshakes;
use crate::mark::Mark;
use crate::meters::Count;
use crate::newcomer::Transport;
use crate::outlets::{AuthorizeJob, ShardEvent, Subscribing};
use crate::peer::Subscription;
use crate::tabs::Tabs;

/// Asks the authorizers because of a message: with what admitted this stream before, or with what its handshake showed. Where
/// that was dropped the stream is closed, to come back with the cookies of now.
pub(super) fn by_message(tabs: &mut Tabs, handshakes: &Handshakes, slot: u32, form: Form) {
    let (Some(key), Some(peer)) = (tabs.table.key(slot), tabs.table.peer(slot)) else {
        return;
    };
    let admitted_by = peer.extras.as_ref().and_then(|extras| extras.credentials.clone());
    let credentials = admitted_by.or_else(|| handshakes.of(key));
    let is_lost = credentials.is_none() && peer.shown.is_some() && peer.transport == Transport::WebSocket;
    if !is_lost {
        return ask_authorizers(tabs, slot, form, credentials);
    }
    tabs.terms.server.note_late_subscription();
    tabs.close(slot, Cause::ShowAnew);
}

/// Keeps what admitted a WebSocket, as long as it is open: few have any.
fn keep_admitting(tabs: &mut Tabs, slot: u32, credentials: Arc<Credentials>) {
    if let Some(peer) = tabs.table.peer_mut(slot)
        && peer.transport == Transport::WebSocket
        && !credentials.is_empty()
    {
        peer.extras().credentials = Some(credentials);
    }
}

/// Asks the authorizers because of a POST, if it comes from the browser that opened the stream.
pub(super) fn by_post(
    tabs: &mut Tabs,
    slot: u32,
    form: Form,
    credentials: Option<Arc<Credentials>>,
    browser: Mark,
) {
    match tabs.spend(slot) {
        Spent::Within => {}
        Spent::TooFast => return tabs.meters.one(Count::ReceivedFlood),
        Spent::Flood => return,
    }
    let Some(peer) = tabs.table.peer(slot) else {
        return;
    };
    let shown = credentials
        .as_ref()
        .map_or(Mark::NONE, |shown| tabs.terms.server.mark(shown));
    let same_browser = !tabs.terms.asking.same_browser
        || browser.is_some() && peer.browser == browser
        || shown.is_some() && peer.shown == shown;
    if same_browser {
        ask_authorizers(tabs, slot, form, credentials);
    } else {
        tabs.meters.one(Count::SubscribeForeign);
        if peer.stats == Subscription::None {
            tabs.send_text(slot, server::STATS_UNAUTHORIZED);
        }
    }
}

/// Refuses without asking anybody.
fn refuse(tabs: &mut Tabs, slot: u32, count: Count) {
    tabs.meters.one(count);
    unsubscribe(tabs, slot);
    tabs.send_text(slot, server::STATS_UNAUTHORIZED);
}

/// The authorizers refused a subscriber, or its admission ended.
pub(super) fn end(tabs: &mut Tabs, key: ConnectionKey) {
    let Some(slot) = tabs.table.find(key) else { return };
    unsubscribe(tabs, slot);
    tabs.send_text(slot, server::STATS_UNAUTHORIZED);
}

/// These credentials admitted a subscriber.
pub(super) fn admit(tabs: &mut Tabs, key: ConnectionKey, credentials: Arc<Credentials>) {
    let Some(slot) = tabs.table.find(key) else {
        return tabs.say_left(key, Subscription::None);
    };
    keep_admitting(tabs, slot, credentials);
    let Some(peer) = tabs.table.peer_mut(slot) else {
        return;
    };
    match peer.stats {
        // Unsubscribed while the authorizers were being asked.
        Subscription::None => tabs.say_left(key, Subscription::None),
        Subscription::Asked(form) | Subscription::Admitted(form) => {
            peer.stats = Subscription::Admitted(form);
            tabs.readers.begin(key, form);
            tabs.want_snapshot(key);
        }
    }
}

/// An admission ended and the authorizer is asked again: no stats until it answers.
pub(super) fn suspend(tabs: &mut Tabs, key: ConnectionKey) {
    let Some(slot) = tabs.table.find(key) else { return };
    if let Some(peer) = tabs.table.peer_mut(slot)
        && let Subscription::Admitted(form) = peer.stats
    {
        peer.stats = Subscription::Asked(form);
        if let Some(outbox) = &mut peer.outbox {
            outbox.stats_missed = false;
        }
        tabs.readers.end(key);
    }
}

/// A connection wants no more stats, or gets none.
pub(super) fn unsubscribe(tabs: &mut Tabs, slot: u32) {
    if let Some(peer) = tabs.table.peer_mut(slot)
        && peer.stats != Subscription::None
    {
        let before = std::mem::replace(&mut peer.stats, Subscription::None);
        if let Some(outbox) = &mut peer.outbox {
            outbox.stats_missed = false;
        }
        if let Some(key) = tabs.table.key(slot) {
            tabs.readers.end(key);
            tabs.say_left(key, before);
        }
    }
}

/// Asks whether a connection may see stats, going by what its browser showed. It will see them in this form; until the
/// answer is there, one that is admitted already goes on with the form that it has.
fn ask_authorizers(tabs: &mut Tabs, slot: u32, form: Form, credentials: Option<Arc<Credentials>>) {
    let Some(row) = tabs.table.row(slot) else {
        return;
    };
    let credentials = match credentials {
        Some(credentials) => credentials,
        None if tabs.terms.asking.without_credentials => Arc::default(),
        None => return refuse(tabs, slot, Count::SubscribeRefused),
    };
    if !tabs.terms.asking.is_open {
        return refuse(tabs, slot, Count::SubscribeRefused);
    }
    if let Some(peer) = tabs.table.peer_mut(slot)
        && let Subscription::Asked(wanted) = &mut peer.stats
    {
        *wanted = form;
        return;
    }
    let job = AuthorizeJob {
        key: row.key,
        ip: row.ip,
        credentials,
        turn: tabs.readers.next_turn(),
    };
    if !bring_to_authorizers(tabs, slot, job) {
        return;
    }
    if let Some(peer) = tabs.table.peer_mut(slot) {
        peer.stats = match peer.stats {
            Subscription::Admitted(_) => Subscription::Admitted(form),
            Subscription::None | Subscription::Asked(_) => Subscription::Asked(form),
        };
    }
}

/// Has a question answered at once where that can be, and passes it on where not. False where it was answered with a refusal.
fn bring_to_authorizers(tabs: &mut Tabs, slot: u32, job: AuthorizeJob) -> bool {
    let is_told = match tabs.terms.server.decide(&job) {
        Some(Decision::Refused) => {
            refuse(tabs, slot, Count::SubscribeRefused);
            return false;
        }
        Some(Decision::Admitted { until_ms, by }) => {
            let admitted = ShardEvent::Admitted { job, until_ms, by };
            tabs.outlets.reports.try_send(admitted).is_ok()
        }
        Some(Decision::Unavailable) | None => {
            let asks = Subscribing::Asks(job);
            tabs.outlets.subscribing.try_send(asks).is_ok()
        }
    };
    if !is_told {
        refuse(tabs, slot, Count::SubscribeUnavailable);
    }
    is_told
}
