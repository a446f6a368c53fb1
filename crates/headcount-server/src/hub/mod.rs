//! The hub: sums the reports of the shards, and sends stats to the subscribers.
//!
//! The first change after a quiet moment is sent at once, later ones at most once per tick. The hub asks for reports
//! only while there are subscribers. So without subscribers it costs nothing, and with subscribers it costs the same
//! for a hundred tabs as for a hundred thousand.
//!
//! Commands (releases, invalidations) are ordered elsewhere, in [`commander`].

mod asking;
mod begin;
mod beginning;
mod cluster;
pub(crate) mod commander;
mod counts;
mod event;
mod recent_hits;
mod subscribers;
mod tables;
mod ticks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::cluster::RequestId;
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::feed::Feed;
use headcount_core::protocol::admin::StatsAnswer;
use headcount_core::protocol::stats;
use headcount_core::stats::{Form, Report};
use tokio::sync::{mpsc, oneshot};

use crate::bridge::Bridges;
use crate::clock;
use crate::history::SharedHistory;
use crate::nodes::{Joined, Nodes};
use crate::shard::{Handle, Mail, ShardEvent, Shards, Subscribing};
use crate::site::Site;
use beginning::Beginning;
use counts::Counts;
pub(crate) use event::HubEvent;
use recent_hits::RecentHits;
use subscribers::{Subscribers, Wanting};

/// Events, and reports of shards, that may wait for the hub.
pub(crate) const EVENTS_MAX: usize = 16_384;

/// Subscriptions that may wait for the hub. Beyond it one is refused as undecided.
pub(crate) const SUBSCRIBING_MAX: usize = 4_096;

/// How long the hub waits for the other shards before it sends what it has.
const GATHER: Duration = Duration::from_millis(5);

/// Who waits for an exact sum: askers for an answer, readers for their first stats.
#[derive(Debug, Default)]
struct Waiting {
    askers: Vec<oneshot::Sender<StatsAnswer>>,
    /// Nodes that asked for the counts of this one, each with the number of its request.
    nodes: Vec<(NodeId, RequestId)>,
    readers: Vec<ConnectionKey>,
    /// Whether nodes wait for everything, to go on with what changes.
    wanted: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.askers.is_empty() && self.nodes.is_empty() && self.readers.is_empty() && !self.wanted
    }
}

/// A question to all shards: what changed up to now?
#[derive(Debug)]
struct Gathering {
    number: u64,
    unanswered: usize,
    waiting: Waiting,
}

/// What the hub of a server needs in a cluster.
#[derive(Debug)]
pub(crate) struct InCluster {
    pub(crate) joined: Box<Joined>,
    pub(crate) nodes: Nodes,
    /// `None` where none is kept.
    pub(crate) history: Option<SharedHistory>,
}

#[derive(Debug)]
struct Hub {
    site: Arc<Site>,
    shards: Shards,
    bridges: Bridges,
    counts: Counts,
    /// How far the rules of late reached here. Empty without a cluster.
    hits: RecentHits,
    /// Of each shard, the generation of the newest connection whose coming the node was told of, in a cluster.
    newest: Vec<u32>,
    /// For what is answered later, in a cluster.
    nodes: Option<Nodes>,
    /// What other nodes may ask for, in a cluster.
    history: Option<SharedHistory>,
    subscribers: Subscribers,
    watched: bool,
    /// Whether the numbers differ from those last sent.
    changed: bool,
    /// Before this, nothing more is sent.
    next_tick: Instant,
    /// Before these, the forms are told nothing: their last messages were long.
    due: [Instant; 3],
    /// Whether shards were allowed to report since the last tick, how many of them said they will, and until when to wait.
    allowed: bool,
    expected: usize,
    gather_until: Instant,
    question: Option<Gathering>,
    questions: u64,
    waiting: Waiting,
    /// Readers that begin as soon as the counts of all nodes are there.
    beginning: Option<Beginning>,
}

/// Runs the hub until every sender of events is gone.
pub(crate) async fn run(
    (site, shards, bridges): (Arc<Site>, Shards, Bridges),
    cluster: Option<InCluster>,
    sender: mpsc::WeakSender<HubEvent>,
    mut events: mpsc::Receiver<HubEvent>,
    (mut shard_events, mut subscribing): (mpsc::Receiver<ShardEvent>, mpsc::Receiver<Subscribing>),
) {
    let mut hub = Hub::new((site, shards, bridges), cluster, sender);
    loop {
        let deadline = hub.deadline();
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => hub.on_event(event),
                None => return,
            },
            Some(event) = shard_events.recv() => hub.on_shard_event(event),
            Some(subscribing) = subscribing.recv() => hub.on_subscribing(subscribing),
            heard = hub.counts.heard() => hub.on_heard(heard),
            () = sleep_until(deadline) => {}
        }
        hub.site.faults.strike("hub");
        hub.on_time(clock::now());
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

impl Hub {
    fn new(
        (site, shards, bridges): (Arc<Site>, Shards, Bridges),
        cluster: Option<InCluster>,
        sender: mpsc::WeakSender<HubEvent>,
    ) -> Self {
        let now = clock::now();
        let newest = vec![0; shards.iter().len()];
        let (counts, nodes, history) = match cluster {
            None => {
                let feed = Feed::new(site.config.limits.stats_connections_max);
                (Counts::Alone(Box::new(feed)), None, None)
            }
            Some(cluster) => (
                Counts::Joined(cluster.joined),
                Some(cluster.nodes),
                cluster.history,
            ),
        };
        Self {
            newest,
            counts,
            hits: RecentHits::default(),
            subscribers: Subscribers::new(Arc::clone(&site), shards.clone(), sender),
            nodes,
            bridges,
            history,
            site,
            shards,
            watched: false,
            changed: false,
            next_tick: now,
            due: [now; 3],
            allowed: false,
            expected: 0,
            gather_until: now,
            question: None,
            questions: 0,
            waiting: Waiting::default(),
            beginning: None,
        }
    }

