//! SIGTERM and SIGINT: the first asks for a clean stop, a second one ends the process at once. SIGHUP has secrets read again,
//! and stops a process that has none to read, as when its terminal goes.
//!
//! Nothing here ends the process itself: a second signal is an error that travels to `main` like any other.

use std::future::Future;
use std::ops::ControlFlow;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::output;

/// The signals, from the moment they are installed on.
#[derive(Debug)]
pub(crate) struct Signals {
    hang_up: Signal,
    stops: Stops,
}

/// Those that ask for an end.
#[derive(Debug)]
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.interrupt.recv() => 2,
        }
    }
}

/// The number of the signal that asks a client command to stop, once one comes.
pub(crate) async fn stopped() -> Result<u8, Failure> {
    Ok(Stops::install()?.next().await)
}

impl Stops {
    fn install() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Failure::Runtime)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::Runtime)?,
        })
    }
}

impl Signals {
    /// Takes the signals over.
    pub(crate) fn install() -> Result<Self, Failure> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup()).map_err(Failure::Runtime)?,
            stops: Stops::install()?,
        })
    }

    /// Runs what `start` makes of a future that resolves at the first signal, until it ends or a second signal comes. SIGHUP calls
    /// `hung_up`, which says whether to go on.
    pub(crate) async fn until_stopped<Run>(
        mut self,
        start: impl FnOnce(oneshot::Receiver<()>) -> Run,
        mut hung_up: impl AsyncFnMut() -> ControlFlow<()>,
    ) -> Result<(), Failure>
    where
        Run: Future<Output = Result<(), Failure>>,
    {
        let (stop, stopping) = oneshot::channel();
        let mut running = std::pin::pin!(start(stopping));
        loop {
            tokio::select! {
                ended = &mut running => return ended,
                _ = self.stops.next() => break,
                _ = self.hang_up.recv() => if hung_up().await.is_break() { break },
            }
        }
        output::notice(
            "stopping: clients are asked to reconnect later; a second signal stops at once",
            &[],
        );
        // The other end is gone only where the run is ending anyway.
        let _ = stop.send(());
        tokio::select! {
            ended = &mut running => ended,
            number = self.stops.next() => Err(Failure::Signal(number)),
        }
    }
}
