//! One configuration out of four sources: flags over `HEADCOUNT_*` variables over a TOML file over defaults.
//!
//! Each source is read into a list of [`given::Given`]s: a key, its text, and where it stands. They are applied to a
//! [`Draft`] from the weakest source to the strongest, each by the one [`setting::Setting`] of its key, so a value is
//! checked the same way wherever it comes from. All unknown names, bad values and contradictions are collected and
//! reported together, each with its place.
//!
//! Deliberately absent: a default file. A server should behave the same in every folder.

use std::net::SocketAddr;
use std::path::PathBuf;

use headcount_server::config::Config;

use crate::arguments::ServeArguments;
use crate::failure::Failure;
use draft::Draft;
use environment::Environment;
use given::{Given, Places};

mod draft;
pub(crate) mod environment;
mod file;
mod flags;
mod given;
pub(crate) mod limits;
mod nearest;
mod setting;

pub(crate) use setting::{address, secret_file};

/// The settings of `serve`.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen. Default `127.0.0.1:4477`.
    pub(crate) listen: SocketAddr,
    /// Where the admin API and the board listen. Default `None`: beside everything else.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Where releases, rules and the history are kept; `None` keeps nothing. Default `./headcount-data`.
    pub(crate) data_dir: Option<PathBuf>,
    /// How to log.
    pub(crate) log: LogSettings,
    /// The configuration of the server itself.
    pub(crate) server: Config,
}

/// How to log, on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A filter as `tracing` writes it: `info`, `headcount_server=debug`. Default `info`.
    pub(crate) filter: String,
    /// The format of a line. Default text.
    pub(crate) format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::default(),
        }
    }
}

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
    let mut places = Places::default();
    for one in given {
        match (one.setting.apply)(&mut draft, &one.texts) {
            Ok(()) => places.note(one),
            Err(reason) => problems.push(format!("{}: {reason}", one.place)),
        }
    }
    draft.finish(&places, problems)
}

#[cfg(test)]
mod tests;
