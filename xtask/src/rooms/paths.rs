//! Names of other modules, as code writes them: `crate::clock::now()`, `use super::super::{clock, head};`, `lean::Judge`.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree, token_stream::IntoIter};
use quote::ToTokens;
use syn::{Item, UseTree};

use crate::rust::Source;

/// A path that starts at the crate, and in which line it stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

impl Named {
    /// What stands right below the crate in it.
    pub(super) fn room(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

/// What these items of `module` name of the crate.
pub(crate) fn named(items: &[Item], module: &[String]) -> Vec<Named> {
    let children = items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    });
    let mut search = Search {
        children: children.collect(),
        module: module.to_vec(),
        found: Vec::new(),
    };
    for item in items {
        search.walk(item.to_token_stream(), module);
    }
    search.found
}

/// What the crate shows under another name than that of its room: `Headcount` lives in `headcount`.
#[derive(Default)]
pub(super) struct Face(BTreeMap<String, String>);

impl Face {
    /// Reads the `use` items of `lib.rs`.
    pub(super) fn of(source: &Source) -> Self {
        let mut rooms = BTreeMap::new();
        for item in &source.items {
            if let Item::Use(item) = item
                && let UseTree::Path(path) = &item.tree
            {
                shown(&path.tree, &path.ident.to_string(), &mut rooms);
            }
        }
        Self(rooms)
    }

    /// The room of something right below the crate.
    pub(super) fn room_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }
}

fn shown(tree: &UseTree, room: &str, rooms: &mut BTreeMap<String, String>) {
    let name = match tree {
        UseTree::Path(path) => return shown(&path.tree, room, rooms),
        UseTree::Group(group) => return group.items.iter().for_each(|tree| shown(tree, room, rooms)),
        UseTree::Name(name) => &name.ident,
        UseTree::Rename(name) => &name.rename,
        UseTree::Glob(_) => return,
    };
    rooms.insert(name.to_string(), room.to_owned());
}

struct Search {
    /// Modules that the file declares, which it names without a `crate` or `super`.
    children: BTreeSet<String>,
    module: Vec<String>,
    found: Vec<Named>,
}

impl Search {
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let mut inner = None;
        let mut colons = 0;
        while let Some(token) = tokens.next() {
            let before = std::mem::take(&mut colons);
            let begins = before < 2;
            match token {
                TokenTree::Ident(word) if word == "crate" => self.follow(&mut tokens, &[]),
                TokenTree::Ident(word) if word == "super" => {
                    let above = module.len().saturating_sub(1 + further(&mut tokens));
                    self.follow(&mut tokens, &module[..above]);
                }
                TokenTree::Ident(word) if word == "mod" => inner = tokens.peek().map(ToString::to_string),
                TokenTree::Ident(word) if begins && self.children.contains(&word.to_string()) => {
                    self.follow_child(&mut tokens, &word);
                }
                TokenTree::Group(group) => {
                    let is_module = group.delimiter() == Delimiter::Brace;
                    let name = inner.take().filter(|_| is_module);
                    let module: Vec<String> = module.iter().cloned().chain(name).collect();
                    self.walk(group.stream(), &module);
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => inner = None,
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons = before + 1,
                _ => {}
            }
        }
    }

    /// What comes behind a module of the file, where that begins a path.
    fn follow_child(&mut self, tokens: &mut Peekable<IntoIter>, child: &Ident) {
        if takes_colons(&mut tokens.clone()) {
            let base = [&self.module[..], &[child.to_string()]].concat();
            self.follow(tokens, &base);
        }
    }

    /// What comes behind a `crate`, `super` or child that leads to the module `base`.
    fn follow(&mut self, tokens: &mut Peekable<IntoIter>, base: &[String]) {
        if !takes_colons(tokens) {
            return;
        }
        match tokens.peek() {
            Some(TokenTree::Ident(word)) => {
                let line = word.span().start().line;
                let path = [base, &[word.to_string()]].concat();
                tokens.next();
                if takes_colons(&mut tokens.clone()) {
                    return self.follow(tokens, &path);
                }
                self.found.push(Named { path, line });
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                self.follow_each(group, base);
            }
            // `crate::site::*`, `Vec::<u8>::new()`
            Some(other) if !base.is_empty() => self.found.push(Named {
                path: base.to_vec(),
                line: other.span().start().line,
            }),
            _ => {}
        }
    }

