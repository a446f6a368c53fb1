//! The measurements, in the order in which they run.
//!
//! Each server is measured on each transport, from a fresh process: once as it rests and works unwatched
//! ([`resting`]), once with an admin watching ([`watched`]); the floor and nchan, which count nothing, only the first. A third process says what
//! a tab takes behind a Nuxt app ([`nuxt`]). Everything is bounded; a step that runs out of time leaves a
//! note beside the table.

mod nuxt;
mod plan;
mod registry;
mod resting;
pub(crate) mod results;
mod stand;
mod watched;

use crate::client::command::{Setup, Transport};
use crate::failure::Failure;
use crate::progress::say;
pub(crate) use plan::{Part, Plan};
use results::Results;
use stand::Stand;

/// Runs the plan. What one server on one transport cannot do is noted; the rest is measured all the same.
pub(crate) fn run(plan: &Plan) -> Results {
    let mut results = Results::default();
    results.notes.clone_from(&plan.left_out);
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
                let measured = Stand::start(plan, &mut results, subject, transport, subject.setup())
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
