//! Where a value stands, for people who look for it.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value stands. The order is the order of strength, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In the file, on this line.
    File(PathBuf, usize),
    /// In this variable.
    Variable(String),
    /// In this flag.
    Flag(&'static str),
}

/// Where the value in force of each key stands. A key that is absent has its default.
#[derive(Debug, Default)]
pub(super) struct Locations(HashMap<&'static str, Location>);

impl Location {
    /// What follows `was set`: `by` a flag or a variable, `in` a line of the file.
    fn after_set(&self) -> String {
        match self {
            Self::File(..) => format!("in {self}"),
            Self::Variable(_) | Self::Flag(_) => format!("by {self}"),
        }
    }

    /// How strong: flags over variables over the file.
    pub(super) fn strength(&self) -> u8 {
        match self {
            Self::File(..) => 0,
            Self::Variable(_) => 1,
            Self::Flag(_) => 2,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Locations {
    /// Remembers that this one is in force.
    pub(super) fn note(&mut self, key: &'static str, place: &Location) {
        self.0.insert(key, place.clone());
    }

    /// Where the value of `key` stands; `None` for a default.
    pub(super) fn of(&self, key: &str) -> Option<&Location> {
        self.0.get(key)
    }

    /// Where `key` stands, or the file that it is read from: the one that is in force.
    fn stronger(&self, key: &str) -> Option<&Location> {
        let places = [self.of(key), self.of(&format!("{key}_file"))];
        places.into_iter().flatten().max_by_key(|place| place.strength())
    }

    /// `problem`, with the places of the keys that it names in backticks.
    pub(super) fn locate(&self, problem: String) -> String {
        let mut named: Vec<&str> = problem.split('`').skip(1).step_by(2).collect();
        named.dedup();
        let mut places: Vec<String> = Vec::new();
        for key in named {
            let text = self
                .stronger(key)
                .map(|place| format!("`{key}` was set {}", place.after_set()));
            places.extend(text.filter(|text| !places.contains(text)));
        }
        if places.is_empty() {
            problem
        } else {
            format!("{problem} ({})", places.join(", "))
        }
    }
}
