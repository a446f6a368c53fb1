//! SIGTERM and SIGINT: the first asks for a clean stop, a second one ends the process at once.
//!
//! Nothing here ends the process itself: a second signal is an error that travels to `main` like any other.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::output;

/// Both signals, from the moment they are installed on.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes both signals over.
    pub(crate) fn install() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Failure::Runtime)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::Runtime)?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.interrupt.recv() => 2,
        }
    }

    /// Runs what `start` makes of a future that resolves at the first signal, until it ends or a second signal comes.
    pub(crate) async fn until_stopped<Run>(
        mut self,
        start: impl FnOnce(oneshot::Receiver<()>) -> Run,
    ) -> Result<(), Failure>
    where
        Run: Future<Output = Result<(), Failure>>,
    {
        let (stop, stopping) = oneshot::channel();
        let mut running = std::pin::pin!(start(stopping));
        tokio::select! {
            ended = &mut running => return ended,
            _ = self.next() => output::talk("stopping: streams are asked to come back later; a second signal stops at once"),
        }
        // The other end is gone only where the run is ending anyway.
        let _ = stop.send(());
        tokio::select! {
            ended = &mut running => ended,
            number = self.next() => Err(Failure::Signal(number)),
        }
    }
}
