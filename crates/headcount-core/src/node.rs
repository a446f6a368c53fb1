//! One node of a cluster: what it knows of the others, and what it says to them.
//!
//! [`Node`] is between the server that holds the connections and the bus. It takes in what is heard and what the server's shards report, and
//! says what must be done ([`Action`]). Invariants:
//!
//! - While nobody watches stats, it sends heartbeats, which tabs came to it, its counts by version once per step of the history, and what it is asked
//!   to send.
//! - A sign-out that one node knows is known to all that hear it, within a heartbeat.
//! - The counts of a node leave the feed when it says goodbye or is silent, and with them everything that it sent before.
//! - A request of another node is carried out at most once, however often it is heard.
//! - Each map and queue has a limit. The rest is dropped, and asked for again where it matters.
//!
//! Parts: `counting`: the counts of this node and, while somebody watches here, of all. `versions`, `saying_versions`: the counts by version of each node. `watching`: whether
//! anybody watches, and who is told what changed. `wants`: which nodes are asked for everything, and when. `hearing`: what it does about what it hears, and `ignored` what it did not take. `echo`:
//! whether what has this node's id was said by this node. `asking`, `asks`: what this node asks others. `seen`: what others asked. `later`: questions
//! that wait for an entry of the log. `log_ends`: how far nodes are behind it. `moves`, `moving`: tabs that changed their node; `order`: which of two openings is the later one. `signing_out`: sign-outs that hold at every node; `sign_outs`: those that it
//! remembers, `untold`: those that it is yet to tell, `readings`: how far it has read those of others. `bridges`, `bridging`: what bridges need of other nodes:
//! `shares`, which of several is told; `taps`, what is open and happens elsewhere; `tapped`, what others are told of this node. `clocks`: when something
//! was sent, by the clock of this node; `wall_clocks`: which node has the wrong time of day; `comparing`: how
//! far each is behind the log, and its clock off.
//!
//! Deliberately absent: the clock, the bus, and how messages are written. Times are milliseconds of a clock that is never set.

mod action;
mod asking;
mod asks;
mod bridge_action;
mod bridges;
mod bridging;
mod clocks;
mod comparing;
mod counting;
mod echo;
mod hearing;
mod ignored;
mod later;
mod log_ends;
mod moves;
mod moving;
mod order;
mod readings;
mod saying_versions;
mod seen;
mod shares;
mod sign_outs;
mod signed_out;
mod signing_out;
mod tapped;
mod taps;
#[cfg(test)]
mod tests;
mod untold;
mod versions;
mod wall_clocks;
mod wants;
mod watching;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cluster::{HEARTBEAT_MS, Heartbeat, Members, Message, NODES_MAX, Settings, To};
use crate::command_log::LogIndex;
use crate::connection::NodeId;
use crate::feed::Feed;
use crate::limits::Limits;
use crate::stats::{Changes, NotApplied, Report, SourceId, Sum};
pub use action::Action;
pub use asking::Whom;
use asks::Asks;
pub use bridge_action::BridgeAction;
use bridges::Bridges;
use clocks::Clocks;
use counting::{Counting, INCARNATION};
use echo::Echo;
pub use ignored::Ignored;
use later::Later;
pub use log_ends::LAG_MAX;
use log_ends::LogEnds;
use moves::Moves;
use order::Order;
use seen::Seen;
use signed_out::SignedOut;
use versions::Versions;
pub use wall_clocks::CLOCK_OFF_MS;
use wall_clocks::WallClocks;
use wants::Wants;

/// Bytes of the name of a node that others are told.
const NAME_BYTES_MAX: usize = 256;

/// What a node says of itself as long as it runs.
#[derive(Clone, Debug)]
pub struct About {
    /// What its operator calls it. Others are told the first 256 bytes.
    pub name: Arc<str>,
    /// The release of headcount that it runs.
    pub software: Arc<str>,
}

