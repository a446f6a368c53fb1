//! The bus, sealed.
//!
//! Every message is sealed as it leaves and opened as it comes, with a header: `start of the sender (8 bytes) ‖ whom it is for (1) ‖ node (4)`. The
//! start is drawn at random by each process. By it a node tells its own messages, which a broker may bring back late to another of its
//! connections, from those of another node with the same id. Whom a message is for is told so that one to another node, recorded and sent again to
//! this one, means nothing here.
//!
//! What cannot be opened is ignored and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use headcount_core::cluster::{Bus, BusIgnored, BusLosses, Incoming, Notice, To};
use headcount_core::connection::NodeId;
use headcount_nats::{NotOpened, SEALED_BYTES, Seal};

use crate::clock::Seldom;

/// Bytes of the header.
const HEADER_BYTES: usize = 13;

/// Bytes of a message on the bus that are not of the message.
const OVERHEAD_BYTES: usize = SEALED_BYTES + HEADER_BYTES;

#[derive(Debug, Default)]
struct Counts {
    sealed_otherwise: AtomicU64,
    not_sealed: AtomicU64,
    echoes: AtomicU64,
    misdirected: AtomicU64,
}

impl Counts {
    fn read(&self) -> BusIgnored {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        BusIgnored {
            sealed_otherwise: read(&self.sealed_otherwise),
            not_sealed: read(&self.not_sealed),
            echoes: read(&self.echoes),
            misdirected: read(&self.misdirected),
        }
    }
}

/// What both ends of a bus have.
#[derive(Debug)]
struct Ends {
    seal: Seal,
    here: NodeId,
    /// Drawn by this process.
    start: [u8; 8],
    counts: Counts,
}

/// The sending end.
#[derive(Clone, Debug)]
pub(crate) struct SealedBus<B> {
    bus: B,
    ends: Arc<Ends>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct SealedIncoming<I> {
    incoming: I,
    ends: Arc<Ends>,
    said: Seldom,
}

/// Seals what this node says on a bus, and opens what it hears.
pub(crate) fn sealed<B: Bus, I: Incoming>(
    (bus, incoming): (B, I),
    seal: Seal,
    here: NodeId,
) -> Result<(SealedBus<B>, SealedIncoming<I>), getrandom::Error> {
    let mut start = [0; 8];
    getrandom::fill(&mut start)?;
    let ends = Arc::new(Ends {
        seal,
        here,
        start,
        counts: Counts::default(),
    });
    let bus = SealedBus {
        bus,
        ends: Arc::clone(&ends),
    };
    let said = Seldom::default();
    Ok((bus, SealedIncoming { incoming, ends, said }))
}

/// Why a message means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ignored {
    SealedOtherwise,
    NotSealed,
    Echo,
    Misdirected,
}

impl Ends {
    fn open(&self, sealed: &[u8]) -> Result<Bytes, Ignored> {
        let text = self
            .seal
            .open(b"", sealed)
            .map_err(|not_opened| match not_opened {
                NotOpened::Revision => Ignored::NotSealed,
                NotOpened::Otherwise => Ignored::SealedOtherwise,
            })?;
        let Some((header, _)) = text.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Ignored::NotSealed);
        };
        let (start, to) = header.split_at(self.start.len());
        if start == self.start {
            return Err(Ignored::Echo);
        }
        let for_here = [To::All, To::Watchers, To::Node(self.here)];
        if for_here.into_iter().all(|here| to != written(here)) {
            return Err(Ignored::Misdirected);
        }
        Ok(Bytes::from(text).slice(HEADER_BYTES..))
    }

    fn count(&self, ignored: Ignored) {
        let counts = &self.counts;
        let count = match ignored {
            Ignored::SealedOtherwise => &counts.sealed_otherwise,
            Ignored::NotSealed => &counts.not_sealed,
            Ignored::Echo => &counts.echoes,
            Ignored::Misdirected => &counts.misdirected,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whom a message is for, as it is written.
fn written(to: To) -> [u8; 5] {
    let (kind, node) = match to {
        To::All => (0, 0),
        To::Watchers => (1, 0),
        To::Node(NodeId(node)) => (2, node),
    };
    let [a, b, c, d] = node.to_be_bytes();
    [kind, a, b, c, d]
}

impl<B: Bus> Bus for SealedBus<B> {
    fn send(&self, to: To, message: Bytes) -> bool {
        let Ends { seal, start, .. } = &*self.ends;
        match seal.seal(b"", &[start, &written(to), &message]) {
            Ok(sealed) => self.bus.send(to, sealed.into()),
            Err(error) => {
                tracing::warn!(%error, "a message to other nodes cannot be sealed");
                false
            }
        }
    }

    fn bytes_max(&self) -> usize {
        self.bus.bytes_max().saturating_sub(OVERHEAD_BYTES)
    }

    fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        self.bus.flush()
    }

    fn losses(&self) -> BusLosses {
        BusLosses {
            ignored: self.ends.counts.read(),
            ..self.bus.losses()
        }
    }

    fn watch(&self, watches: bool) {
        self.bus.watch(watches);
    }
}

impl<I: Incoming> Incoming for SealedIncoming<I> {
    async fn next(&mut self) -> Option<Notice> {
        loop {
            let sealed = match self.incoming.next().await? {
                Notice::Message(sealed) => sealed,
                notice => return Some(notice),
            };
            match self.ends.open(&sealed) {
                Ok(message) => return Some(Notice::Message(message)),
                Err(ignored) => self.ignore(ignored),
            }
        }
    }
}

impl<I> SealedIncoming<I> {
    fn ignore(&self, ignored: Ignored) {
        self.ends.count(ignored);
        if ignored == Ignored::SealedOtherwise && self.said.is_due() {
            tracing::warn!(
                "a node with another cluster secret speaks in this cluster: give all nodes the same, or give the other cluster another name"
            );
        }
    }
}
