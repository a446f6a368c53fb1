//! What to run.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::server::Subject;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Everything.
    All,
    /// Memory and CPU of connections at rest, and memory behind a Nuxt app.
    Idle,
    /// CPU to open and to close a connection.
    Accept,
    /// CPU of a route update without a subscriber.
    Updates,
    /// CPU and time of a release told to every tab.
    Broadcast,
    /// Cost of one subscriber, as connections grow.
    Subscriber,
    /// Time from a lone change to the admin's socket.
    Lone,
    /// CPU and time of an invalidation of 1 % of the tabs.
    Invalidation,
    /// A prefix query among a million simulated entries, in process.
    Registry,
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    /// Tabs at most.
    pub(crate) connections: usize,
    pub(crate) headcount: PathBuf,
    /// The binary of another revision.
    pub(crate) before: Option<PathBuf>,
    /// The nginx that has nchan.
    pub(crate) nginx: PathBuf,
    pub(crate) subjects: Vec<Subject>,
    /// Which servers were wanted and cannot be measured here, and what to do about it.
    pub(crate) left_out: Vec<String>,
}

impl Plan {
    /// The binary that runs as this subject, where that is not this program.
    pub(super) fn binary(&self, subject: Subject) -> &Path {
        match (&self.before, subject) {
            (Some(before), Subject::Before) => before,
            (_, Subject::Nchan) => &self.nginx,
            _ => &self.headcount,
        }
    }

    /// Whether a part was asked for.
    pub(super) fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part) || self.parts.contains(&Part::All)
    }

    pub(super) fn wants_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.wants(*part))
    }

    /// The sizes at which a subscriber's cost is taken: a fifteenth, a third, two thirds and all of the tabs.
    pub(crate) fn stages(&self) -> [usize; 4] {
        [1, 5, 10, 15].map(|fifteenths| self.connections * fifteenths / 15)
    }
}
