//! The bus, on core NATS.
//!
//! Messages go to the subjects of all nodes, of those that watch, or of one node. The broker does not send a node its own messages
//! back. Two queues lie between the callers and the broker, one for each direction; what does not fit is dropped and counted. While the
//! broker is not reached, nothing is taken: the client of NATS would keep it and send it late. Messages of one node to the same subject keep their
//! order; those to different subjects may overtake each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use headcount_core::cluster::{Bus, BusIgnored, BusLosses, Incoming, Notice, To};
use headcount_core::connection::NodeId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::broker::{Link, NatsBroker};
use crate::subjects::Subjects;

/// Messages that wait in each direction.
const MESSAGES_MAX: usize = 1_024;
/// How long a message may wait for the client of NATS. It takes it at once, unless the broker has just gone.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long messages may take to leave at the end.
const FLUSH: Duration = Duration::from_secs(1);

/// The sending end. Cheap to clone; the bus ends with the last clone.
#[derive(Clone, Debug)]
pub struct NatsBus {
    client: Client,
    subjects: Subjects,
    link: watch::Receiver<Link>,
    outgoing: mpsc::Sender<Outgoing>,
    watching: Arc<watch::Sender<bool>>,
    counts: Arc<Counts>,
    /// What the client of NATS dropped, also of the log.
    slow_consumer: Arc<AtomicU64>,
}

/// What waits for the broker.
#[derive(Debug)]
enum Outgoing {
    /// A message to this subject.
    Message(String, Bytes),
    /// Say when everything before this has left the process.
    Flush(oneshot::Sender<()>),
}

/// The receiving end.
#[derive(Debug)]
pub struct NatsIncoming {
    heard: mpsc::Receiver<Bytes>,
    link: watch::Receiver<Link>,
    /// What was said of the link.
    told: Link,
}

#[derive(Debug, Default)]
struct Counts {
    not_sent: AtomicU64,
    not_heard: AtomicU64,
}

impl NatsBus {
    /// Joins the bus as this node. An error means that the connection to the broker has ended.
    pub async fn join(
        broker: &NatsBroker,
        node: NodeId,
    ) -> Result<(Self, NatsIncoming), async_nats::SubscribeError> {
        let NatsBroker {
            client,
            subjects,
            link,
            slow_consumer,
            ..
        } = broker;
        let all = client.subscribe(subjects.all()).await?;
        let own = client.subscribe(subjects.node(node)).await?;
        let (outgoing, to_send) = mpsc::channel(MESSAGES_MAX);
        let (hear, heard) = mpsc::channel(MESSAGES_MAX);
        let (watching, watches) = watch::channel(false);
        let counts = Arc::<Counts>::default();
        let courier = Courier {
            client: client.clone(),
            watchers: subjects.watchers(),
            link: link.clone(),
            to_send,
            watches,
            hear,
            counts: Arc::clone(&counts),
        };
        tokio::spawn(courier.run(all, own));
        let bus = Self {
            client: client.clone(),
            subjects: subjects.clone(),
            link: link.clone(),
            outgoing,
            watching: Arc::new(watching),
            counts,
            slow_consumer: Arc::clone(slow_consumer),
        };
        let told = *link.borrow();
        let incoming = NatsIncoming {
            heard,
            link: link.clone(),
            told: Link { up: true, ..told },
        };
        Ok((bus, incoming))
    }
}

impl Bus for NatsBus {
    fn send(&self, to: To, message: Bytes) -> bool {
        let subject = match to {
            To::All => self.subjects.all(),
            To::Watchers => self.subjects.watchers(),
            To::Node(node) => self.subjects.node(node),
        };
        let taken = self.link.borrow().up
            && message.len() <= self.bytes_max()
            && self
                .outgoing
                .try_send(Outgoing::Message(subject, message))
                .is_ok();
        self.counts
            .not_sent
            .fetch_add(u64::from(!taken), Ordering::Relaxed);
        taken
    }

    fn bytes_max(&self) -> usize {
        self.client.max_payload()
    }

    fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let outgoing = self.outgoing.clone();
        let (say, flushed) = oneshot::channel();
        let flush = async move {
            if outgoing.send(Outgoing::Flush(say)).await.is_ok() {
                let _ended = flushed.await;
            }
        };
        async {
            // A broker that is away is not waited for.
            let _too_late = tokio::time::timeout(FLUSH, flush).await;
        }
    }

    fn losses(&self) -> BusLosses {
        BusLosses {
            not_sent: self.counts.not_sent.load(Ordering::Relaxed),
            not_heard: self.counts.not_heard.load(Ordering::Relaxed),
            slow_consumer: self.slow_consumer.load(Ordering::Relaxed),
            ignored: BusIgnored::default(),
        }
    }

    fn watch(&self, watches: bool) {
        self.watching.send_if_modified(|watching| {
            let differs = *watching != watches;
            *watching = watches;
            differs
        });
    }
}

