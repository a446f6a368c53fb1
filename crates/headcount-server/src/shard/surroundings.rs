//! What the shards of this server are given, and what it says when they ask.

use std::net::SocketAddr;
use std::sync::Arc;

use headcount_core::invalidation::Standing;
use headcount_shard::{
    Asking, AuthorizeJob, Credentials, Decision, Judgement, Mark, Meters, Outlets, Shards, Surroundings,
    Terms,
};

use super::judge::Judge;
use crate::authorize::AuthorizeRequest;
use crate::clock;
use crate::error::FULL_ANSWER;
use crate::site::Site;

/// Starts the shards of a site.
///
/// # Errors
///
/// The system refuses a thread, or a queue of its readiness.
pub(crate) fn start(
    site: &Arc<Site>,
    standing: &Arc<Standing>,
    outlets: &Outlets,
) -> std::io::Result<Shards> {
    headcount_shard::start(terms(site), standing, outlets)
}

fn terms(site: &Arc<Site>) -> Terms {
    let config = &site.config;
    Terms {
        shards: config.shards_count(),
        limits: config.limits.clone(),
        route_tracking: config.route_tracking,
        cipher: site.cipher.clone(),
        is_joined: site.is_joined,
        asking: Asking {
            is_open: config.connection_tracking,
            without_credentials: site.reads.needs_nothing || site.reads.changing,
            same_browser: site.compares_browsers(),
        },
        census: Arc::clone(&site.census),
        spare: Arc::clone(&site.spare),
        full_answer: FULL_ANSWER,
        server: Arc::clone(site) as Arc<dyn Surroundings>,
    }
}

/// What the authorizers are asked, now.
pub(crate) fn question(job: &AuthorizeJob, site: &Site) -> AuthorizeRequest {
    AuthorizeRequest {
        credentials: Arc::clone(&job.credentials),
        connection_id: site.cipher.id(job.key).to_string(),
        ip: job.ip,
        now_ms: clock::unix_ms(),
    }
}

impl Surroundings for Site {
    fn unix_ms(&self) -> u64 {
        clock::unix_ms()
    }

    fn steady_ms(&self) -> u64 {
        clock::steady_ms()
    }

    fn judge(&self, read: &[u8], peer: SocketAddr, meters: &Meters) -> Judgement {
        Judge { site: self, meters }.decide(read, peer)
    }

    fn decide(&self, job: &AuthorizeJob) -> Option<Decision> {
        self.authorizers.at_once(&question(job, self))
    }

    fn mark(&self, shown: &Credentials) -> Mark {
        Self::mark(self, shown)
    }

    fn guests_max(&self) -> usize {
        self.room.guests(self.census.open()) as usize
    }

    fn note_late_subscription(&self) {
        if self.late_subscriptions.is_due() {
            tracing::info!(
                "a client asked for stats by message later than `limits.handshake_credentials_ms` after it connected; it is \
                 told to reconnect with its current cookies. Clients that subscribe by POST need not reconnect"
            );
        }
    }

    fn on_route(&self, route: &str) {
        self.faults.on_route(route);
    }

    fn on_turn(&self, part: &str) {
        self.faults.strike(part);
    }

    fn run(&self, part: &str, run: Box<dyn FnOnce() -> std::io::Result<()> + Send>) {
        self.vitals.run(part, run);
    }
}
