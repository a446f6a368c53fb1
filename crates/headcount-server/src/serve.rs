//! Serving on a listener, and ending the kind way.

use std::net::TcpListener;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use crate::door::{self, Acceptor};
use crate::error::ServeError;
use crate::headcount::Headcount;
use crate::shard::Command;

/// How often a drain is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

impl Headcount {
    /// Serves on `listener` until `shutdown` resolves, then drains: `/readyz` says false, clients are told when to return,
    /// and streams are closed in slices within `limits.drain_ms`. `site` answers everything that is not ours.
    ///
    /// A server is served once; a second call fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        site: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let limits = &self.0.site.config.limits;
        let taken = self
            .0
            .handoffs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut handoffs = taken.ok_or(ServeError::AlreadyServed)?;
        door::tune_listener(&listener, limits).map_err(ServeError::Listener)?;
        let acceptor = Acceptor::start(listener, self.0.shards.clone()).map_err(ServeError::Listener)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = async {
            let stopped = async {
                let _stopped = stopped.await;
            };
            let drain = Duration::from_millis(limits.drain_ms.into());
            let router = self.router().fallback_service(site);
            door::serve_handoffs(&self.0.site, router, &mut handoffs, stopped, drain).await;
        };
        let ended = async {
            shutdown.await;
            self.0.site.ready.store(false, Ordering::Release);
            acceptor.stop();
            self.drain().await;
            let _ended = stop.send(());
        };
        tokio::join!(served, ended);
        Ok(())
    }

    /// Ends all connections the kind way, as [`Headcount::serve`] does at its end. For apps that serve by themselves.
    pub async fn shutdown(&self) {
        self.0.site.ready.store(false, Ordering::Release);
        self.drain().await;
    }

    /// Has the shards drain, and waits until they have or the window is over.
    async fn drain(&self) {
        for shard in self.0.shards.iter() {
            shard.force(Command::Drain);
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
        for shard in self.0.shards.iter() {
            shard.force(Command::Stop);
        }
    }
}
