//! The measurements, in the order in which they run.
//!
//! Each server is measured on each transport, from a fresh process: once as it rests and works unwatched
//! ([`resting`]), once with an admin watching ([`watched`]); the floor, which counts nothing, only the first. A third process says what
//! a tab takes behind a Nuxt app ([`nuxt`]). Everything is bounded; a step that runs out of time leaves a
//! note beside the table.

mod nuxt;
mod registry;
mod resting;
pub(crate) mod results;
mod stand;
mod watched;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::client::command::{Setup, Transport};
use crate::failure::Failure;
use crate::progress::say;
use crate::server::Subject;
use results::Results;
use stand::Stand;

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
    pub(crate) subjects: Vec<Subject>,
}

impl Plan {
    /// The headcount binary that runs as this subject.
    fn binary(&self, subject: Subject) -> &Path {
        match (&self.before, subject) {
            (Some(before), Subject::Before) => before,
            _ => &self.headcount,
        }
    }

    /// Whether a part was asked for.
    fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part) || self.parts.contains(&Part::All)
    }

    fn wants_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.wants(*part))
    }

    /// The sizes at which a subscriber's cost is taken: a fifteenth, a third, two thirds and all of the tabs.
    pub(crate) fn stages(&self) -> [usize; 4] {
        [1, 5, 10, 15].map(|fifteenths| self.connections * fifteenths / 15)
    }
}

/// Runs the plan. What one server on one transport cannot do is noted; the rest is measured all the same.
pub(crate) fn run(plan: &Plan) -> Results {
    let mut results = Results::default();
    if plan.wants(Part::Registry) {
        say("prefix query among a million entries");
        let measured = registry::measure(&mut results);
        note(&mut results, "the registry", measured);
    }
    for transport in Transport::ALL {
        for &subject in &plan.subjects {
            let who = format!("{} over {transport}", subject.name());
            if plan.wants_any(&[Part::Idle, Part::Accept, Part::Updates, Part::Broadcast]) {
                say(&format!("{who}, nobody watching"));
                let measured = Stand::start(plan, &mut results, subject, transport, Setup::Plain)
                    .and_then(resting::measure);
                note(&mut results, &who, measured);
            }
            if subject.counts() && plan.wants(Part::Idle) {
                say(&format!("{who}, as behind a Nuxt app"));
                let measured =
                    Stand::start(plan, &mut results, subject, transport, Setup::Nuxt).and_then(nuxt::measure);
                note(&mut results, &who, measured);
            }
            if subject.counts() && plan.wants_any(&[Part::Subscriber, Part::Lone, Part::Invalidation]) {
                say(&format!("{who}, one admin watching"));
                let measured = Stand::start(plan, &mut results, subject, transport, Setup::Plain)
                    .and_then(watched::measure);
                note(&mut results, &who, measured);
            }
        }
    }
    results
}

fn note(results: &mut Results, who: &str, measured: Result<(), Failure>) {
    if let Err(failure) = measured {
        let why =
            std::error::Error::source(&failure).map_or_else(String::new, |source| format!(": {source}"));
        let note = format!("{who}: stopped early: {failure}{why}");
        say(&format!("  {note}"));
        results.notes.push(note);
    }
}
