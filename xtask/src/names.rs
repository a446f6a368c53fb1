//! No public name of a type stands for two things.
//!
//! Types, traits and aliases that one of our crates shows to others are looked at together: who reads `Form` must not ask which one. A
//! name that two crates have on purpose stands below with its reason.

use std::collections::BTreeMap;

use syn::{Ident, Item, Visibility};

use crate::report::{Failure, Passed};
use crate::rust::Source;

const CRATES: [&str; 5] = [
    "crates/headcount-core/src",
    "crates/headcount-nats/src",
    "crates/headcount-server/src",
    "crates/headcount-shard/src",
    "crates/headcount/src",
];

/// Names that may stand for two things, and why.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Judges the public names of all crates together.
pub(crate) fn rules(sources: &[Source]) -> Result<Passed, Failure> {
    let mut names = Names::new();
    let is_shown = |source: &&Source| CRATES.iter().any(|folder| source.path.starts_with(folder));
    for source in sources.iter().filter(is_shown) {
        add(&mut names, source, &source.items);
    }
    Failure::unless_empty(
        &findings(&names, EXCEPTIONS),
        "name one of them after what it is: docs/glossary.md has the words",
    )?;
    Ok(Passed::Noting(format!("{} names", names.len())))
}

/// Where each name is defined.
type Names = BTreeMap<String, Vec<String>>;

fn add(names: &mut Names, source: &Source, items: &[Item]) {
    for item in items {
        if let Item::Mod(module) = item
            && let Some((_, items)) = &module.content
        {
            add(names, source, items);
        }
        if let Some(name) = public(item) {
            let line = name.span().start().line;
            let place = format!("{}:{line}", source.path.display());
            names.entry(name.to_string()).or_default().push(place);
        }
    }
}

fn public(item: &Item) -> Option<&Ident> {
    let (visibility, name) = match item {
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        Item::Type(item) => (&item.vis, &item.ident),
        Item::Union(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    matches!(visibility, Visibility::Public(_)).then_some(name)
}

fn findings(names: &Names, exceptions: &[(&str, &str)]) -> Vec<String> {
    let is_excepted = |name: &str| exceptions.iter().any(|(excepted, _)| *excepted == name);
    let stands_twice = |name: &str| names.get(name).is_some_and(|places| places.len() > 1);
    let mut findings: Vec<String> = names
        .iter()
        .filter(|(name, _)| stands_twice(name) && !is_excepted(name))
        .map(|(name, places)| format!("{name} stands for {} things: {}", places.len(), places.join(", ")))
        .collect();
    let unneeded = exceptions.iter().filter(|(name, _)| !stands_twice(name));
    findings.extend(unneeded.map(|(name, _)| format!("{name}: needs no exception any more")));
    findings
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn names(files: &[(&str, &str)]) -> Names {
        let mut names = Names::new();
        for (path, text) in files {
            let source = Source::new(Path::new(path), text).unwrap();
            add(&mut names, &source, &source.items);
        }
        names
    }

    #[test]
    fn a_public_name_stands_for_one_thing() {
        let files = [
            (
                "a.rs",
                "pub struct Form;\npub(crate) struct Own;\nstruct Private;",
            ),
            (
                "b.rs",
                "pub(crate) struct Own;\nstruct Private;\n\npub enum Form {}",
            ),
        ];
        let names = names(&files);
        let said = "Form stands for 2 things: a.rs:1, b.rs:4";
        assert_eq!(findings(&names, &[]), [said]);
        assert!(findings(&names, &[("Form", "a reason")]).is_empty());
        assert_eq!(
            findings(&names, &[("Form", "a reason"), ("Own", "a reason")]),
            ["Own: needs no exception any more"]
        );
    }
}
