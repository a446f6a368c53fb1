//! Which room of a crate may use which.
//!
//! A room is a module right below the crate: a file, or a folder with all that is in it. The rooms stand on floors, and a room uses rooms of
//! lower floors only, so no two rooms need each other. The floors are written down here once; `cargo xtask generate` draws them into
//! ARCHITECTURE.md. What is named counts, whether in a `use`, in a path or within a macro; tests may name what they like.

pub(crate) mod houses;
pub(crate) mod paths;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use houses::{HOUSES, House};
use paths::{Face, named};

use crate::report::{Failure, Passed};
use crate::rust::Source;

const NEXT: &str = "move what is used down to where both may use it, or change the floors in xtask/src/rooms/houses.rs and the design with them";

/// Judges what every room uses.
pub(crate) fn rules(sources: &[Source]) -> Result<Passed, Failure> {
    let mut findings = Vec::new();
    let mut rooms = 0;
    for house in &HOUSES {
        let sources: Vec<&Source> = sources
            .iter()
            .filter(|source| source.path.starts_with(house.folder))
            .collect();
        let found = rooms_of(house, &sources);
        rooms += found.len();
        findings.extend(house.findings(&arrows(house, &sources)));
        findings.extend(house.strangers(&found));
    }
    Failure::unless_empty(&findings, NEXT)?;
    Ok(Passed::Noting(format!("{rooms} rooms")))
}

/// The floors as a picture, for ARCHITECTURE.md: from the top down, an arrow between each floor and the next.
pub(crate) fn picture(name: &str) -> String {
    let mut text = "```mermaid\nflowchart TB\n".to_owned();
    let floors = HOUSES.iter().filter(|house| house.name == name);
    for (number, floor) in floors.flat_map(|house| house.floors.iter().rev()).enumerate() {
        let (rooms, what) = (floor.rooms.join(" · "), floor.what);
        let _infallible = writeln!(text, "    f{number}[\"{what}<br>{rooms}\"]");
        if number > 0 {
            let _infallible = writeln!(text, "    f{} --> f{number}", number - 1);
        }
    }
    text + "```\n"
}

/// One room names another.
#[derive(Debug, PartialEq)]
struct Arrow {
    from: String,
    to: String,
    /// File and line.
    place: String,
}

fn arrows(house: &House, sources: &[&Source]) -> Vec<Arrow> {
    let is_face = |source: &&&Source| source.path.ends_with("src/lib.rs");
    let face = sources
        .iter()
        .find(is_face)
        .map(|source| Face::of(source))
        .unwrap_or_default();
    let mut arrows = Vec::new();
    for source in sources.iter().filter(|source| !is_face(source)) {
        let module = module(house.folder, &source.path);
        let Some(from) = module.first() else { continue };
        for named in named(&source.items, &module) {
            let to = face.room_of(named.room());
            if to != from {
                let place = format!("{}:{}", source.path.display(), named.line);
                arrows.push(Arrow {
                    from: from.clone(),
                    to: to.to_owned(),
                    place,
                });
            }
        }
    }
    arrows
}

/// The module that a file is: `shard/mod.rs` is `shard`, and `shard/lean.rs` is `shard::lean`.
pub(crate) fn module(folder: &str, path: &Path) -> Vec<String> {
    let inside = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let mut parts: Vec<String> = inside
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn rooms_of(house: &House, sources: &[&Source]) -> BTreeSet<String> {
    let first = |source: &&Source| module(house.folder, &source.path).into_iter().next();
    sources
        .iter()
        .filter_map(first)
        .filter(|room| room != "lib")
        .collect()
}

impl House {
    fn floor(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.rooms.contains(&room))
    }

    fn findings(&self, arrows: &[Arrow]) -> Vec<String> {
        let is_excepted = |arrow: &&Arrow| {
            let found = |(from, to, _): &(&str, &str, &str)| *from == arrow.from && *to == arrow.to;
            self.exceptions.iter().any(found)
        };
        let breaks = |arrow: &&Arrow| self.floor(&arrow.from) <= self.floor(&arrow.to);
        let mut findings: Vec<String> = arrows
            .iter()
            .filter(breaks)
            .filter(|arrow| !is_excepted(arrow))
            .map(|Arrow { from, to, place }| format!("{place}: `{from}` must not use `{to}`"))
            .collect();
        for (from, to, _) in self.exceptions {
            let is_this = |arrow: &&Arrow| arrow.from == *from && arrow.to == *to;
            if !arrows.iter().filter(breaks).any(|arrow| is_this(&arrow)) {
                findings.push(format!(
                    "{}: `{from}` to `{to}` needs no exception any more",
                    self.name
                ));
            }
        }
        findings
    }

    /// Rooms without a floor, and names on a floor without a room.
    fn strangers(&self, rooms: &BTreeSet<String>) -> Vec<String> {
        let listed: BTreeSet<&str> = self
            .floors
            .iter()
            .flat_map(|floor| floor.rooms)
            .copied()
            .collect();
        let homeless = rooms.iter().filter(|room| !listed.contains(room.as_str()));
        let gone = listed.iter().filter(|room| !rooms.contains(**room));
        homeless
            .map(|room| format!("{}: `{room}` stands on no floor", self.name))
            .chain(gone.map(|room| format!("{}: there is no room `{room}`", self.name)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::houses::Floor;
    use super::*;

    fn house(exceptions: &'static [(&'static str, &'static str, &'static str)]) -> House {
        House {
            name: "a-house",
            folder: "src",
            floors: &[
                Floor {
                    what: "ground",
                    rooms: &["clock", "head"],
                },
                Floor {
                    what: "above",
                    rooms: &["shard"],
                },
            ],
            exceptions,
        }
    }

    fn arrow(from: &str, to: &str) -> Arrow {
        Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            place: "src/a.rs:1".to_owned(),
        }
    }

    #[test]
    fn a_room_uses_lower_floors_only() {
        let house = house(&[]);
        assert!(house.findings(&[arrow("shard", "clock")]).is_empty());
        let said = ["src/a.rs:1: `clock` must not use `shard`"];
        assert_eq!(house.findings(&[arrow("clock", "shard")]), said);
        let said = ["src/a.rs:1: `clock` must not use `head`"];
        assert_eq!(house.findings(&[arrow("clock", "head")]), said);
    }

    #[test]
    fn an_exception_stands_while_it_is_needed() {
        let house = house(&[("clock", "shard", "a reason")]);
        assert!(house.findings(&[arrow("clock", "shard")]).is_empty());
        let said = ["a-house: `clock` to `shard` needs no exception any more"];
        assert_eq!(house.findings(&[]), said);
    }

    #[test]
    fn every_room_has_a_floor() {
        let rooms = BTreeSet::from(["clock", "shard", "attic"].map(str::to_owned));
        assert_eq!(
            house(&[]).strangers(&rooms),
            [
                "a-house: `attic` stands on no floor",
                "a-house: there is no room `head`"
            ]
        );
    }

    #[test]
    fn a_file_is_a_module() {
        assert_eq!(module("src", Path::new("src/shard/mod.rs")), ["shard"]);
        assert_eq!(module("src", Path::new("src/shard/lean.rs")), ["shard", "lean"]);
    }
}
