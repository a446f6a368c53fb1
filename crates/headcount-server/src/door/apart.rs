//! A listener beside those of the shards: the admin API's own address.
//!
//! Few connections, none of them streams of visitors, so tokio accepts them. From there on they are served as at the generic door,
//! with its deadlines and limits, but with seats apart.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use headcount_shard::Shortage;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::generic::Door;
use super::seats::Seats;
use crate::clock;
use crate::metrics::Meters;
use crate::shard::Handoff;
use crate::site::Site;

/// How long to wait where the system gives no socket.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until dropped.
pub(crate) async fn serve_apart(
    site: &Arc<Site>,
    meters: &Arc<Meters>,
    router: Router,
    listener: TcpListener,
) {
    let door = Door::new(site, Seats::apart(site), meters, router);
    // Dropped with this future: the connections end then.
    let (_stopping, stopped) = watch::channel(false);
    let (since, mut shortage) = (clock::now(), Shortage::default());
    loop {
        let accepted = listener.accept().await;
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => {
                let read = Bytes::new();
                door.serve(Handoff { stream, peer, read }, stopped.clone());
            }
            Err(error) => {
                let now_ms =
                    u64::try_from(clock::now().duration_since(since).as_millis()).unwrap_or(u64::MAX);
                shortage.note(now_ms, 0, &error, meters);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
