//! No two files need each other.
//!
//! Files that use each other in a circle can be neither read nor changed one at a time. A file needs another one if it names something that
//! lives there; handing a name on (`pub use`) is no need. The circles that there are stand in `xtask/circles.txt`, each file on a line. The
//! list only goes down. TypeScript is judged by oxlint (`import/no-cycle`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quote::ToTokens;
use syn::{Item, ItemUse, UseTree, Visibility};

use crate::report::{Failure, Passed};
use crate::rooms::module;
use crate::rooms::paths::named;
use crate::rust::Source;
use crate::tree;

const LIST: &str = "xtask/circles.txt";

/// How many names may lead to each other, one handed on after the other.
const HANDED_ON_MAX: usize = 8;

/// Holds the files that are in circles against the list.
pub(crate) fn rules(sources: &[Source]) -> Result<Passed, Failure> {
    let mut circles = Vec::new();
    for folder in folders(sources) {
        let sources: Vec<&Source> = sources
            .iter()
            .filter(|source| source.path.starts_with(&folder))
            .collect();
        circles.extend(House::new(&folder, &sources).circles());
    }
    let listed: BTreeSet<String> = tree::text(Path::new(LIST))?
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    Failure::unless_empty(
        &differences(&listed, &circles),
        "move what both files use to one that needs neither, or pass it in; take files that are in no circle any more off xtask/circles.txt",
    )?;
    Ok(Passed::Noting(format!("{} files are in circles", listed.len())))
}

/// The `src` folders of all crates.
fn folders(sources: &[Source]) -> BTreeSet<String> {
    sources
        .iter()
        .filter_map(|source| {
            let path = source.path.to_str()?;
            let (krate, _) = path.split_once("/src/")?;
            Some(format!("{krate}/src"))
        })
        .collect()
}

fn differences(listed: &BTreeSet<String>, circles: &[Vec<String>]) -> Vec<String> {
    let is_new = |circle: &&Vec<String>| circle.iter().any(|file| !listed.contains(file));
    let mut findings: Vec<String> = circles
        .iter()
        .filter(is_new)
        .map(|circle| format!("these need each other: {}", circle.join(", ")))
        .collect();
    let today: BTreeSet<&String> = circles.iter().flatten().collect();
    let gone = listed.iter().filter(|file| !today.contains(file));
    findings.extend(gone.map(|file| format!("{file} is in no circle any more")));
    findings
}

/// The files of a crate, and what each hands on.
struct House<'a> {
    sources: &'a [&'a Source],
    modules: BTreeMap<Vec<String>, usize>,
    /// Names that a module brings into its scope, and where they come from.
    scopes: Vec<BTreeMap<String, Vec<String>>>,
}

impl<'a> House<'a> {
    fn new(folder: &str, sources: &'a [&'a Source]) -> Self {
        let mut modules = BTreeMap::new();
        let mut scopes = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let mut module = module(folder, &source.path);
            if matches!(module.last().map(String::as_str), Some("lib" | "main")) && module.len() == 1 {
                module.clear();
            }
            scopes.push(scope(source, &module));
            modules.insert(module, number);
        }
        Self {
            sources,
            modules,
            scopes,
        }
    }

    /// The file in which the item at this path lives.
    fn home(&self, path: &[String]) -> Option<usize> {
        let mut path = path.to_vec();
        for _ in 0..HANDED_ON_MAX {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| self.modules.contains_key(&path[..*depth]))?;
            let file = self.modules[&path[..depth]];
            match path.get(depth).and_then(|name| self.scopes[file].get(name)) {
                Some(origin) => path = [origin, &path[depth + 1..]].concat(),
                None => return Some(file),
            }
        }
        None
    }

    /// The files that each file needs.
    fn needs(&self) -> Vec<BTreeSet<usize>> {
        let mut needs = vec![BTreeSet::new(); self.sources.len()];
        for (module, file) in &self.modules {
            let items: Vec<Item> = without_faces(&self.sources[*file].items);
            for named in named(&items, module) {
                let home = self.home(&named.path).filter(|home| home != file);
                needs[*file].extend(home);
            }
        }
        needs
    }

    /// Each set of files that need each other.
    fn circles(&self) -> Vec<Vec<String>> {
        let needs = self.needs();
        let reached: Vec<BTreeSet<usize>> = (0..needs.len()).map(|file| reach(&needs, file)).collect();
        let mut circles = BTreeSet::new();
        for (file, reaches) in reached.iter().enumerate() {
            if reaches.contains(&file) {
                let circle: Vec<usize> = reaches
                    .iter()
                    .copied()
                    .filter(|other| reached[*other].contains(&file))
                    .collect();
                circles.insert(circle);
            }
        }
        let name = |file: &usize| self.sources[*file].path.display().to_string();
        circles
            .into_iter()
            .map(|circle| circle.iter().map(name).collect())
            .collect()
    }
}

