//! How stats go out to the readers of a shard.
//!
//! One that is behind, with bytes queued or no room in its queue, misses what comes, and asks the hub for a whole message once it has
//! caught up. So nothing queues up behind a slow reader but the message that it is reading.

use headcount_core::connection::{ConnectionKey, IdCipher};
use headcount_core::feed::{Follower, Text, Tick};
use headcount_core::protocol::stats::StatsMessage;
use headcount_core::stats::Row;
use headcount_core::websocket::{self, Opcode};

use crate::cause::Cause;
use crate::meters::Count;
use crate::newcomer::Transport;
use crate::outbox::Part;
use crate::tabs::Tabs;

/// Tells readers what changed.
pub(super) fn on_tick(tabs: &mut Tabs, tick: &Tick) {
    for key in tabs.readers.keys() {
        tell_tick(tabs, key, tick);
    }
}

fn tell_tick(tabs: &mut Tabs, key: ConnectionKey, tick: &Tick) {
    let Some(follower) = tabs.readers.of(key) else {
        return;
    };
    if follower.needs_whole() {
        tabs.meters.one(Count::StatsSkipped);
    } else if follower.hears(tick) && has_turn(tabs, key) && has_room(tabs, key) {
        send(tabs, key, |follower, row, cipher| {
            follower.go_on(tick, row, cipher)
        });
        if tabs.readers.of(key).is_some_and(Follower::needs_whole) {
            tabs.want_snapshot(key);
        }
    }
}

/// Sends these readers a whole message.
pub(super) fn on_snapshot(tabs: &mut Tabs, message: &StatsMessage, readers: Vec<ConnectionKey>) {
    for key in readers {
        if tabs.readers.of(key).is_some() && has_turn(tabs, key) && has_room(tabs, key) {
            send(tabs, key, |follower, row, cipher| {
                follower.begin(message, row, cipher)
            });
        }
    }
}

/// Whether a reader may be sent a whole message, if it is one that it is sent now. One that may not gets one later.
fn has_turn(tabs: &mut Tabs, key: ConnectionKey) -> bool {
    let has_turn = tabs.readers.has_turn(key, tabs.now_ms);
    if !has_turn {
        tabs.meters.one(Count::StatsSkipped);
    }
    has_turn
}

/// Whether a reader takes a message now. One that does not needs a whole one later.
fn has_room(tabs: &mut Tabs, key: ConnectionKey) -> bool {
    let slot = tabs.table.find(key);
    let Some(peer) = slot.and_then(|slot| tabs.table.peer_mut(slot)) else {
        return false;
    };
    if let Some(outbox) = &mut peer.outbox {
        outbox.stats_missed = true;
    } else if tabs.wire.keeps_up(peer) {
        return true;
    } else {
        tabs.readers.note_missed(key, tabs.now_ms);
    }
    tabs.meters.one(Count::StatsSkipped);
    if let Some(follower) = tabs.readers.of_mut(key) {
        follower.miss();
    }
    false
}

/// Sends what `say` makes of a reader's own row.
fn send(
    tabs: &mut Tabs,
    key: ConnectionKey,
    say: impl FnOnce(&mut Follower, &Row, &IdCipher) -> Option<Text>,
) {
    let found = tabs.table.find(key);
    let Some((slot, row)) = found.and_then(|slot| Some((slot, tabs.table.row(slot)?))) else {
        return;
    };
    let follower = tabs.readers.of_mut(key);
    let Some(text) = follower.and_then(|follower| say(follower, &row, &tabs.terms.cipher)) else {
        return;
    };
    tabs.meters.one(Count::SentStats);
    let limits = tabs.limits();
    let pause_ms = limits.stats_pause_ms(text.beginning.len() + text.end.len());
    if pause_ms > u64::from(limits.tick_ms) {
        // A little less: the hub paces ticks by the same measure and another clock.
        tabs.readers.pause(key, tabs.now_ms, pause_ms * 7 / 8);
    }
    let (beginning, end) = (Part::Shared(&text.beginning), Part::Own(text.end.as_bytes()));
    match tabs.transport(slot) {
        Some(Transport::Sse) => {
            tabs.send(slot, &[Part::Own(b"data: "), beginning, end, Part::Own(b"\n\n")]);
        }
        Some(Transport::WebSocket) => {
            let mut header = [0; 10];
            let length = text.beginning.len() + text.end.len();
            let header_bytes = websocket::header(Opcode::Text, length, &mut header);
            tabs.send(slot, &[Part::Own(&header[..header_bytes]), beginning, end]);
        }
        None => {}
    }
}

/// Asks for whole messages for those that missed one and take one now, and closes remote links that stay behind.
pub(super) fn catch_up(tabs: &mut Tabs) {
    let patience_ms = u64::from(tabs.limits().outbox_ms);
    for (key, since_ms) in tabs.readers.take_missed() {
        let found = tabs.table.find(key);
        let Some((slot, peer)) = found.and_then(|slot| Some((slot, tabs.table.peer(slot)?))) else {
            continue;
        };
        if tabs.readers.pauses(key, tabs.now_ms) {
            tabs.readers.still_missed(key, since_ms);
        } else if tabs.wire.keeps_up(peer) {
            tabs.want_snapshot(key);
        } else if peer.untouched_ms(tabs.now_ms) > patience_ms {
            tabs.close(slot, Cause::Slow);
        } else {
            tabs.readers.still_missed(key, since_ms);
        }
    }
}
