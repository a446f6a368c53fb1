//! Closures of the embedding app that learn of every connection.
//!
//! Hooks run on their own thread, one event after the other, in the order in which they happened to a connection. A
//! slow hook delays later events, never a shard. Beyond `limits.hook_events_max` waiting events are dropped and
//! counted, and [`Hooks::on_lagged`] is called: an app that keeps its own list then reads all connections again.
//!
//! In a cluster, hooks hear of the connections of the server that they are in: each event is handled by one app. A bridge hears of all.
//!
//! An [`Authorizer`](crate::authorize::Authorizer), not a hook, decides who may see stats; a closure can be one.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use headcount_core::connection::{ConnectionId, IdCipher};

use crate::shard::{Happening, Shards, Witness};
use crate::site::Site;
use crate::tab::Tab;

type Hook<Event> = Box<dyn Fn(&Event) + Send + Sync>;

/// A connection opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The id its tab was told.
    pub id: ConnectionId,
    /// The build it runs.
    pub version: Arc<str>,
    /// The page it shows; `None` with route tracking off.
    pub route: Option<Arc<str>>,
    /// Its client address; `None` with IP tracking off, or where unknown.
    pub ip: Option<IpAddr>,
    /// Sends JSON to that very tab, now or later.
    pub tab: Tab,
}

/// A connection is on another page.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteUpdated {
    /// The id its tab was told.
    pub id: ConnectionId,
    /// The page it now shows.
    pub route: Arc<str>,
}

/// A connection closed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// The id its tab had been told.
    pub id: ConnectionId,
}

/// Events were dropped because hooks took too long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Lagged {
    /// How many.
    pub events: u64,
}

/// What the app wants to learn. Several hooks of a kind run in the order in which they were added.
///
/// ```
/// use headcount_server::Hooks;
///
/// let hooks = Hooks::new()
///     .on_open(|opened| println!("{} opened on {}", opened.id, opened.version))
///     .on_route_update(|moved| println!("{} went to {}", moved.id, moved.route))
///     .on_close(|closed| println!("{} closed", closed.id))
///     .on_lagged(|lagged| eprintln!("{} events were dropped", lagged.events));
/// # drop(hooks);
/// ```
#[derive(Default)]
pub struct Hooks {
    open: Vec<Hook<Opened>>,
    route_update: Vec<Hook<RouteUpdated>>,
    close: Vec<Hook<Closed>>,
    lagged: Vec<Hook<Lagged>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("open", &self.open.len())
            .field("route_update", &self.route_update.len())
            .field("close", &self.close.len())
            .finish_non_exhaustive()
    }
}

