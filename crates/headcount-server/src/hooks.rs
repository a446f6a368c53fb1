//! Closures of the embedding app that learn of every connection.
//!
//! Hooks run on a thread of their own, one event after the other, in the order in which they happened to a connection. A
//! slow hook delays later events, never a shard. Beyond `limits.hook_events_max` waiting events are dropped and counted,
//! and [`Hooks::on_lagged`] says so: an app that keeps a list of its own then asks for the connections anew.
//!
//! Who may see stats is no hook here but an [`Authorizer`](crate::authorize::Authorizer); a closure can be one.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use headcount_core::connection::ConnectionId;

use crate::metrics::{Count, Meters};
use crate::tab::Tab;

type Hook<Event> = Box<dyn Fn(&Event) + Send + Sync>;

/// A connection opened.
#[derive(Clone, Debug)]
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
pub struct RouteUpdated {
    /// The id its tab was told.
    pub id: ConnectionId,
    /// The page it now shows.
    pub route: Arc<str>,
}

/// A connection closed.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The id its tab had been told.
    pub id: ConnectionId,
}

/// Events were dropped because hooks took too long.
#[derive(Clone, Copy, Debug)]
pub struct Lagged {
    /// How many.
    pub events: u64,
}

/// What the app wants to learn. Several hooks of a kind run in the order in which they were added.
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
    #[must_use]
    pub fn on_open(mut self, hook: impl Fn(&Opened) + Send + Sync + 'static) -> Self {
        self.open.push(Box::new(hook));
        self
    }

    /// Runs when a connection is on another page.
    #[must_use]
    pub fn on_route_update(mut self, hook: impl Fn(&RouteUpdated) + Send + Sync + 'static) -> Self {
        self.route_update.push(Box::new(hook));
        self
    }

    /// Runs when a connection closed.
    #[must_use]
    pub fn on_close(mut self, hook: impl Fn(&Closed) + Send + Sync + 'static) -> Self {
        self.close.push(Box::new(hook));
        self
    }

    /// Runs when events were dropped.
    #[must_use]
    pub fn on_lagged(mut self, hook: impl Fn(&Lagged) + Send + Sync + 'static) -> Self {
        self.lagged.push(Box::new(hook));
        self
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.route_update.is_empty() && self.close.is_empty()
    }

    fn run(&self, event: &HookEvent) {
        match event {
            HookEvent::Opened(event) => self.open.iter().for_each(|hook| hook(event)),
            HookEvent::RouteUpdated(event) => self.route_update.iter().for_each(|hook| hook(event)),
            HookEvent::Closed(event) => self.close.iter().for_each(|hook| hook(event)),
        }
    }
}

/// Something a hook may want to learn.
#[derive(Debug)]
pub(crate) enum HookEvent {
    Opened(Opened),
    RouteUpdated(RouteUpdated),
    Closed(Closed),
}

/// A shard's end of the queue to the hooks. Inactive where there are none: then nothing is even built.
#[derive(Clone, Debug, Default)]
pub(crate) struct HookSender(Option<(SyncSender<HookEvent>, Arc<AtomicU64>)>);

impl HookSender {
    /// Hands over the event that `make` builds, or drops it where the queue is full.
    pub(crate) fn send(&self, meters: &Meters, make: impl FnOnce() -> HookEvent) {
        let Some((sender, dropped)) = &self.0 else { return };
        if sender.try_send(make()).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
            meters.one(Count::HookDropped);
        }
    }
}

/// Starts the hooks' thread, if there is any hook. It ends when every sender is gone.
pub(crate) fn start(hooks: Hooks, events_max: u32) -> std::io::Result<HookSender> {
    if hooks.is_empty() {
        return Ok(HookSender::default());
    }
    let (sender, receiver) = sync_channel(events_max as usize);
    let dropped = Arc::new(AtomicU64::new(0));
    let lagging = Arc::clone(&dropped);
    std::thread::Builder::new()
        .name("headcount-hooks".to_owned())
        .spawn(move || run(&hooks, &receiver, &lagging))?;
    Ok(HookSender(Some((sender, dropped))))
}

fn run(hooks: &Hooks, events: &Receiver<HookEvent>, dropped: &AtomicU64) {
    for event in events {
        guarded(|| hooks.run(&event));
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(events = lost, "hooks are too slow; events were dropped");
            guarded(|| {
                hooks
                    .lagged
                    .iter()
                    .for_each(|hook| hook(&Lagged { events: lost }));
            });
        }
    }
}

/// A hook that panics loses its event, not the server.
fn guarded(run: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
        tracing::error!("a hook panicked");
    }
}
