//! Names of other rooms, as code writes them: `crate::clock::now()`, `use super::super::{clock, head};`.

use std::collections::BTreeMap;
use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream::IntoIter};
use quote::ToTokens;
use syn::{Item, UseTree};

use crate::rust::Source;

/// What stands right below the crate in some path, and in which line.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) line: usize,
}

/// What these items of `module` name of the crate.
pub(super) fn named(items: &[Item], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    for item in items {
        walk(item.to_token_stream(), module, &mut found);
    }
    found
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

fn walk(tokens: TokenStream, module: &[String], found: &mut Vec<Named>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut inner = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "crate" => follow(&mut tokens, &[], found),
            TokenTree::Ident(word) if word == "super" => {
                let above = module.len().saturating_sub(1 + further(&mut tokens));
                follow(&mut tokens, &module[..above], found);
            }
            TokenTree::Ident(word) if word == "mod" => inner = tokens.peek().map(ToString::to_string),
            TokenTree::Group(group) => {
                let is_module = group.delimiter() == Delimiter::Brace;
                let name = inner.take().filter(|_| is_module);
                let module: Vec<String> = module.iter().cloned().chain(name).collect();
                walk(group.stream(), &module, found);
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => inner = None,
            _ => {}
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

/// What comes behind a `crate` or `super` that leads to the module `base`.
fn follow(tokens: &mut Peekable<IntoIter>, base: &[String], found: &mut Vec<Named>) {
    if !takes_colons(tokens) {
        return;
    }
    match tokens.peek() {
        Some(TokenTree::Ident(word)) => {
            let name = base.first().cloned().unwrap_or_else(|| word.to_string());
            let line = word.span().start().line;
            found.push(Named { name, line });
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            found.extend(first_words(group).map(|(word, line)| {
                let name = base.first().cloned().unwrap_or(word);
                Named { name, line }
            }));
        }
        _ => {}
    }
}

fn takes_colons(tokens: &mut Peekable<IntoIter>) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    tokens.next_if(is_colon).is_some() && tokens.next_if(is_colon).is_some()
}

/// The first word of each part of `{a::b, c, d::{e, f}}`.
fn first_words(group: &Group) -> impl Iterator<Item = (String, usize)> {
    let mut is_first = true;
    group.stream().into_iter().filter_map(move |token| {
        let was_first = is_first;
        is_first = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
        match token {
            TokenTree::Ident(word) if was_first => Some((word.to_string(), word.span().start().line)),
            _ => None,
        }
    })
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
        found.into_iter().map(|named| (named.name, named.line)).collect()
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
            "use crate::{clock::now,\n    head::{Head, cookies}, site};",
            &[("clock", 1), ("head", 2), ("site", 2)],
        );
        is("fn f() {\n    crate::clock::now();\n}", &[("clock", 2)]);
        is("fn f() { info!(\"{}\", crate::clock::now()); }", &[("clock", 1)]);
        is("use super::super::{clock, head};", &[("clock", 1), ("head", 1)]);
        is("mod inner { use super::super::super::clock; }", &[("clock", 1)]);
        is("use super::roll::Roll;", &[("shard", 1)]);
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