fn reach(needs: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<usize> = needs[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(&needs[file]);
        }
    }
    reached
}

/// What the `use` items of a file bring into its scope.
fn scope(source: &Source, module: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut scope = BTreeMap::new();
    let declarations: Vec<Item> = source
        .items
        .iter()
        .filter(|item| matches!(item, Item::Mod(module) if module.content.is_none()))
        .cloned()
        .collect();
    for item in &source.items {
        if let Item::Use(item) = item {
            let items = [&declarations[..], &[Item::Use(item.clone())]].concat();
            let names = leaves(&item.tree, "");
            // One path for each leaf, in the same order.
            for (name, named) in names.into_iter().zip(named(&items, module)) {
                scope.insert(name, named.path);
            }
        }
    }
    scope
}

/// The names that a `use` brings, in their order. `within` is the module that `self` stands for.
fn leaves(tree: &UseTree, within: &str) -> Vec<String> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &path.ident.to_string()),
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, within)).collect(),
        UseTree::Name(name) if name.ident == "self" => vec![within.to_owned()],
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(name) => vec![name.rename.to_string()],
        UseTree::Glob(_) => vec!["*".to_owned()],
    }
}

/// The items without those `use` that only hand a name on.
fn without_faces(items: &[Item]) -> Vec<Item> {
    let text = |item: &Item| item.to_token_stream().to_string();
    let others: String = items
        .iter()
        .filter(|item| !matches!(item, Item::Use(_)))
        .map(text)
        .collect::<Vec<_>>()
        .join(" ");
    let hands_on = |item: &ItemUse| {
        let is_used = |name: &String| uses(&others, name);
        !matches!(item.vis, Visibility::Inherited) && !leaves(&item.tree, "").iter().any(is_used)
    };
    items
        .iter()
        .filter(|item| !matches!(item, Item::Use(item) if hands_on(item)))
        .cloned()
        .collect()
}

/// Whether code, its tokens apart by spaces, uses this name. That of a function must be called.
fn uses(code: &str, name: &str) -> bool {
    let is_function = name.starts_with(|letter: char| letter.is_lowercase());
    let words: Vec<&str> = code.split(' ').collect();
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        let after = words.get(at + 1).copied().unwrap_or_default();
        *word == name && (!is_function || after.starts_with('(') && !matches!(before, "fn" | "." | "::"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(Path::new(path), text).unwrap())
            .collect();
        let sources: Vec<&Source> = sources.iter().collect();
        House::new("src", &sources).circles()
    }

    #[test]
    fn files_that_need_each_other_are_a_circle() {
        let found = circles(&[
            ("src/lib.rs", "mod a; mod b; mod c;"),
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "fn f() { crate::c::g() }"),
            ("src/c.rs", "use super::a::A;"),
        ]);
        assert_eq!(found, [["src/a.rs", "src/b.rs", "src/c.rs"]]);
    }

    #[test]
    fn a_name_that_is_handed_on_leads_to_where_it_lives() {
        let found = circles(&[
            ("src/lib.rs", "mod shard; mod hub;"),
            (
                "src/shard/mod.rs",
                "mod roll; mod lean; pub(crate) use roll::Roll;",
            ),
            ("src/shard/roll.rs", "pub(crate) struct Roll;"),
            ("src/shard/lean.rs", "use super::Roll; struct Lean(Roll);"),
            ("src/hub.rs", "use crate::shard::Roll;"),
        ]);
        assert_eq!(found, Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_module_that_uses_its_children_and_is_used_by_them_is_a_circle() {
        let found = circles(&[
            ("src/lib.rs", "mod shard;"),
            ("src/shard/mod.rs", "mod lean; struct Command(lean::Request);"),
            (
                "src/shard/lean.rs",
                "use super::Command; struct Request; impl Command {}",
            ),
        ]);
        assert_eq!(found, [["src/shard/mod.rs", "src/shard/lean.rs"]]);
    }

    #[test]
    fn the_list_only_goes_down() {
        let listed = BTreeSet::from(["a".to_owned(), "b".to_owned(), "old".to_owned()]);
        let circle = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            differences(&listed, &[circle(&["a", "b"])]),
            ["old is in no circle any more"]
        );
        let findings = differences(&listed, &[circle(&["a", "b", "new"])]);
        assert!(findings[0].contains("new"), "{findings:?}");
    }
}
