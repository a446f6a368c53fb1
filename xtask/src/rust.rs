//! Rust sources as a parser reads them, without their tests.
//!
//! What only tests have is left out: files named for tests or fuzz targets, and every item behind `#[cfg(test)]`. Lines count from 1, as in an
//! editor.

use std::ops::Range;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, ImplItem, Item};

use crate::report::Failure;
use crate::tree;

/// A file of production code.
pub(crate) struct Source {
    /// Its path from the root of the repository.
    pub(crate) path: PathBuf,
    /// Its items.
    pub(crate) items: Vec<Item>,
    /// How many lines it has, tests left out.
    pub(crate) lines: usize,
}

impl Source {
    /// Reads `text`.
    pub(crate) fn new(path: &Path, text: &str) -> Result<Self, Failure> {
        let file = syn::parse_file(text).map_err(|error| {
            Failure::new(
                format!("{}:{}: {error}", path.display(), error.span().start().line),
                "look at what the compiler says of it",
            )
        })?;
        let mut items = file.items;
        let mut tests = 0;
        drop_tests(&mut items, &mut tests);
        Ok(Self {
            path: path.to_owned(),
            items,
            lines: text.lines().count() - tests,
        })
    }

    /// Every function with its name and its lines, those of implementations and inner modules too.
    pub(crate) fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Functions(Vec::new());
        for item in &self.items {
            syn::visit::visit_item(&mut found, item);
        }
        found.0
    }
}

/// All production code of the repository, in the order of the paths.
pub(crate) fn sources() -> Result<Vec<Source>, Failure> {
    let files = tree::files()?;
    files
        .iter()
        .filter(|path| is_production(path))
        .map(|path| Source::new(path, &tree::text(path)?))
        .collect()
}

/// Whether a file is Rust that is neither a test nor an example.
fn is_production(path: &Path) -> bool {
    let aside = |part: &str| matches!(part, "tests" | "tests.rs" | "fuzz" | "examples");
    path.extension().is_some_and(|end| end == "rs")
        && !path
            .components()
            .any(|part| part.as_os_str().to_str().is_some_and(aside))
}

/// The lines of `span`.
pub(crate) fn lines(span: Span) -> Range<usize> {
    span.start().line..span.end().line + 1
}

fn drop_tests(items: &mut Vec<Item>, dropped: &mut usize) {
    items.retain(|item| keep(attributes(item), item, dropped));
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    drop_tests(items, dropped);
                }
            }
            Item::Impl(block) => block.items.retain(|item| match item {
                ImplItem::Fn(function) => keep(&function.attrs, function, dropped),
                _ => true,
            }),
            _ => {}
        }
    }
}

fn keep(attributes: &[Attribute], item: &impl Spanned, dropped: &mut usize) -> bool {
    let is_test = attributes.iter().any(is_for_tests);
    if is_test {
        *dropped += lines(item.span()).len();
    }
    !is_test
}

/// `#[cfg(test)]`, also among other conditions; `not(test)` is production.
fn is_for_tests(attribute: &Attribute) -> bool {
    let condition = attribute.meta.to_token_stream().to_string();
    attribute.path().is_ident("cfg") && condition.contains("test") && !condition.contains("not (test")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, name: &syn::Ident, signature: &syn::Signature, whole: &impl Spanned) {
        let lines = signature.span().start().line..whole.span().end().line + 1;
        self.0.push((name.to_string(), lines.len()));
    }
}

impl<'ast> syn::visit::Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig.ident, &function.sig, function);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig.ident, &function.sig, function);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.add(&function.sig.ident, &function.sig, function);
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! A file.

/// Documented.
pub fn long(
    one: u8,
) -> u8 {
    one
}

impl Thing {
    fn short(&self) {}

    #[cfg(test)]
    fn aside(&self) {}
}

#[cfg(test)]
mod tests {
    fn nothing() {}
}
";

    #[test]
    fn functions_are_counted_without_their_documentation_and_without_tests() {
        let source = Source::new(Path::new("a.rs"), TEXT).unwrap();
        assert_eq!(
            source.functions(),
            [("long".to_owned(), 5), ("short".to_owned(), 1)]
        );
        assert_eq!(source.lines, 14);
    }

    #[test]
    fn what_stands_for_tests_is_no_production_code() {
        for path in [
            "a/src/fuzz/b.rs",
            "a/tests/it/main.rs",
            "a/src/b/tests.rs",
            "a.md",
        ] {
            assert!(!is_production(Path::new(path)), "{path}");
        }
        assert!(is_production(Path::new("crates/headcount/src/main.rs")));
    }

    #[test]
    fn a_file_that_is_no_rust_is_said_with_its_line() {
        let failure = Source::new(Path::new("a.rs"), "fn f() {}\nfn {").err().unwrap();
        assert!(failure.what.starts_with("a.rs:2: "), "{}", failure.what);
    }
}