/// One node of a cluster.
///
/// ```
/// use headcount_core::cluster::{Message, To};
/// use headcount_core::connection::NodeId;
/// use headcount_core::limits::Limits;
/// use headcount_core::node::{About, Action, Node};
/// use headcount_core::stats::{Changes, Incarnation, Reporter, SourceId};
///
/// // Two nodes, and a bus that carries everything at once.
/// let new = |id| Node::new(NodeId(id), About { name: "a".into(), software: "0.1.0".into() }, &Limits::default(), 0);
/// let (mut one, mut two) = (new(1), new(2));
/// fn carry(from: &mut Node, to: &mut Node) {
///     while let Some(action) = from.next_action() {
///         if let Action::Send { message, .. } = action {
///             to.hear(from.id(), message, 0);
///             carry(to, from);
///         }
///     }
/// }
///
/// one.look(0);
/// carry(&mut one, &mut two);
/// one.set_watched(true, 0);
/// carry(&mut one, &mut two);
/// let tabs = Changes { total: 3, versions: vec![("v1".into(), 3)], ..Changes::default() };
/// two.apply_local(SourceId(0), Reporter::new(Incarnation(0)).changes(tabs))?;
/// two.tick();
/// carry(&mut two, &mut one);
/// assert_eq!(one.feed().sum().total(), 3);
/// # Ok::<(), headcount_core::stats::NotApplied>(())
/// ```
#[derive(Debug)]
pub struct Node {
    here: NodeId,
    about: About,
    members: Members,
    counting: Counting,
    versions: Versions,
    wants: Wants,
    asks: Asks,
    seen: Seen,
    later: Later,
    moves: Moves,
    order: Order,
    bridges: Bridges,
    signed_out: SignedOut,
    clocks: Clocks,
    wall_clocks: WallClocks,
    echo: Echo,
    drains: bool,
    settings: Settings,
    tabs: u64,
    read: LogIndex,
    log_ends: LogEnds,
    /// How many heartbeats were sent, and when the next one is due.
    heartbeats: u64,
    next_heartbeat_ms: u64,
    /// Whether it said goodbye.
    ended: bool,
    ignored: Ignored,
    actions: VecDeque<Action>,
}

impl Node {
    /// A node that has heard of nobody. Its first heartbeat is due at once.
    pub fn new(here: NodeId, about: About, limits: &Limits, now_ms: u64) -> Self {
        let About { name, software } = about;
        let end = name.floor_char_boundary(NAME_BYTES_MAX);
        Self {
            here,
            about: About {
                name: name[..end].into(),
                software,
            },
            members: Members::new(here, NODES_MAX, now_ms),
            counting: Counting::new(here, limits.stats_connections_max),
            versions: Versions::new(limits.history_versions_max),
            wants: Wants::default(),
            asks: Asks::default(),
            seen: Seen::default(),
            later: Later::default(),
            moves: Moves::default(),
            order: Order::default(),
            bridges: Bridges::default(),
            signed_out: SignedOut::default(),
            clocks: Clocks::default(),
            wall_clocks: WallClocks::default(),
            echo: Echo::default(),
            drains: false,
            settings: Settings::default(),
            tabs: 0,
            read: LogIndex(0),
            log_ends: LogEnds::default(),
            heartbeats: 0,
            next_heartbeat_ms: now_ms,
            ended: false,
            ignored: Ignored::default(),
            actions: VecDeque::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.here
    }

    /// The other nodes.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The counts of this node, as far as its shards reported them.
    pub fn local(&self) -> &Sum {
        self.counting.local()
    }

    /// The answer to [`NodeQuestion::Counts`](crate::cluster::NodeQuestion::Counts): what the shards have reported by now.
    pub fn counts(&self) -> Changes {
        self.counting.everything()
    }

    /// The counts of all nodes, and what subscribers here are told of them. Empty while nobody watches here.
    pub fn feed(&self) -> &Feed {
        self.counting.feed()
    }

    /// As [`Node::feed`], to make messages.
    pub fn feed_mut(&mut self) -> &mut Feed {
        self.counting.feed_mut()
    }

    /// Whether the feed changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        self.counting.take_changed()
    }

