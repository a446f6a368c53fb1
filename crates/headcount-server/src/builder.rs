//! Putting a server together and starting it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::authorize::ticket::Tickets;
use crate::authorize::{Authorizer, Authorizers};
use crate::config::Config;
use crate::error::StartError;
use crate::headcount::{Headcount, Inner};
use crate::hooks::{self, Hooks};
use crate::hub::commander::{self, Commander};
use crate::shard::{self, Outlets};
use crate::site::Site;
use crate::store::{Store, Stored};
use crate::{bots, clock, hub};

/// Sockets that may wait for the generic door.
const HANDOFFS_MAX: usize = 4_096;

/// What a server is made of besides its [`Config`].
#[derive(Debug)]
pub struct Builder {
    config: Config,
    hooks: Hooks,
    authorizers: Vec<Arc<dyn Authorizer>>,
    data_dir: Option<PathBuf>,
}

impl Builder {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            hooks: Hooks::new(),
            authorizers: Vec::new(),
            data_dir: None,
        }
    }

    /// Closures that learn of every connection. Default none.
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// One more way to be admitted to stats, asked after those of the configuration.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizers.push(Arc::new(authorizer));
        self
    }

    /// Where releases and rules are kept. Default `None`: nowhere, they end with the process.
    #[must_use]
    pub fn data_dir(mut self, directory: Option<PathBuf>) -> Self {
        self.data_dir = directory;
        self
    }

    /// Starts the server's threads and tasks, within the tokio runtime this is called in. It listens nowhere yet.
    pub async fn start(self) -> Result<Headcount, StartError> {
        let problems = self.config.problems();
        if !problems.is_empty() {
            return Err(StartError::Config(problems));
        }
        bots::prepare();
        let store = match self.data_dir {
            Some(directory) => Store::open(&directory)?,
            None => Store::in_memory(),
        };
        let stored = store.load(&self.config.limits)?;
        let tickets = Arc::new(Tickets::default());
        let mut authorizers = Authorizers::configured(&self.config)?;
        if self.config.admin_secret.is_some() {
            authorizers.push(Arc::clone(&tickets) as Arc<dyn Authorizer>);
        }
        self.authorizers
            .into_iter()
            .for_each(|authorizer| authorizers.push(authorizer));
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| StartError::System(std::io::Error::other(error)))?;
        let release = self.config.release.clone();
        let site = Arc::new(Site::new(self.config, authorizers, key));
        let headcount = run(site, store, stored, tickets, self.hooks)?;
        if let Some(release) = release {
            headcount
                .announce(&release)
                .await
                .map_err(|error| StartError::Release(Box::new(error)))?;
        }
        Ok(headcount)
    }
}

fn run(
    site: Arc<Site>,
    store: Store,
    stored: Stored,
    tickets: Arc<Tickets>,
    hooks: Hooks,
) -> Result<Headcount, StartError> {
    let (hub, hub_events) = mpsc::channel(hub::EVENTS_MAX);
    let (handoff, handoffs) = mpsc::channel(HANDOFFS_MAX);
    let (orders, order_queue) = mpsc::channel(commander::ORDERS_MAX);
    let hooks = hooks::start(hooks, site.config.limits.hook_events_max)?;
    let standing = commander::restore(stored, &site);
    let outlets = Outlets {
        hub: hub.clone(),
        hooks,
        handoff,
    };
    let shards = shard::start(&site, &Arc::new(standing.clone()), &outlets)?;
    tokio::spawn(hub::run(
        Arc::clone(&site),
        shards.clone(),
        hub.downgrade(),
        hub_events,
    ));
    tokio::spawn(Commander::new(Arc::clone(&site), shards.clone(), store, standing).run(order_queue));
    let handoffs = Mutex::new(Some(handoffs));
    Ok(Headcount(Arc::new(Inner {
        site,
        shards,
        hub,
        orders,
        tickets,
        handoffs,
        started: clock::now(),
    })))
}
