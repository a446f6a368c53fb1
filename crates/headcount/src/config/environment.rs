//! The environment, read once.
//!
//! The variables of a server are those of the settings, plus the few below. Any other variable that begins with
//! `HEADCOUNT_` is reported as a typing error: a limit that silently stays at its default is worse than a server that
//! does not start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::given::Given;
use super::location::Location;
use super::nearest::nearest_or_longer;
use super::setting::{Form, Setting};
use super::table;

const PREFIX: &str = "HEADCOUNT_";
/// Names the configuration file.
const CONFIG: &str = "HEADCOUNT_CONFIG";
/// Where the client commands look for a server.
const URL: &str = "HEADCOUNT_URL";

/// What is said of an unknown name where none is near.
pub(super) const SETTINGS_LISTED: &str = "`headcount serve --help` lists the settings";

/// Orders faults, for tests.
#[cfg(debug_assertions)]
const FAULTS: &str = "HEADCOUNT_FAULTS";

/// The variables of a process, as a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    pub(crate) fn of_the_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// Of these variables, the ones that concern us.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(ours.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    /// Where the client commands look for a server, if it says.
    pub(crate) fn url(&self) -> Option<&str> {
        self.text(URL)
    }

    /// The path of the admin API, if it says.
    pub(crate) fn admin_path(&self) -> Option<&str> {
        self.text("HEADCOUNT_ADMIN_PATH")
    }

    /// The admin secret, if it says.
    pub(crate) fn admin_secret(&self) -> Option<&str> {
        self.text("HEADCOUNT_ADMIN_SECRET")
    }

    /// A file that holds the admin secret, if it says.
    pub(crate) fn admin_secret_file(&self) -> Option<&str> {
        self.text("HEADCOUNT_ADMIN_SECRET_FILE")
    }

    /// The log filter, if it says.
    pub(crate) fn log(&self) -> Option<&str> {
        self.text("HEADCOUNT_LOG")
    }

    /// Which faults tests order: `routes` and `clock=<milliseconds>`, with commas between. In builds with debug assertions alone.
    #[cfg(debug_assertions)]
    pub(crate) fn faults(&self) -> Option<&str> {
        self.text(FAULTS)
    }

    /// The configuration file, if it says.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.0.get(CONFIG).map(PathBuf::from)
    }

    /// The settings it gives.
    pub(super) fn given(&self, problems: &mut Vec<String>) -> Vec<Given> {
        let mut given = Vec::new();
        for (name, value) in &self.0 {
            let Some(setting) = table::all().find(|setting| setting.variable() == *name) else {
                problems.extend(unknown(name));
                continue;
            };
            let Some(text) = value.to_str() else {
                problems.push(format!("{name}: is not UTF-8 text"));
                continue;
            };
            let texts = match setting.form {
                Form::List => text
                    .split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
                Form::Text | Form::Switch | Form::Number => vec![text.to_owned()],
            };
            given.push(Given {
                setting,
                texts,
                place: Location::Variable(name.clone()),
            });
        }
        twice(&given, problems);
        given
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str()
    }
}

/// The problem with a variable that is not a setting; `None` if it belongs to another program.
fn unknown(name: &str) -> Option<String> {
    // Kubernetes sets these in every pod beside a service that is named `headcount`.
    let kubernetes = ["HEADCOUNT_SERVICE_", "HEADCOUNT_PORT_"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    #[cfg(debug_assertions)]
    if name == FAULTS {
        return None;
    }
    if kubernetes || [CONFIG, URL, "HEADCOUNT_PORT"].contains(&name) {
        return None;
    }
    let known: Vec<String> = table::all().map(Setting::variable).collect();
    let word = name.trim_start_matches(PREFIX);
    let names = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let hint = match nearest_or_longer(word, names) {
        Some(near) => format!("did you mean {PREFIX}{near}?"),
        None => SETTINGS_LISTED.to_owned(),
    };
    Some(format!("{name}: unknown variable; {hint}"))
}

/// Reports secrets that one source gives both as text and as a file.
pub(super) fn twice(given: &[Given], problems: &mut Vec<String>) {
    for one in given {
        let file = format!("{}_file", one.setting.key);
        if let Some(other) = given.iter().find(|other| other.setting.key == file) {
            problems.push(format!(
                "{} and {} set the same thing: keep one",
                one.place, other.place
            ));
        }
    }
}
