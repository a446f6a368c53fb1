//! Serving on a listener, and ending the kind way.

use std::net::TcpListener;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use crate::door;
use crate::error::ServeError;
use crate::headcount::Headcount;
use crate::nodes::NodeEvent;
use crate::shard::Mail;

/// How often a drain is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

impl Headcount {
    /// Serves on `listener` until `shutdown` resolves, then drains: `/readyz` says false, clients are told when to return,
    /// and streams are closed in slices within `limits.drain_ms`. `site` answers everything that is not ours.
    ///
    /// A server is served once; a second call fails.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::net::TcpListener;
    ///
    /// use headcount_server::{Config, Headcount};
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// # stop.send(()).ok();
    /// let until_stopped = async {
    ///     let _sender_gone = stopped.await;
    /// };
    /// headcount.serve(listener, Headcount::no_site(), until_stopped).await?;
    /// assert!(!headcount.is_ready());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn serve(
        &self,
        listener: TcpListener,
        site: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        self.serve_all(vec![listener], site, shutdown).await
    }

    /// As [`Headcount::serve`], on several listeners, for instance as many as [`Config::shards_count`](crate::Config) says, made by
    /// [`crate::listen`]: then the kernel spreads connections and nothing passes between threads. Fails with more of them.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount, listen};
    ///
    /// let config = Config::default();
    /// let listeners = listen("127.0.0.1:0".parse()?, config.shards_count(), &config.limits)?;
    /// let headcount = Headcount::builder(config).start().await?;
    /// # let stop = async {};
    /// headcount.serve_all(listeners, Headcount::no_site(), stop).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn serve_all(
        &self,
        listeners: Vec<TcpListener>,
        site: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let taken = self
            .0
            .handoffs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut handoffs = taken.ok_or(ServeError::AlreadyServed)?;
        self.listen(listeners).map_err(ServeError::Listener)?;
        let listening = Listening(self);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = async {
            let stopped = async {
                let _stopped = stopped.await;
            };
            let drain = Duration::from_millis(self.0.site.config.limits.drain_ms.into());
            let router = self.behind_own_door(self.router().fallback_service(site));
            door::serve_handoffs(
                self.site(),
                &self.meters()[0],
                router,
                &mut handoffs,
                stopped,
                drain,
            )
            .await;
        };
        let ended = async {
            shutdown.await;
            self.0.site.ready.store(false, Ordering::Release);
            drop(listening);
            // The successor, on the same address with the same directory, need not wait for the drain.
            tokio::join!(self.0.store.release(), self.drain());
            let _ended = stop.send(());
        };
        tokio::select! {
            _ = async { tokio::join!(served, ended) } => Ok(()),
            error = self.failure() => {
                self.abandon().await;
                Err(error)
            }
        }
    }

    /// Resolves when a part has ended that the server cannot do without, such as a shard by a panic: then it is best to end the
    /// process, or to start another server. [`Headcount::serve`] watches this by itself; an app that serves by itself should.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use headcount_server::{Config, Headcount};
    /// # let headcount = Headcount::builder(Config::default()).start().await?;
    /// # let app_serves = async { Ok::<(), Box<dyn std::error::Error>>(()) };
    /// tokio::select! {
    ///     served = app_serves => served?,
    ///     error = headcount.failure() => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn failure(&self) -> ServeError {
        let part = self.0.site.vitals.until_ended().await.0;
        ServeError::PartEnded { part }
    }

    /// Lets go of everything, because a part is missing.
    async fn abandon(&self) {
        self.0.site.ready.store(false, Ordering::Release);
        for shard in self.shards().iter() {
            shard.force(Mail::Stop);
        }
        self.0.store.release().await;
    }

    /// Serves `router` on another listener until the future is dropped, with the limits of [`Headcount::serve`] on heads and
    /// connections. For the admin API with [`admin_apart`](crate::Config::admin_apart), which answers there also while the
    /// streams are drained. An error means that the listener cannot be used.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::net::TcpListener;
    ///
    /// use headcount_server::{Config, Headcount};
    ///
    /// let config = Config::default().with(|config| config.admin_apart = true);
    /// let headcount = Headcount::builder(config).start().await?;
    /// let site = TcpListener::bind("127.0.0.1:0")?;
    /// let admin = TcpListener::bind("127.0.0.1:0")?;
    /// # let stop = async {};
    /// tokio::select! {
    ///     served = headcount.serve(site, Headcount::no_site(), stop) => served?,
    ///     failed = headcount.serve_apart(admin, headcount.admin_router()) => failed?,
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn serve_apart(&self, listener: TcpListener, router: Router) -> Result<(), ServeError> {
        listener.set_nonblocking(true).map_err(ServeError::Listener)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Listener)?;
        door::serve_apart(
            self.site(),
            &self.meters()[0],
            self.behind_own_door(router),
            listener,
        )
        .await;
        Ok(())
    }

    fn listen(&self, listeners: Vec<TcpListener>) -> std::io::Result<()> {
        let count = self.shards().iter().len();
        if listeners.len() > count {
            let problem = format!("{} listeners are more than {count} shards", listeners.len());
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, problem));
        }
        let share = listeners.len() < count;
        for (number, listener) in listeners.into_iter().enumerate() {
            door::tune_listener(&listener, &self.0.site.config.limits)?;
            listener.set_nonblocking(true)?;
            let listener = mio::net::TcpListener::from_std(listener);
            if let Some(shard) = self.shards().get(number) {
                shard.force(Mail::Listen { listener, share });
            }
        }
        Ok(())
    }

    /// Ends all connections the kind way, as [`Headcount::serve`] does at its end. For apps that serve by themselves. The store is
    /// handed over at once: commands are refused from then on, and another server can open the data directory. Connections have
    /// `limits.drain_ms` to end.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::{Config, Headcount};
    ///
    /// let headcount = Headcount::builder(Config::default()).start().await?;
    /// let app: axum::Router = axum::Router::new().merge(headcount.router());
    /// # drop(app);
    /// // The app serves until it is asked to stop. Then:
    /// headcount.shutdown().await;
    /// assert!(!headcount.is_ready());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn shutdown(&self) {
        self.0.site.ready.store(false, Ordering::Release);
        tokio::join!(self.0.store.release(), self.drain());
    }

    /// Has the shards drain, and waits until they have or the window is over.
    async fn drain(&self) {
        if let Some(nodes) = self.others() {
            nodes.tell(NodeEvent::Drains).await;
        }
        for shard in self.shards().iter() {
            shard.force(Mail::Drain);
        }
        let window = Duration::from_millis(self.0.site.config.limits.drain_ms.into());
        let emptied = async {
            let mut look = tokio::time::interval(DRAIN_LOOK);
            while self.0.site.census.open() > 0 {
                look.tick().await;
            }
        };
        if tokio::time::timeout(window, emptied).await.is_err() {
            tracing::info!(left = self.0.site.census.open(), "the drain window is over");
        }
        for shard in self.shards().iter() {
            shard.force(Mail::Stop);
        }
        if let Some(nodes) = self.others() {
            let (said, told) = oneshot::channel();
            nodes.tell(NodeEvent::Ends { said }).await;
            // Where the process ends at once, the others must know by then.
            let _hub_gone = told.await;
        }
    }
}

/// Ends with the future of `serve`, however that ends: then no listener accepts.
struct Listening<'a>(&'a Headcount);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for shard in self.0.shards().iter() {
            shard.force(Mail::StopListening);
        }
    }
}
