//! How a server gets to the log of its cluster: at once, or as soon as the broker answers.

use std::error::Error;
use std::time::Duration;

use headcount_core::command_log::{Checkpoint, CommandLog, Entry, LogIndex};
use headcount_core::connection::NodeId;
use headcount_nats::{
    ConnectError, NatsBroker, NatsBus, NatsIncoming, NatsLog, NatsOptions, OpenError, Seal,
};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::bus::{SealedBus, SealedIncoming, sealed};
use super::log::SharedLog;
use super::options::ClusterOptions;
use crate::clock::Seldom;
use crate::keys::Purpose;
use crate::sources::with_sources;

/// How long a server that starts waits for one attempt.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until the next attempt.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a server cannot belong to its cluster.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ClusterError(Box<dyn Error + Send + Sync>);

impl ClusterError {
    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        Self(error.into())
    }
}

/// What a server has of its cluster as it starts.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) log: SharedLog,
    /// All that stands in the cluster, if the broker has answered.
    pub(crate) first: Option<(LogIndex, Entry)>,
    /// The broker, as soon as it has answered.
    pub(crate) broker: watch::Receiver<Option<NatsBroker>>,
}

/// Joins the bus as this node, as soon as the broker has answered. `None`: it never will.
pub(crate) async fn bus(
    mut broker: watch::Receiver<Option<NatsBroker>>,
    seal: Seal,
    node: NodeId,
) -> Option<(SealedBus<NatsBus>, SealedIncoming<NatsIncoming>)> {
    let there = broker.wait_for(Option::is_some).await.ok()?.clone()?;
    let joined = match NatsBus::join(&there, node).await {
        Ok(joined) => sealed(joined, seal, node).map_err(ClusterError::of),
        Err(error) => Err(ClusterError::of(error)),
    };
    joined
        .inspect_err(|error| tracing::error!(%error, "the bus of the cluster cannot be joined"))
        .ok()
}

/// What an attempt may end with.
enum Attempt {
    /// It may work later.
    Later(ClusterError),
    /// It will not, before somebody changes something.
    Never(ClusterError),
}

/// Joins the cluster. A log that is missing begins with `begin`. A broker that is away is no error: the server joins later. An error means that somebody
/// must change something first, such as a login that the broker refuses.
pub(crate) async fn join(options: &ClusterOptions, begin: Checkpoint) -> Result<Joined, ClusterError> {
    let nats = options.nats();
    let seal = options.seal(Purpose::Log);
    let (broker_is, broker) = watch::channel(None);
    match Box::pin(attempt(&nats, &seal, &begin)).await {
        Ok((connected, mut log)) => {
            broker_is.send_replace(Some(connected));
            let first = timeout(PATIENCE, log.next()).await.ok().flatten();
            let log = SharedLog::there(log);
            Ok(Joined { log, first, broker })
        }
        Err(Attempt::Never(error)) => Err(error),
        Err(Attempt::Later(error)) => {
            tracing::warn!(
                error = with_sources(&error),
                "the broker does not answer: this server starts with what it has, and commands are refused until it does"
            );
            let (found, awaited) = oneshot::channel();
            tokio::spawn(keep_trying((nats, seal), begin, found, broker_is));
            Ok(Joined {
                log: SharedLog::awaited(awaited),
                first: None,
                broker,
            })
        }
    }
}

async fn keep_trying(
    (nats, seal): (NatsOptions, Seal),
    begin: Checkpoint,
    mut found: oneshot::Sender<NatsLog>,
    broker_is: watch::Sender<Option<NatsBroker>>,
) {
    let said = Seldom::default();
    // It was said a moment ago.
    said.is_due();
    loop {
        tokio::select! {
            () = found.closed() => return,
            () = sleep(PAUSE) => {}
        }
        let error = match attempt(&nats, &seal, &begin).await {
            Ok((connected, log)) => {
                tracing::info!("the broker answers: commands are taken from now on");
                broker_is.send_replace(Some(connected));
                let _server_gone = found.send(log);
                return;
            }
            Err(Attempt::Later(error) | Attempt::Never(error)) => error,
        };
        if said.is_due() {
            tracing::warn!(
                error = with_sources(&error),
                "the cluster cannot be joined yet: commands are refused"
            );
        }
    }
}

async fn attempt(
    nats: &NatsOptions,
    seal: &Seal,
    begin: &Checkpoint,
) -> Result<(NatsBroker, NatsLog), Attempt> {
    let connecting = timeout(PATIENCE, NatsBroker::connect(nats)).await;
    let broker = match connecting {
        Ok(connected) => connected?,
        Err(late) => return Err(Attempt::Later(ClusterError::of(late))),
    };
    let log = NatsLog::open(&broker, seal.clone(), begin).await?;
    Ok((broker, log))
}

impl From<ConnectError> for Attempt {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoBroker { .. } => Self::Later(ClusterError::of(error)),
            error => Self::Never(ClusterError::of(error)),
        }
    }
}

impl From<OpenError> for Attempt {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoAnswer | OpenError::Ended(_) | OpenError::NotBegun(_) => {
                Self::Later(ClusterError::of(error))
            }
            error => Self::Never(ClusterError::of(error)),
        }
    }
}
