//! Starting the parts of a server: shards, hub, history, commander.

use std::sync::{Arc, Mutex};

use headcount_core::command_log::CommandLog;
use headcount_core::history::Sample;
use headcount_core::invalidation::Standing;
use tokio::sync::mpsc;

use crate::assets::Served;
use crate::authorize::ticket::Tickets;
use crate::bridge::Bridges;
use crate::error::StartError;
use crate::everywhere::Everywhere;
use crate::guesses::Guesses;
use crate::headcount::{Headcount, Inner};
use crate::history::SharedHistory;
use crate::hooks::{self, Hooks};
use crate::hub::InCluster;
use crate::hub::commander::{self, Beginning, Commander, Order};
use crate::nodes::{Joined, Nodes};
use crate::pages::LatestPages;
use crate::shard::{self, Handoff, Outlets, ShardEvent, Shards, Subscribing};
use crate::site::Site;
use crate::store::{LocalLog, Store, Stored};
use crate::{clock, history, hub};

/// Sockets that may wait for the generic door.
const HANDOFFS_MAX: usize = 4_096;

/// What a server is made of, besides the log of its commands.
pub(super) struct Parts {
    pub(super) site: Arc<Site>,
    pub(super) store: Arc<Store>,
    pub(super) samples: Vec<Sample>,
    pub(super) tickets: Arc<Tickets>,
    pub(super) bridges: Bridges,
    pub(super) hooks: Hooks,
    pub(super) assets: Option<Served>,
}

/// A server alone: its own store keeps the log.
pub(super) fn alone(parts: Parts, stored: Stored) -> Result<Headcount, StartError> {
    let beginning = Beginning::alone(stored, &parts.site);
    let log = LocalLog::new(Arc::clone(&parts.store), beginning.standing.clone());
    run(parts, None, log, beginning)
}

/// What shards say to others.
struct Queues {
    handoffs: mpsc::Receiver<Handoff>,
    reports: mpsc::Receiver<ShardEvent>,
    subscribing: mpsc::Receiver<Subscribing>,
}

/// Starts the threads of the shards, and that of the hooks.
fn start_shards(
    site: &Arc<Site>,
    standing: &Arc<Standing>,
    hooks: Hooks,
) -> Result<(Shards, Queues), StartError> {
    let (handoff, handoffs) = mpsc::channel(HANDOFFS_MAX);
    let (reports, report_queue) = mpsc::channel(hub::EVENTS_MAX);
    let (subscribing, subscribing_queue) = mpsc::channel(hub::SUBSCRIBING_MAX);
    let (witness, hook_queue) = hooks::queue(&hooks, site.config.limits.hook_events_max);
    let outlets = Outlets {
        reports,
        subscribing,
        witness,
        handoff,
    };
    let shards = shard::start(site, standing, &outlets)?;
    // The queues end with the shards' ends of them.
    drop(outlets);
    if let Some(queue) = hook_queue {
        hooks::start(hooks, queue, Arc::clone(site), shards.clone())?;
    }
    let queues = Queues {
        handoffs,
        reports: report_queue,
        subscribing: subscribing_queue,
    };
    Ok((shards, queues))
}

/// Starts the commander. It takes orders as long as it runs.
fn start_commander<Log: CommandLog + Send + 'static>(
    site: &Arc<Site>,
    everywhere: &Everywhere,
    stored_log: (Arc<Store>, Log),
    beginning: Beginning,
    tickets: &Arc<Tickets>,
) -> mpsc::Sender<Order> {
    let (orders, queue) = mpsc::channel(commander::ORDERS_MAX);
    let (everywhere, tickets) = (everywhere.clone(), Arc::clone(tickets));
    let commander = Commander::new(Arc::clone(site), everywhere, stored_log, beginning, tickets);
    site.vitals.spawn("the commander", commander.run(queue));
    orders
}

/// Those of a server that keeps a history, and nothing of one that does not.
fn shared_history(site: &Site, samples: Vec<Sample>) -> Option<SharedHistory> {
    let limits = &site.config.limits;
    site.config
        .keeps_history()
        .then(|| SharedHistory::new(limits, samples))
}

pub(super) fn run<Log: CommandLog + Send + 'static>(
    parts: Parts,
    joined: Option<(Box<Joined>, Nodes)>,
    log: Log,
    beginning: Beginning,
) -> Result<Headcount, StartError> {
    let Parts {
        site,
        store,
        samples,
        tickets,
        bridges,
        hooks,
        assets,
    } = parts;
    let (hub, hub_events) = mpsc::channel(hub::EVENTS_MAX);
    let obeyed = Arc::new(beginning.obeyed());
    site.set_standing(Arc::clone(&obeyed));
    let (shards, queues) = start_shards(&site, &obeyed, hooks)?;
    let nodes = joined.as_ref().map(|(_, nodes)| nodes.clone());
    let everywhere = Everywhere::of(&site, &shards, nodes.clone());
    if let Some(nodes) = &everywhere.nodes {
        bridges.join_cluster(nodes.clone(), site.cipher.node());
    }
    let shared_history = shared_history(&site, samples);
    let in_cluster = joined.map(|(joined, nodes)| InCluster {
        joined,
        nodes,
        history: shared_history.clone(),
    });
    let hub_runs = hub::run(
        (Arc::clone(&site), shards.clone(), bridges.clone()),
        in_cluster,
        hub.downgrade(),
        hub_events,
        (queues.reports, queues.subscribing),
    );
    site.vitals.spawn("the hub", hub_runs);
    let history = shared_history.map(|history| history::start(&site, &shards, &store, history, nodes));
    let stored_log = (Arc::clone(&store), log);
    let orders = start_commander(&site, &everywhere, stored_log, beginning, &tickets);
    let guesses = Arc::new(Guesses::new(&site.config.limits));
    Ok(Headcount(Arc::new(Inner {
        site,
        everywhere,
        hub,
        orders,
        tickets,
        bridges,
        store,
        guesses,
        handoffs: Mutex::new(Some(queues.handoffs)),
        started: clock::now(),
        pages: LatestPages::default(),
        history,
        assets,
    })))
}
