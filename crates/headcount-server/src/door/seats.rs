//! How many connections a door serves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::site::Site;

/// The connections of one door, and how many there may be.
pub(crate) enum Seats {
    /// Of the generic door: as many as the site has room for.
    OfSite(Arc<Site>),
    /// Of a listener beside it, so that a crowd at the generic door takes no place here.
    Apart(Arc<Site>, AtomicU32),
}

impl Seats {
    pub(super) fn of_site(site: &Arc<Site>) -> Self {
        Self::OfSite(Arc::clone(site))
    }

    pub(super) fn apart(site: &Arc<Site>) -> Self {
        Self::Apart(Arc::clone(site), AtomicU32::new(0))
    }

    fn taken(&self) -> &AtomicU32 {
        match self {
            Self::OfSite(site) => &site.http_connections,
            Self::Apart(_, taken) => taken,
        }
    }

    pub(super) fn max(&self) -> u32 {
        match self {
            Self::OfSite(site) => site.http_connections_max(),
            Self::Apart(site, _) => site.apart_connections_max(),
        }
    }

    /// Whether more than half is taken: then idle connections leave sooner.
    pub(super) fn is_crowded(&self) -> bool {
        self.taken().load(Ordering::Relaxed) > self.max() / 2
    }
}

/// A seat that is taken until this is dropped.
pub(super) struct Turn(Arc<Seats>);

impl Turn {
    /// `None` where all are taken.
    pub(super) fn take(seats: &Arc<Seats>) -> Option<Self> {
        let turn = Self(Arc::clone(seats));
        let before = seats.taken().fetch_add(1, Ordering::Relaxed);
        (before < seats.max()).then_some(turn)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.0.is_crowded()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken().fetch_sub(1, Ordering::Relaxed);
    }
}