impl Incoming for NatsIncoming {
    async fn next(&mut self) -> Option<Notice> {
        loop {
            let link = *self.link.borrow_and_update();
            if let Some(notice) = self.news(link) {
                return Some(notice);
            }
            tokio::select! {
                changed = self.link.changed() => changed.ok()?,
                message = self.heard.recv() => return message.map(Notice::Message),
            }
        }
    }
}

impl NatsIncoming {
    /// What is to be said of the link. One that went and came back unseen went all the same.
    fn news(&mut self, link: Link) -> Option<Notice> {
        if self.told.up && (!link.up || link.times != self.told.times) {
            self.told.up = false;
            return Some(Notice::Away);
        }
        (!self.told.up && link.up).then(|| {
            self.told = link;
            Notice::Back
        })
    }
}

/// Carries messages between the queues and the broker, until the last sending end is gone.
struct Courier {
    client: Client,
    watchers: String,
    link: watch::Receiver<Link>,
    to_send: mpsc::Receiver<Outgoing>,
    watches: watch::Receiver<bool>,
    hear: mpsc::Sender<Bytes>,
    counts: Arc<Counts>,
}

impl Courier {
    async fn run(mut self, mut all: Subscriber, mut own: Subscriber) {
        let mut watched = None;
        loop {
            tokio::select! {
                Some(message) = all.next() => self.on_message(message),
                Some(message) = own.next() => self.on_message(message),
                Some(message) = next_of(&mut watched) => self.on_message(message),
                message = self.to_send.recv() => match message {
                    Some(Outgoing::Message(subject, message)) => self.send(subject, message).await,
                    Some(Outgoing::Flush(say)) => self.flush(say).await,
                    None => return,
                },
                changed = self.watches.changed() => match changed {
                    Ok(()) => watched = self.watch(watched).await,
                    Err(_) => return,
                },
            }
        }
    }

    fn on_message(&self, message: async_nats::Message) {
        if self.hear.try_send(message.payload).is_err() {
            self.counts.not_heard.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn send(&self, subject: String, message: Bytes) {
        let sending = async {
            self.link.borrow().up
                && matches!(
                    tokio::time::timeout(PATIENCE, self.client.publish(subject, message)).await,
                    Ok(Ok(()))
                )
        };
        if !sending.await {
            self.counts.not_sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn flush(&self, say: oneshot::Sender<()>) {
        if let Err(error) = self.client.flush().await {
            tracing::debug!(%error, "the last messages may not have left");
        }
        let _nobody_waits = say.send(());
    }

    /// Subscribes to what is for those that watch, or no longer.
    async fn watch(&mut self, watched: Option<Subscriber>) -> Option<Subscriber> {
        let watches = *self.watches.borrow_and_update();
        match watched {
            Some(mut watched) if !watches => {
                if let Err(error) = watched.unsubscribe().await {
                    tracing::debug!(%error, "a subscription was gone before it was ended");
                }
                None
            }
            None if watches => match self.client.subscribe(self.watchers.clone()).await {
                Ok(watched) => Some(watched),
                Err(error) => {
                    tracing::warn!(%error, "the bus cannot be watched");
                    None
                }
            },
            as_it_is => as_it_is,
        }
    }
}

async fn next_of(watched: &mut Option<Subscriber>) -> Option<async_nats::Message> {
    match watched {
        Some(watched) => watched.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_went_and_came_back_unseen_was_away() {
        let (_hear, heard) = mpsc::channel(1);
        let (_link, link) = watch::channel(Link::default());
        let mut incoming = NatsIncoming {
            heard,
            link,
            told: Link {
                up: true,
                times: 1,
                ..Link::default()
            },
        };
        let mut all = |link| -> Vec<Notice> { std::iter::from_fn(|| incoming.news(link)).collect() };
        assert_eq!(
            all(Link {
                up: true,
                times: 1,
                ..Link::default()
            }),
            []
        );
        assert_eq!(
            all(Link {
                up: true,
                times: 2,
                ..Link::default()
            }),
            [Notice::Away, Notice::Back]
        );
        assert_eq!(
            all(Link {
                up: false,
                times: 2,
                ..Link::default()
            }),
            [Notice::Away]
        );
        assert_eq!(
            all(Link {
                up: false,
                times: 3,
                ..Link::default()
            }),
            []
        );
        assert_eq!(
            all(Link {
                up: true,
                times: 4,
                ..Link::default()
            }),
            [Notice::Back]
        );
    }
}
