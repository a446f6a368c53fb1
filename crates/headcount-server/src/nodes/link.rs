//! The bus, whatever carries it.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use headcount_core::cluster::{Bus, BusLosses, Incoming, Notice, To};
use tokio::sync::mpsc;

/// Messages of other nodes that wait for the hub. Beyond it they wait in the bus, which drops what it has no room for.
const HEARD_MAX: usize = 256;

/// Bytes of a message while there is no bus, so that one can be written and is lost.
const BYTES_MAX: usize = 1 << 20;

/// Both ends of a bus, which may come later.
pub(crate) struct Link {
    shared: Arc<Shared>,
    heard: mpsc::Receiver<Notice>,
}

#[derive(Default)]
struct Shared {
    bus: OnceLock<Box<dyn Sending>>,
    /// What a bus that comes later is told.
    watches: AtomicBool,
    /// Messages that were to be sent while there was no bus.
    before: AtomicU64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// A [`Bus`], without its type.
trait Sending: Send + Sync {
    fn send(&self, to: To, message: Bytes) -> bool;
    fn bytes_max(&self) -> usize;
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    fn losses(&self) -> BusLosses;
    fn watch(&self, watches: bool);
}

impl<B: Bus> Sending for B {
    fn send(&self, to: To, message: Bytes) -> bool {
        Bus::send(self, to, message)
    }

    fn bytes_max(&self) -> usize {
        Bus::bytes_max(self)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Bus::flush(self))
    }

    fn losses(&self) -> BusLosses {
        Bus::losses(self)
    }

    fn watch(&self, watches: bool) {
        Bus::watch(self, watches);
    }
}

impl Link {
    /// The link over a bus that comes when it is joined. Until then it is away. It ends with the link, or when the bus does.
    pub(crate) fn when<B: Bus, I: Incoming>(
        joined: impl Future<Output = Option<(B, I)>> + Send + 'static,
    ) -> Self {
        let (hear, heard) = mpsc::channel(HEARD_MAX);
        let shared = Arc::<Shared>::default();
        let link = Self {
            shared: Arc::clone(&shared),
            heard,
        };
        tokio::spawn(async move {
            tokio::select! {
                () = hear.closed() => {}
                () = carry(joined, shared, &hear) => {}
            }
        });
        link
    }

    /// What is heard next. Dropping the future loses nothing. `None`: the bus has ended.
    pub(super) async fn heard(&mut self) -> Option<Notice> {
        self.heard.recv().await
    }

    /// Sends a message to these nodes. Whether it was taken.
    pub(super) fn send(&self, to: To, message: Bytes) -> bool {
        if let Some(bus) = self.shared.bus.get() {
            return bus.send(to, message);
        }
        self.shared.before.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// What was lost since the link began.
    pub(super) fn losses(&self) -> BusLosses {
        let losses = self.shared.bus.get().map(|bus| bus.losses());
        let losses = losses.unwrap_or_default();
        BusLosses {
            not_sent: losses.not_sent + self.shared.before.load(Ordering::Relaxed),
            ..losses
        }
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.shared.bus.get().map_or(BYTES_MAX, |bus| bus.bytes_max())
    }

    /// Waits until what was sent so far has left this process, or cannot.
    pub(super) fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let flush = self.shared.bus.get().map(|bus| bus.flush());
        async {
            if let Some(flush) = flush {
                flush.await;
            }
        }
    }

    pub(super) fn watch(&self, watches: bool) {
        self.shared.watches.store(watches, Ordering::SeqCst);
        if let Some(bus) = self.shared.bus.get() {
            bus.watch(watches);
        }
    }
}

/// Hands on what is heard, from when the bus is there until it ends.
async fn carry<B: Bus, I: Incoming>(
    joined: impl Future<Output = Option<(B, I)>>,
    shared: Arc<Shared>,
    hear: &mpsc::Sender<Notice>,
) {
    let mut joined = std::pin::pin!(joined);
    let at_once = tokio::select! {
        biased;
        joined = &mut joined => Some(joined),
        () = std::future::ready(()) => None,
    };
    let joined = match at_once {
        Some(joined) => joined,
        None if hear.send(Notice::Away).await.is_err() => return,
        None => joined.await,
    };
    let Some((bus, mut incoming)) = joined else { return };
    let bus = shared.bus.get_or_init(|| Box::new(bus));
    bus.watch(shared.watches.load(Ordering::SeqCst));
    if hear.send(Notice::Back).await.is_err() {
        return;
    }
    while let Some(notice) = incoming.next().await {
        if hear.send(notice).await.is_err() {
            return;
        }
    }
}