    /// Each part of `{a::b, c, d::{e, f}}`.
    fn follow_each(&mut self, group: &Group, base: &[String]) {
        let mut tokens = group.stream().into_iter().peekable();
        let mut is_first = true;
        while let Some(token) = tokens.next() {
            let was_first = std::mem::replace(&mut is_first, false);
            match token {
                TokenTree::Punct(punct) => is_first = punct.as_char() == ',',
                TokenTree::Ident(word) if was_first => {
                    let line = word.span().start().line;
                    let is_itself = word == "self";
                    let path = if is_itself {
                        base.to_vec()
                    } else {
                        [base, &[word.to_string()]].concat()
                    };
                    if takes_colons(&mut tokens.clone()) {
                        self.follow(&mut tokens, &path);
                    } else {
                        self.found.push(Named { path, line });
                    }
                }
                _ => {}
            }
        }
    }
}

/// How many more `super` follow the first one.
fn further(tokens: &mut Peekable<IntoIter>) -> usize {
    let mut count = 0;
    loop {
        let mut ahead = tokens.clone();
        if !takes_colons(&mut ahead)
            || !matches!(ahead.next(), Some(TokenTree::Ident(word)) if word == "super")
        {
            return count;
        }
        *tokens = ahead;
        count += 1;
    }
}

fn takes_colons(tokens: &mut Peekable<IntoIter>) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    tokens.next_if(is_colon).is_some() && tokens.next_if(is_colon).is_some()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("src/shard/lean.rs"), text).unwrap()
    }

    fn names(text: &str) -> Vec<(String, usize)> {
        let module = ["shard", "lean"].map(str::to_owned);
        let found = named(&source(text).items, &module);
        found
            .into_iter()
            .map(|named| (named.path.join("::"), named.line))
            .collect()
    }

    fn is(text: &str, expected: &[(&str, usize)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|&(name, line)| (name.to_owned(), line))
            .collect();
        assert_eq!(names(text), expected, "{text}");
    }

    #[test]
    fn every_way_to_name_a_room() {
        is("use crate::clock;", &[("clock", 1)]);
        is(
            "use crate::{clock::now,\n    head::{self, Head, cookies}, site};",
            &[
                ("clock::now", 1),
                ("head", 2),
                ("head::Head", 2),
                ("head::cookies", 2),
                ("site", 2),
            ],
        );
        is("fn f() {\n    crate::clock::now();\n}", &[("clock::now", 2)]);
        is(
            "fn f() { info!(\"{}\", crate::clock::now()); }",
            &[("clock::now", 1)],
        );
        is("use super::super::{clock, head};", &[("clock", 1), ("head", 1)]);
        is("mod inner { use super::super::super::clock; }", &[("clock", 1)]);
        is("use super::roll::Roll;", &[("shard::roll::Roll", 1)]);
        is("use crate::site::*;", &[("site", 1)]);
        is(
            "mod judge; use judge::Judge; fn f(judge: judge::Other) { std::judge::no() }",
            &[("shard::lean::judge::Judge", 1), ("shard::lean::judge::Other", 1)],
        );
    }

    #[test]
    fn what_names_no_room() {
        for text in [
            "pub(crate) fn f() {}",
            "pub(super) fn f() {}",
            "use std::fmt;",
            "#[cfg(test)]\nmod tests {\n    use crate::clock;\n}",
            "// crate::clock\nfn f() { g(\"crate::clock\") }",
        ] {
            is(text, &[]);
        }
    }

    #[test]
    fn what_the_crate_shows_lives_in_its_room() {
        let face = Face::of(&source(
            "pub use headcount::{ConnectionsQuery, Headcount as Server};\nmod clock;",
        ));
        assert_eq!(face.room_of("Server"), "headcount");
        assert_eq!(face.room_of("ConnectionsQuery"), "headcount");
        assert_eq!(face.room_of("clock"), "clock");
    }
}