    fn on_shard_event(&mut self, event: ShardEvent) {
        match event {
            ShardEvent::Report {
                shard,
                report,
                question,
            } => self.on_report(shard, report, question),
            ShardEvent::Admitted { job, until_ms, by } => {
                self.subscribers.admitted_at_once(job, until_ms, by);
            }
            ShardEvent::Wants { key, form } => self.on_wants(key, form),
            ShardEvent::Came { key, tab, reloaded } => self.on_came(key, tab, reloaded),
            ShardEvent::HandOver { to, tabs } => self.hand_over(to, tabs),
            ShardEvent::Left { key, turn } => self.subscribers.leave(key, turn),
        }
    }

    fn on_subscribing(&mut self, subscribing: Subscribing) {
        match subscribing {
            Subscribing::Asks(job) => self.subscribers.ask(job),
            Subscribing::Left { key, turn } => self.subscribers.leave(key, turn),
        }
    }

    fn on_event(&mut self, event: HubEvent) {
        match event {
            HubEvent::Decided { number, decision } => self.subscribers.decided(number, decision),
            HubEvent::Recheck => self.subscribers.recheck(),
            HubEvent::Ended => self.subscribers.recheck_ended(),
            HubEvent::Ask(asker) => {
                self.waiting.askers.push(asker);
                self.ask_shards();
            }
        }
    }

    /// A subscriber that begins gets an exact sum; one that has caught up has waited, and gets what is there.
    fn on_wants(&mut self, key: ConnectionKey, form: Form) {
        match self.subscribers.want(key, form) {
            Wanting::Nobody => {}
            Wanting::New => {
                self.watch();
                if !self.waiting.readers.contains(&key) {
                    self.waiting.readers.push(key);
                }
                self.ask_shards();
            }
            Wanting::CaughtUp => self.send_snapshots(&[key]),
        }
    }

    fn on_report(&mut self, shard: u16, report: Report, question: Option<u64>) {
        let changed = self.counts.apply(shard, report);
        self.changed |= changed;
        if !self.watched {
            self.forget_news();
        }
        if question.is_none() {
            self.expected = self.expected.saturating_sub(1);
            if !changed && self.allowed {
                // A tab that came back to where it was: no tick follows from that, so nothing else would let the shard
                // report again.
                self.allow(shard.into());
            }
        }
        let Some(asked) = self
            .question
            .as_mut()
            .filter(|asked| Some(asked.number) == question)
        else {
            return;
        };
        asked.unanswered -= 1;
        if asked.unanswered == 0
            && let Some(answered) = self.question.take()
        {
            self.answer(answered.waiting);
            self.ask_shards();
        }
    }

    /// Asks every shard for what changed up to now, unless they are being asked already.
    fn ask_shards(&mut self) {
        if self.question.is_some() || self.waiting.is_empty() {
            return;
        }
        self.questions += 1;
        let question = self.questions;
        let asked = |shard: &&Handle| shard.force(Mail::Report { question });
        let unanswered = self.shards.iter().filter(asked).count();
        // Without shards there are no counts: the question is dropped, and the asker sees that.
        let waiting = std::mem::take(&mut self.waiting);
        self.question = (unanswered > 0).then_some(Gathering {
            number: question,
            unanswered,
            waiting,
        });
    }

    fn answer(&mut self, waiting: Waiting) {
        let connections_max = self.site.config.limits.stats_connections_max;
        let asked = waiting.askers.iter().any(|asker| !asker.is_closed());
        if asked {
            let answer = stats::answer(self.counts.feed().sum(), connections_max, &self.site.cipher);
            for asker in waiting.askers {
                let _asker_gone = asker.send(answer.clone());
            }
        }
        self.answer_nodes(waiting.nodes);
        if waiting.wanted {
            self.counts.answer_wants();
            self.perform();
        }
        if !waiting.readers.is_empty() {
            self.counts.tick();
            self.perform();
            self.begin(waiting.readers);
        }
    }

    /// Sends the numbers of this moment to these subscribers, each in its form.
    fn send_snapshots(&mut self, readers: &[ConnectionKey]) {
        for form in Form::ALL {
            for (number, shard) in self.shards.iter().enumerate() {
                let readers: Vec<_> = readers
                    .iter()
                    .copied()
                    .filter(|key| usize::from(key.shard) == number)
                    .filter(|key| self.subscribers.form_of(*key) == Some(form))
                    .collect();
                if !readers.is_empty() {
                    let message = self.counts.feed().snapshot(form, &self.site.cipher);
                    shard.force(Mail::Snapshot { message, readers });
                }
            }
        }
    }

    fn forget_news(&mut self) {
        self.changed = false;
        self.counts.feed().forget_news();
    }

    fn on_time(&mut self, now: Instant) {
        self.look_at_cluster();
        self.look_at_beginning(now);
        self.subscribers.look(now);
        if self.subscribers.is_empty() {
            self.stop_watching();
        }
        if !self.watched || now < self.next_tick {
            return;
        }
        if !self.allowed {
            // The pause after the last stats is over: shards with changes may report.
            self.allowed = true;
            self.expected = self.shards.iter().filter(|shard| shard.allow_report()).count();
            self.gather_until = now + GATHER;
        }
        if self.has_tick() && (self.expected == 0 || now >= self.gather_until) {
            self.tick(now);
        }
    }
}
