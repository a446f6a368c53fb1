//! A cluster of six servers on this machine, beside one server alone.
//!
//! Six processes share one nats-server. Tabs are real WebSockets of six loaders, each with tabs at all servers. The server alone has as
//! many tabs as each of the six, so what a cluster adds to a server is the ratio of the two columns. Everything shares the cores of one
//! machine: where all six work at once, they wait for each other, which six machines would not.
//!
//! - `site`: servers, broker and loaders. `broker`, `plan`, `figures`: what their names say.
//! - `rest`, `clicks`, `refresh`: what is measured at each site. `loss`, with `deviation`: what servers that come and go do to the counts.
//! - `simulated`, with `speaker`: what larger clusters would carry.

mod broker;
mod clicks;
mod deviation;
mod figures;
mod loss;
mod plan;
mod refresh;
mod rest;
mod simulated;
mod site;
mod speaker;

use std::error::Error as _;

use crate::failure::Failure;
use crate::machine;
use crate::progress::{print, say};
use figures::{Figures, Table};
use loss::Losses;
pub(crate) use plan::Plan;
use plan::{NODES, Part};
use site::Site;

/// What is measured at a site that stays as it is.
const STEADY: [Part; 3] = [Part::Rest, Part::Clicks, Part::Refresh];

/// Runs the plan and prints the tables. What cannot be measured is noted; the rest is measured all the same.
pub(crate) fn run(plan: &Plan) -> std::io::Result<()> {
    let machine = machine::describe();
    let mut notes: Vec<String> = machine::noise().into_iter().collect();
    let mut tables = Vec::new();
    if plan.wants(&STEADY) || plan.wants(&[Part::Loss, Part::Rolling]) {
        let measured = real(plan, &mut notes).into_iter();
        tables.extend(measured.filter(|table| !table.is_empty()));
    }
    if plan.wants(&[Part::Simulated]) {
        keep(
            simulated::measure(plan).map(|table| tables.push(table)),
            "simulated",
            &mut notes,
        );
    }
    if let Some(file) = &plan.json {
        let report = serde_json::json!({"machine": machine, "tables": tables, "notes": notes});
        std::fs::write(file, format!("{report:#}\n"))?;
    }
    print(&format!("{machine}\n"))?;
    for table in &tables {
        print(&table.markdown())?;
    }
    for note in notes {
        print(&format!("- {note}"))?;
    }
    Ok(())
}

/// The tables of what was measured with real servers.
fn real(plan: &Plan, notes: &mut Vec<String>) -> Vec<Table> {
    let [mut alone, mut three, mut six] = [(); 3].map(|()| Figures::default());
    let mut losses = Losses::default();
    if plan.wants(&STEADY) {
        say(&format!("one server alone, {} tabs", plan.each()));
        let measured = Site::alone(plan).and_then(|mut site| {
            let measured = steady(&mut site, plan, &mut alone);
            notes.append(&mut site.notes);
            measured
        });
        keep(measured, "one server alone", notes);
    }
    if plan.wants(&[Part::Rest]) {
        say("three servers");
        let measured = Site::cluster(plan, 3).and_then(|site| rest::empty(&site, plan, &mut three));
        keep(measured, "three servers", notes);
    }
    say(&format!("{NODES} servers, {} tabs each", plan.each()));
    let measured = Site::cluster(plan, NODES).and_then(|mut site| {
        let measured =
            steady(&mut site, plan, &mut six).and_then(|()| coming_and_going(&mut site, plan, &mut losses));
        notes.append(&mut site.notes);
        measured
    });
    keep(measured, "six servers", notes);
    let title = format!("{} tabs a server", crate::figure::count(plan.each()));
    vec![
        Table::new(
            &title,
            &[("alone", alone), ("3 servers", three), ("6 servers", six)],
        ),
        Table::new(
            "Servers that come and go",
            &[("beside", losses.beside), ("6 servers", losses.measured)],
        ),
    ]
}

fn steady(site: &mut Site, plan: &Plan, figures: &mut Figures) -> Result<(), Failure> {
    if plan.wants(&[Part::Rest]) {
        rest::measure(site, plan, figures)?;
    }
    site.open_up_to(plan.each())?;
    if plan.wants(&[Part::Clicks]) {
        clicks::measure(site, plan, figures)?;
    }
    if plan.wants(&[Part::Refresh]) {
        refresh::measure(site, figures)?;
    }
    Ok(())
}

fn coming_and_going(site: &mut Site, plan: &Plan, losses: &mut Losses) -> Result<(), Failure> {
    if plan.wants(&[Part::Loss]) {
        loss::kill(site, losses)?;
    }
    if plan.wants(&[Part::Rolling]) {
        site.close()?;
        site.open_up_to(plan.each_of_rolling())?;
        loss::roll(site, losses)?;
    }
    Ok(())
}

/// Notes what ended early.
fn keep(measured: Result<(), Failure>, who: &str, notes: &mut Vec<String>) {
    if let Err(failure) = measured {
        let why = failure
            .source()
            .map_or_else(String::new, |source| format!(": {source}"));
        let note = format!("{who}: stopped early: {failure}{why}");
        say(&format!("  {note}"));
        notes.push(note);
    }
}