    /// What was not taken so far.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// What must be done, in this order. To be called after every step until nothing is left.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Node::look`] is due, if nothing is heard before.
    pub fn next_look_ms(&self) -> u64 {
        let next = [
            self.members.next_ms(),
            self.asks.next_ms(),
            self.later.next_ms(),
            self.moves.next_ms(),
            self.wants.next_ms(),
            self.bridges.next_ms(),
            self.signed_out.untold.next_ms(),
        ];
        let first = next.into_iter().flatten().min();
        first.map_or(self.next_heartbeat_ms, |first| first.min(self.next_heartbeat_ms))
    }

    /// Takes in a report of a shard of this node. Whether it changed anything.
    ///
    /// # Errors
    ///
    /// Those of [`Sum::apply`].
    pub fn apply_local(&mut self, shard: SourceId, report: Report) -> Result<bool, NotApplied> {
        self.counting.apply_local(shard, report)
    }

    /// Whether this node is draining. Told with the next heartbeat.
    pub fn set_drains(&mut self, drains: bool) {
        self.drains = drains;
    }

    /// What must be set the same at all nodes. Told with the next heartbeat.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// How many connections are open. Told with the next heartbeat.
    pub fn set_tabs(&mut self, tabs: u64) {
        self.tabs = tabs;
    }

    /// How far the log of commands is read. Questions that waited for that are put.
    pub fn set_read(&mut self, read: LogIndex) {
        self.read = read;
        self.actions.extend(self.later.read(read));
    }

    /// The log is read no further than it is. Questions about what follows are put at once, and cannot be answered.
    pub fn set_reads_no_more(&mut self) {
        self.actions.extend(self.later.end());
    }

    /// The bus gets through again: the others shall know soon.
    pub fn back(&mut self, now_ms: u64) {
        self.next_heartbeat_ms = now_ms;
        self.look(now_ms);
    }

    /// Says that this node ends: its connections are closed. It says nothing about itself afterwards.
    pub fn goodbye(&mut self) {
        self.send_last_sign_outs();
        self.ended = true;
        self.bridges = Bridges::default();
        let incarnation = INCARNATION;
        self.send(To::All, Message::Goodbye { incarnation });
    }

    /// Looks at the clock, and does what is due. To be called at [`Node::next_look_ms`].
    pub fn look(&mut self, now_ms: u64) {
        let lost = self.members.look(now_ms);
        for (node, heard_ms) in &lost {
            self.lose(*node, *heard_ms);
        }
        if !lost.is_empty() {
            self.follow_bridges(now_ms);
        }
        self.wall_clocks.look(now_ms);
        if now_ms >= self.next_heartbeat_ms {
            self.next_heartbeat_ms = now_ms + HEARTBEAT_MS;
            self.log_ends.note(self.log_end());
            self.say_heartbeat(To::All, now_ms);
            self.say_taps();
        }
        self.look_at_taps(now_ms);
        self.want(now_ms);
        self.moves.look(now_ms);
        self.send_moves(now_ms);
        self.versions.look(now_ms);
        self.wants.look(now_ms);
        self.send_sign_outs(now_ms);
        self.asks.look(now_ms);
        self.ask_again(now_ms);
        self.actions.extend(self.asks.take_ended());
        self.later.look(now_ms);
        self.follow_watchers();
    }

    /// What it says of itself now, without the time of day.
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            number: self.heartbeats,
            name: Arc::clone(&self.about.name),
            software: Arc::clone(&self.about.software),
            tabs: self.tabs,
            read: self.read,
            watches: self.counting.is_watched(),
            drains: self.drains,
            bridges: Some(self.bridges.say()),
            signed_out: self.sign_out_mark(),
            settings: self.settings.clone(),
            unix_ms: None,
        }
    }

    fn send(&mut self, to: To, message: Message) {
        self.actions.push_back(Action::Send { to, message });
    }

    fn say_heartbeat(&mut self, to: To, now_ms: u64) {
        if self.ended {
            return;
        }
        self.heartbeats += 1;
        self.echo.said(self.heartbeats, now_ms);
        let heartbeat = Heartbeat {
            unix_ms: self.unix_ms(now_ms),
            ..self.heartbeat()
        };
        let message = Message::Heartbeat {
            heartbeat,
            last: self.counting.stamp(),
            sent_ms: now_ms,
        };
        self.send(to, message);
    }
}
