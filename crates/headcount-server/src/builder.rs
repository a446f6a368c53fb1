//! Putting a server together and starting it.

#[cfg(feature = "cluster")]
mod cluster;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use headcount_core::command_log::CommandLog;
use headcount_core::connection::NodeId;
use headcount_core::epoch::Epoch;
use headcount_core::history::Sample;
use headcount_core::invalidation::Standing;
use tokio::sync::mpsc;

use crate::assets::{Assets, Served};
use crate::authorize::ticket::Tickets;
use crate::authorize::{Authorizer, Authorizers};
use crate::bridge::{BridgeAuthorizer, Bridges};
#[cfg(feature = "cluster")]
use crate::cluster::ClusterOptions;
use crate::config::Config;
use crate::error::StartError;
use crate::faults::Faults;
use crate::guesses::Guesses;
use crate::headcount::{Headcount, Inner};
use crate::hooks::{self, Hooks};
use crate::hub::commander::{self, Beginning, Commander, Order};
use crate::keys::Keys;
use crate::nodes::{Everywhere, Joined, Nodes};
use crate::pages::LatestPages;
use crate::secrets::Secret;
use crate::shard::{self, Handoff, Outlets, ShardEvent, Shards, Subscribing};
use crate::site::Site;
use crate::store::{LocalLog, Store, Stored};
use crate::{bots, clock, history, hub};

/// Sockets that may wait for the generic door.
const HANDOFFS_MAX: usize = 4_096;

/// What a server is made of besides its [`Config`].
///
/// ```no_run
/// # async fn start() -> Result<(), headcount_server::StartError> {
/// use headcount_server::authorize::closure::closure;
/// use headcount_server::authorize::{AuthorizeRequest, Reads};
/// use headcount_server::head::cookie;
/// use headcount_server::{Config, Headcount, Hooks};
///
/// let admins = closure(Reads::cookie("sid"), |request: AuthorizeRequest| async move {
///     cookie(&*request.credentials, "sid") == Some("the session of an admin")
/// });
/// let headcount = Headcount::builder(Config::default())
///     .hooks(Hooks::new().on_open(|opened| println!("{} opened", opened.id)))
///     .authorizer(admins)
///     .start()
///     .await?;
/// # drop(headcount);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Builder {
    config: Config,
    hooks: Hooks,
    authorizers: Vec<Arc<dyn Authorizer>>,
    data_dir: Option<PathBuf>,
    #[cfg(feature = "cluster")]
    cluster: Option<ClusterOptions>,
    assets: Option<Assets>,
    faults: Faults,
}

impl Headcount {
    /// A server with this configuration.
    pub fn builder(config: Config) -> Builder {
        Builder::new(config)
    }
}

impl Builder {
    fn new(config: Config) -> Self {
        Self {
            config,
            hooks: Hooks::new(),
            authorizers: Vec::new(),
            data_dir: None,
            #[cfg(feature = "cluster")]
            cluster: None,
            assets: None,
            faults: Faults::default(),
        }
    }

    /// Closures that learn of every connection. Default none.
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Another authorizer for stats, asked after those of the configuration.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizers.push(Arc::new(authorizer));
        self
    }

    /// Where releases, rules and the history are kept. Needs the feature `store`. Default `None`: nowhere, they end with the process.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn data_dir(mut self, directory: Option<PathBuf>) -> Self {
        self.data_dir = directory;
        self
    }

    /// The cluster that the server belongs to: it has the releases and rules of all its servers, and takes commands for them. Needs the feature
    /// `cluster`. Default `None`: the server is alone.
    ///
    /// While the broker is away, tabs are served, what stood stands, and commands are refused. With a `data_dir`, that is so after a restart, too.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn cluster(mut self, cluster: Option<ClusterOptions>) -> Self {
        self.cluster = cluster;
        self
    }

    /// The client's script and the board. Default none: there is no board, and the path of the script answers `404`.
    #[must_use]
    pub fn assets(mut self, assets: Assets) -> Self {
        self.assets = Some(assets);
        self
    }

    /// Faults to come, for tests.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Starts the server's threads and tasks, within the tokio runtime this is called in. It listens nowhere yet.
    pub async fn start(self) -> Result<Headcount, StartError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(StartError::Config(problems));
        }
        self.config.secrets().warn_of_short();
        bots::prepare();
        let (store, mut stored) = self.open_store().await?;
        let server = self.told_apart(stored.epoch);
        let system = |error| StartError::System(std::io::Error::other(error));
        let keys = self.keys().map_err(system)?;
        let tickets = Arc::new(Tickets::default().of(&server).sealed_with(&keys));
        let mut authorizers = Authorizers::configured(&self.config)?;
        let bridges = Bridges::new(&self.config.limits);
        if self.config.authorize_bridge {
            authorizers.push(Arc::new(BridgeAuthorizer::new(
                bridges.clone(),
                &self.config.limits,
            )));
        }
        if self.config.admin_secret.is_some() {
            authorizers.push(Arc::clone(&tickets) as Arc<dyn Authorizer>);
        }
        self.authorizers
            .into_iter()
            .for_each(|authorizer| authorizers.push(authorizer));
        #[cfg(feature = "cluster")]
        let is_joined = self.cluster.is_some();
        #[cfg(not(feature = "cluster"))]
        let is_joined = false;
        let node = NodeId(getrandom::u32().map_err(system)?);
        let release = self.config.release.clone();
        let site = Arc::new(Site::new(
            self.config,
            authorizers,
            (node, &keys, is_joined),
            self.faults,
        ));
        tickets.end_all_but(&site.keyring.marks());
        let assets = self.assets.map(|assets| Served::new(assets, &site.config));
        let parts = Parts {
            site,
            store: Arc::new(store),
            samples: std::mem::take(&mut stored.samples),
            tickets,
            bridges,
            hooks: self.hooks,
            assets,
        };
        #[cfg(feature = "cluster")]
        let headcount = match self.cluster {
            Some(options) => {
                let (joined, log, beginning) = cluster::join(&options, &parts.site, stored).await?;
                run(parts, Some(joined), log, beginning)?
            }
            None => alone(parts, stored)?,
        };
        #[cfg(not(feature = "cluster"))]
        let headcount = alone(parts, stored)?;
        if let Some(release) = release {
            announce_configured(&headcount, &release).await?;
        }
        Ok(headcount)
    }
}

