//! What other nodes pass on for connections of this server.

use std::sync::Arc;

use bytes::Bytes;
use headcount_core::cluster::{Errand, MovedTab, Relay, TabBooks};
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::stats::Form;
use serde::{Deserialize, Serialize};

use crate::authorize::Credentials;
use crate::shard::{Handle, Mail, Shards};
use crate::site::Site;
use headcount_shard::Mark;

/// What a browser showed when it asked for stats, as one node writes it for another.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Shown {
    /// Header names and values; `None`: nothing that the authorizers read.
    headers: Option<Vec<(Box<str>, Box<str>)>>,
    /// The mark of the browser.
    browser: [u8; 3],
}

/// Writes what a browser showed for another node.
pub(crate) fn write_shown(credentials: Option<&Credentials>, browser: Mark) -> Bytes {
    let own = |(name, value): (&str, &str)| (name.into(), value.into());
    let shown = Shown {
        headers: credentials.map(|shown| shown.headers().map(own).collect()),
        browser: browser.bytes(),
    };
    // Texts and numbers are always JSON.
    serde_json::to_vec(&shown).unwrap_or_default().into()
}

fn read_shown(bytes: &[u8]) -> Option<(Option<Arc<Credentials>>, Mark)> {
    let Shown { headers, browser } = serde_json::from_slice(bytes).ok()?;
    let credentials = headers.map(|headers| Arc::new(Credentials::from_headers(headers.into())));
    Some((credentials, Mark::from_bytes(browser)))
}

/// Does what another node passes on. Whether there is such a connection, and it took it.
pub(crate) fn carry_out(site: &Site, shards: &Shards, relay: Relay) -> bool {
    let Relay {
        connection: key,
        errand,
    } = relay;
    match errand {
        Errand::Navigate(route) => shards.post_route(key, &route, site.config.limits.route_bytes_max),
        Errand::Say(text) => {
            let is_short = text.len() <= site.config.limits.message_bytes_max as usize;
            let text = (*text).into();
            is_short && offer(shards, key, Mail::Received { key, text })
        }
        Errand::Alive => offer(shards, key, Mail::Spent { key }),
        Errand::Send(text) => {
            let is_short = text.len() <= shards.send_bytes_max();
            is_short && offer(shards, key, Mail::Send { key, text })
        }
        Errand::Subscribe { form, credentials } => subscribe(shards, key, form, &credentials),
        Errand::Unknown => false,
    }
}

fn subscribe(shards: &Shards, key: ConnectionKey, form: Form, shown: &[u8]) -> bool {
    let Some((credentials, browser)) = read_shown(shown) else {
        return false;
    };
    let mail = Mail::Subscribe {
        key,
        form,
        credentials,
        browser,
    };
    offer(shards, key, mail)
}

fn offer(shards: &Shards, key: ConnectionKey, mail: Mail) -> bool {
    let shard = shards.of(key).filter(|shard| shard.holds(key));
    shard.is_some_and(|shard| shard.offer(mail).is_ok())
}

/// Closes the connections of these tabs, which are at another node now. `newest`: of each shard, the generation of the newest connection whose coming
/// the node was told of.
pub(crate) fn let_go(shards: &Shards, newest: &[u32], to: NodeId, tabs: Vec<MovedTab>) {
    for (number, shard, tabs) in by_shard(shards, tabs, |moved| moved.tab) {
        let newest = newest.get(number).copied().unwrap_or_default();
        shard.force(Mail::LetGo { to, tabs, newest });
    }
}

/// Takes in what these tabs were told at another node.
pub(crate) fn take_over(shards: &Shards, tabs: Vec<TabBooks>) {
    for (_, shard, tabs) in by_shard(shards, tabs, |books| books.tab) {
        shard.force(Mail::TakeOver { tabs });
    }
}

/// Each of these under the shard that its tab belongs to, and the number of that.
fn by_shard<T>(shards: &Shards, all: Vec<T>, tab: impl Fn(&T) -> u64) -> Vec<(usize, &Handle, Vec<T>)> {
    let empty = shards.iter().enumerate();
    let mut sorted: Vec<_> = empty.map(|(number, shard)| (number, shard, Vec::new())).collect();
    for one in all {
        let number = shards.number_for(Some(tab(&one)));
        if let Some((_, _, of_shard)) = sorted.get_mut(number) {
            of_shard.push(one);
        }
    }
    sorted.retain(|(_, _, of_shard)| !of_shard.is_empty());
    sorted
}
