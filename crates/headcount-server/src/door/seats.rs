//! How many connections a door serves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::site::Site;

/// Further seats, reserved for health checks, scrapes and the admin API: streams of visitors over HTTP/2 keep their
/// seats as long as they last, and operators need answers during that time.
const KEPT: u32 = 16;

/// The connections of one door, and how many there may be.
pub(crate) enum Seats {
    /// Of the generic door: as many as the site has room for.
    OfSite(Arc<Site>, AtomicU32),
    /// Of a listener beside it, so that a crowd at the generic door takes no place here.
    Apart(Arc<Site>, AtomicU32),
}

impl Seats {
    pub(super) fn of_site(site: &Arc<Site>) -> Self {
        Self::OfSite(Arc::clone(site), AtomicU32::new(0))
    }

    pub(super) fn apart(site: &Arc<Site>) -> Self {
        Self::Apart(Arc::clone(site), AtomicU32::new(0))
    }

    fn taken(&self) -> &AtomicU32 {
        match self {
            Self::OfSite(site, _) => &site.http_connections,
            Self::Apart(_, taken) => taken,
        }
    }

    pub(super) fn max(&self) -> u32 {
        match self {
            Self::OfSite(site, _) => site.http_connections_max(),
            Self::Apart(site, _) => site.apart_connections_max(),
        }
    }

    /// Whether more than half is taken: then idle connections leave sooner.
    pub(super) fn is_crowded(&self) -> bool {
        self.taken().load(Ordering::Relaxed) > self.max() / 2
    }
}

/// A seat that is taken until this is dropped.
pub(super) struct Turn {
    seats: Arc<Seats>,
    is_kept: bool,
}

impl Turn {
    /// `None` where all are taken. `may_be_kept`: the seats that are kept for operators serve too.
    pub(super) fn take(seats: &Arc<Seats>, may_be_kept: bool) -> Option<Self> {
        let turn = |is_kept| Self {
            seats: Arc::clone(seats),
            is_kept,
        };
        if let Seats::OfSite(_, kept) = &**seats
            && may_be_kept
            && seats.taken().load(Ordering::Relaxed) >= seats.max()
        {
            let turn = turn(true);
            return (kept.fetch_add(1, Ordering::Relaxed) < KEPT).then_some(turn);
        }
        let turn = turn(false);
        let before = seats.taken().fetch_add(1, Ordering::Relaxed);
        (before < seats.max()).then_some(turn)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.is_kept || self.seats.is_crowded()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let taken = match &*self.seats {
            Seats::OfSite(_, kept) if self.is_kept => kept,
            seats => seats.taken(),
        };
        taken.fetch_sub(1, Ordering::Relaxed);
    }
}