impl Builder {
    #[cfg(feature = "store")]
    async fn open_store(&self) -> Result<(Store, Stored), StartError> {
        let limits = &self.config.limits;
        let with_history = self.config.keeps_history();
        Ok(match &self.data_dir {
            Some(directory) => {
                let cluster = self.cluster_of().map(|(name, _)| name);
                Store::open(directory, limits, with_history, &self.faults, cluster).await?
            }
            None => Store::in_memory()?,
        })
    }

    #[cfg(not(feature = "store"))]
    #[expect(clippy::unused_async, reason = "as with a store to open")]
    async fn open_store(&self) -> Result<(Store, Stored), StartError> {
        Ok(Store::in_memory()?)
    }
}

impl Builder {
    /// Everything that contradicts itself.
    fn problems(&self) -> Vec<String> {
        let problems = self.config.problems();
        #[cfg(feature = "cluster")]
        let of_cluster = self.cluster.iter().flat_map(ClusterOptions::problems);
        #[cfg(not(feature = "cluster"))]
        let of_cluster = [];
        problems.into_iter().chain(of_cluster).collect()
    }

    /// The name and the secret of the cluster that the server belongs to.
    #[cfg(feature = "cluster")]
    fn cluster_of(&self) -> Option<(&str, &Secret)> {
        let cluster = self.cluster.as_ref()?;
        Some((&cluster.name, &cluster.secret))
    }

    #[cfg(not(feature = "cluster"))]
    #[expect(clippy::unused_self, reason = "as where it may belong to one")]
    fn cluster_of(&self) -> Option<(&str, &Secret)> {
        None
    }

    /// The keys of the cluster, or some that mean nothing outside this process.
    fn keys(&self) -> Result<Keys, getrandom::Error> {
        match self.cluster_of() {
            Some((_, secret)) => Ok(Keys::of(secret.expose().as_bytes())),
            None => Keys::random(),
        }
    }

    /// What tells this server apart from others on its host, also from one that began with a copy of its directory. Those of a cluster are one.
    fn told_apart(&self, epoch: Epoch) -> String {
        let Config {
            base_path,
            admin_path,
            ..
        } = &self.config;
        if let Some((name, _)) = self.cluster_of() {
            return format!("cluster {name} {base_path} {admin_path}");
        }
        let data_dir = self
            .data_dir
            .as_ref()
            .and_then(|directory| std::path::absolute(directory).ok());
        format!("{epoch} {data_dir:?} {base_path} {admin_path}")
    }
}

/// Announces the release of the configuration where it is news, and says what became of it.
async fn announce_configured(headcount: &Headcount, release: &str) -> Result<(), StartError> {
    let version = release.to_owned();
    let configured = headcount
        .order(|reply| Order::Configure { version, reply })
        .await
        .map_err(|error| StartError::Release(Box::new(error)))?;
    configured.say(release, &headcount.current_release());
    Ok(())
}

/// What a server is made of, besides the log of its commands.
struct Parts {
    site: Arc<Site>,
    store: Arc<Store>,
    samples: Vec<Sample>,
    tickets: Arc<Tickets>,
    bridges: Bridges,
    hooks: Hooks,
    assets: Option<Served>,
}

/// A server alone: its own store keeps the log.
fn alone(parts: Parts, stored: Stored) -> Result<Headcount, StartError> {
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

fn run<Log: CommandLog + Send + 'static>(
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
    let (orders, order_queue) = mpsc::channel(commander::ORDERS_MAX);
    let obeyed = Arc::new(beginning.obeyed());
    site.set_standing(Arc::clone(&obeyed));
    let (shards, queues) = start_shards(&site, &obeyed, hooks)?;
    let everywhere = Everywhere {
        shards: shards.clone(),
        nodes: joined.as_ref().map(|(_, nodes)| nodes.clone()),
        within_ms: site.config.limits.answer_ms,
    };
    let hub_runs = hub::run(
        Arc::clone(&site),
        shards.clone(),
        joined,
        hub.downgrade(),
        hub_events,
        queues.reports,
        queues.subscribing,
    );
    site.vitals.spawn("the hub", hub_runs);
    let start_history = || history::start(&site, &shards, &store, samples);
    let history = site.config.keeps_history().then(start_history);
    let commander = Commander::new(
        Arc::clone(&site),
        everywhere.clone(),
        (Arc::clone(&store), log),
        beginning,
        Arc::clone(&tickets),
    );
    site.vitals.spawn("the commander", commander.run(order_queue));
    let handoffs = Mutex::new(Some(queues.handoffs));
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
        handoffs,
        started: clock::now(),
        pages: LatestPages::default(),
        history,
        assets,
    })))
}