impl Hooks {
    /// No hooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs when a connection opened.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// use headcount_server::{Config, Headcount, Hooks};
    ///
    /// let (sender, seen) = channel();
    /// let hooks = Hooks::new().on_open(move |opened| {
    ///     let _not_waited_for = sender.send(opened.version.clone());
    /// });
    /// let headcount = Headcount::builder(Config::default()).hooks(hooks).start().await?;
    /// # let _tab = example::open_tab(&headcount, "/").await?;
    /// // A tab on the build `v1` opens.
    /// assert_eq!(&*seen.recv_timeout(Duration::from_secs(20))?, "v1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn on_open(mut self, hook: impl Fn(&Opened) + Send + Sync + 'static) -> Self {
        self.open.push(Box::new(hook));
        self
    }

    /// Runs when a connection is on another page.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// use headcount_server::{Config, Headcount, Hooks};
    ///
    /// let (sender, seen) = channel();
    /// let hooks = Hooks::new().on_route_update(move |moved| {
    ///     let _not_waited_for = sender.send(moved.route.clone());
    /// });
    /// let headcount = Headcount::builder(Config::default()).hooks(hooks).start().await?;
    /// # let tab = example::open_tab(&headcount, "/").await?;
    /// # tab.go_to("/checkout").await?;
    /// // A tab goes to `/checkout`.
    /// assert_eq!(&*seen.recv_timeout(Duration::from_secs(20))?, "/checkout");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn on_route_update(mut self, hook: impl Fn(&RouteUpdated) + Send + Sync + 'static) -> Self {
        self.route_update.push(Box::new(hook));
        self
    }

    /// Runs when a connection closed.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/open_tab.rs")); }
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// use headcount_server::{Config, Headcount, Hooks};
    ///
    /// let (sender, seen) = channel();
    /// let hooks = Hooks::new().on_close(move |closed| {
    ///     let _not_waited_for = sender.send(closed.id.to_string());
    /// });
    /// let headcount = Headcount::builder(Config::default()).hooks(hooks).start().await?;
    /// # let tab = example::open_tab(&headcount, "/").await?;
    /// # let id = tab.id.clone();
    /// # drop(tab);
    /// // A tab with this id closes.
    /// assert_eq!(seen.recv_timeout(Duration::from_secs(20))?, id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn on_close(mut self, hook: impl Fn(&Closed) + Send + Sync + 'static) -> Self {
        self.close.push(Box::new(hook));
        self
    }

    /// Runs when events were dropped.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// use headcount_server::Hooks;
    ///
    /// let must_read_again = Arc::new(AtomicBool::new(false));
    /// let flag = Arc::clone(&must_read_again);
    /// let hooks = Hooks::new().on_lagged(move |_| flag.store(true, Ordering::Release));
    /// # drop(hooks);
    /// ```
    #[must_use]
    pub fn on_lagged(mut self, hook: impl Fn(&Lagged) + Send + Sync + 'static) -> Self {
        self.lagged.push(Box::new(hook));
        self
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.route_update.is_empty() && self.close.is_empty()
    }

    /// Says how many events were dropped, if any were.
    fn catch_up(&self, dropped: &AtomicU64) {
        let events = dropped.swap(0, Ordering::Relaxed);
        if events > 0 {
            tracing::warn!(events, "hooks are too slow; events were dropped");
            guarded(|| self.lagged.iter().for_each(|hook| hook(&Lagged { events })));
        }
    }

    fn run(&self, happening: Happening, ids: &IdCipher, shards: &Shards) {
        match happening {
            Happening::Opened(row) => {
                let id = ids.id(row.key);
                let tab = Tab {
                    elsewhere: None,
                    key: row.key,
                    id,
                    shards: shards.clone(),
                };
                let event = Opened {
                    id,
                    version: row.version,
                    route: row.route,
                    ip: row.ip,
                    tab,
                };
                self.open.iter().for_each(|hook| hook(&event));
            }
            Happening::Moved { key, route } => {
                let event = RouteUpdated {
                    id: ids.id(key),
                    route,
                };
                self.route_update.iter().for_each(|hook| hook(&event));
            }
            Happening::Closed(key) => {
                let event = Closed { id: ids.id(key) };
                self.close.iter().for_each(|hook| hook(&event));
            }
        }
    }
}

/// The hooks' end of the queue that shards fill.
#[derive(Debug)]
pub(crate) struct HookQueue {
    happenings: Receiver<Happening>,
    dropped: Arc<AtomicU64>,
}

/// The queue between shards and hooks; `None` without hooks.
pub(crate) fn queue(hooks: &Hooks, events_max: u32) -> (Witness, Option<HookQueue>) {
    if hooks.is_empty() {
        return (Witness::default(), None);
    }
    let (sender, happenings) = sync_channel(events_max as usize);
    let dropped = Arc::default();
    (
        Witness::new(sender, Arc::clone(&dropped)),
        Some(HookQueue { happenings, dropped }),
    )
}

/// Starts the hooks' thread. It ends with the last shard.
pub(crate) fn start(hooks: Hooks, queue: HookQueue, site: Arc<Site>, shards: Shards) -> std::io::Result<()> {
    let vitals = site.vitals.clone();
    let run = move || {
        for happening in queue.happenings {
            site.faults.strike("hooks");
            guarded(|| hooks.run(happening, &site.cipher, &shards));
            hooks.catch_up(&queue.dropped);
        }
        Ok::<_, std::convert::Infallible>(())
    };
    std::thread::Builder::new()
        .name("headcount-hooks".to_owned())
        .spawn(move || vitals.run("the hooks' thread", run))?;
    Ok(())
}

/// A hook that panics loses its event, not the server.
fn guarded(run: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
        tracing::error!("a hook panicked");
    }
}
