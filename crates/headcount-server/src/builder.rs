//! Putting a server together and starting it.

#[cfg(feature = "cluster")]
mod cluster;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use headcount_core::connection::NodeId;
use headcount_core::epoch::Epoch;

use crate::assets::{Assets, Served};
use crate::authorize::ticket::Tickets;
use crate::authorize::{Authorizer, Authorizers};
use crate::bots;
use crate::bridge::{BridgeAuthorizer, Bridges};
#[cfg(feature = "cluster")]
use crate::cluster::ClusterOptions;
use crate::config::Config;
use crate::error::StartError;
use crate::faults::Faults;
use crate::headcount::Headcount;
use crate::hooks::Hooks;
use crate::hub::commander::Order;
use crate::keys::Keys;
use crate::secrets::Secret;
use crate::site::Site;
use crate::store::{Store, Stored};
#[cfg(feature = "cluster")]
use run::run;
use run::{Parts, alone};

/// What a server is made of besides its [`Config`].
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
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
/// assert!(headcount.is_ready());
/// # Ok::<(), headcount_server::StartError>(())
/// # }).unwrap();
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
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount};
    ///
    /// let config = Config::default().with(|config| config.release = Some("v1".to_owned()));
    /// let headcount = Headcount::builder(config).start().await?;
    /// assert_eq!(&*headcount.current_release(), "v1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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
    ///
    /// ```
    /// use headcount_server::{Config, Headcount, Hooks};
    ///
    /// let hooks = Hooks::new().on_open(|opened| println!("{} opened", opened.id));
    /// let builder = Headcount::builder(Config::default()).hooks(hooks);
    /// # drop(builder);
    /// ```
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Another authorizer for stats, asked after those of the configuration.
    ///
    /// ```
    /// use headcount_server::authorize::closure::closure;
    /// use headcount_server::authorize::{AuthorizeRequest, Reads};
    /// use headcount_server::{Config, Headcount};
    ///
    /// // Browsers on this machine.
    /// let local = closure(Reads::nothing(), |request: AuthorizeRequest| async move {
    ///     request.ip.is_some_and(|ip| ip.is_loopback())
    /// });
    /// let config = Config::default().with(|config| config.ip_tracking = true);
    /// let builder = Headcount::builder(config).authorizer(local);
    /// # drop(builder);
    /// ```
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizers.push(Arc::new(authorizer));
        self
    }

    /// Where releases, rules and the history are kept. Needs the feature `store`. Default `None`: nowhere, they end with the process.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path().to_owned();
    /// let start = || Headcount::builder(Config::default()).data_dir(Some(directory.clone())).start();
    /// let headcount = start().await?;
    /// headcount.announce("v1").await?;
    /// // Hands the directory over.
    /// headcount.shutdown().await;
    /// assert_eq!(&*start().await?.current_release(), "v1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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
    ///
    /// ```
    /// use headcount_server::{ClusterOptions, Config, Headcount, Secret};
    ///
    /// let cluster = ClusterOptions::new(["nats://127.0.0.1:4222"], Secret::new("3f9c-0b77-d1a2-55e0"));
    /// let builder = Headcount::builder(Config::default()).cluster(Some(cluster));
    /// # drop(builder);
    /// ```
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn cluster(mut self, cluster: Option<ClusterOptions>) -> Self {
        self.cluster = cluster;
        self
    }

    /// The client's script and the board. Default none: there is no board, and the path of the script answers `404`.
    ///
    /// ```
    /// use headcount_server::{AssetFile, Assets, Config, Headcount};
    ///
    /// let mut assets = Assets::default();
    /// assets.client.push(AssetFile::new("client.js", "export {}"));
    /// let builder = Headcount::builder(Config::default()).assets(assets);
    /// # drop(builder);
    /// ```
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
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount, StartError};
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// assert!(headcount.is_ready());
    ///
    /// let config = Config::default().with(|config| config.base_path = "skew/".to_owned());
    /// let Err(StartError::Config(problems)) = Headcount::builder(config).start().await else {
    ///     panic!("a path begins with a slash");
    /// };
    /// assert!(problems[0].starts_with("`base_path` is `skew/`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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
        let keys = self.keys(stored.tabs).map_err(system)?;
        let is_joined = self.cluster_of().is_some();
        let tickets = Arc::new(Tickets::default().of(&server).sealed_with(&keys));
        let mut authorizers = Authorizers::configured(&self.config)?.keyed(&keys);
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
        let node = NodeId(getrandom::u32().map_err(system)?);
        let release = self.config.release.clone();
        let identity = (node, &keys, is_joined);
        let site = Arc::new(Site::new(self.config, authorizers, identity, self.faults));
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
                let (joined, log, beginning) =
                    cluster::join(&options, &parts.site, &parts.tickets, stored).await?;
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

    /// The keys of the cluster, or some that mean nothing outside this process, with one for tab ids that is as old as the store.
    fn keys(&self, tabs: Option<u128>) -> Result<Keys, getrandom::Error> {
        match self.cluster_of() {
            Some((_, secret)) => Ok(Keys::of(secret.expose().as_bytes())),
            None => Ok(Keys::random()?.with_tabs(tabs)),
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
