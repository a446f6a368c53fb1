//! One configuration out of four sources: flags over `HEADCOUNT_*` variables over a TOML file over defaults.
//!
//! Each source is read into a list of [`given::Given`]s: a key, its text, and where it stands. They are applied to a
//! [`Draft`] from the weakest source to the strongest, each by the one [`setting::Setting`] of its key, so a value is
//! checked the same way wherever it comes from. All unknown names, bad values and contradictions are collected and
//! reported together, each with its place.
//!
//! Deliberately absent: a default file. A server should behave the same in every folder.

use crate::arguments::ServeArguments;
use crate::failure::Failure;
use draft::Draft;
use environment::Environment;
use given::Given;
use location::Locations;

mod cluster;
mod draft;
pub(crate) mod environment;
mod file;
mod flags;
mod given;
pub(crate) mod limits;
mod location;
mod nearest;
mod setting;
mod settings;
mod table;
mod values;

pub(crate) use settings::{LogFormat, LogSettings, Settings};
pub(crate) use values::{address, secret_file};

/// Reads every source and puts them together. Errors with every problem found.
pub(crate) fn load(arguments: &ServeArguments, environment: &Environment) -> Result<Settings, Failure> {
    let mut problems = Vec::new();
    let mut given = Vec::new();
    if let Some(path) = arguments.config.clone().or_else(|| environment.config_file()) {
        given.extend(file::read(&path, &mut problems));
    }
    given.extend(environment.given(&mut problems));
    given.extend(flags::given(arguments, &mut problems));
    let settings = put_together(&given, &mut problems);
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(Failure::Config(problems)),
    }
}

/// The settings of a file with this text and every problem in it, without those that look up a name or read another file.
#[cfg(test)]
pub(crate) fn from_text(text: &str) -> (Option<Settings>, Vec<String>) {
    let mut problems = Vec::new();
    let mut given = file::parse(std::path::Path::new("headcount.toml"), text, &mut problems);
    given.retain(|one| !one.setting.key.ends_with("listen") && !one.setting.key.contains("_file"));
    let settings = put_together(&given, &mut problems);
    (settings, problems)
}

/// Applies what was given, weakest first, and checks the whole. `None` where it cannot even be put together.
fn put_together(given: &[Given], problems: &mut Vec<String>) -> Option<Settings> {
    let mut draft = Draft::default();
    let mut places = Locations::default();
    for one in given {
        match (one.setting.apply)(&mut draft, &one.texts) {
            Ok(()) => places.note(one.setting.key, &one.place),
            Err(reason) => problems.push(format!("{}: {reason}", one.place)),
        }
    }
    draft.finish(&places, problems)
}

#[cfg(test)]
mod tests;
