//! The sources as syntax: which file is which module, and which lines of it are tests.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::packages;
use crate::root;

/// A file that some package compiles.
pub(crate) struct Source {
    /// Relative to the top of the project.
    pub(crate) path: PathBuf,
    /// Of the package that compiles it.
    pub(crate) package: String,
    /// The module that it is; empty for the root of a library or program.
    pub(crate) module: Vec<String>,
    /// Compiled for tests only, or part of a package of tests.
    pub(crate) tests_only: bool,
    /// Of a package that holds nothing but tests or benches.
    pub(crate) free: bool,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl Source {
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Lines of items that are compiled for tests only. In a package of tests these are the code.
    fn test_lines(&self) -> Vec<RangeInclusive<usize>> {
        let mut finder = TestLines(Vec::new());
        if !self.free {
            finder.visit_file(&self.syntax);
        }
        finder.0
    }

    fn lines_without_tests(&self) -> impl Iterator<Item = &str> {
        let tests = self.test_lines();
        let numbered = self.text.lines().enumerate();
        numbered
            .filter(move |(at, _)| !tests.iter().any(|range| range.contains(&(at + 1))))
            .map(|(_, line)| line)
    }

    /// How many lines it has without its tests.
    pub(crate) fn lines(&self) -> usize {
        self.lines_without_tests().count()
    }

    /// The same without blank lines and comments.
    pub(crate) fn lines_of_code(&self) -> usize {
        self.lines_without_tests().filter(|line| is_code(line)).count()
    }
}

/// Neither blank nor a comment.
pub(crate) fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

struct TestLines(Vec<RangeInclusive<usize>>);

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            self.0.push(lines_of(item.span()));
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if is_for_tests(impl_attributes(item)) {
            self.0.push(lines_of(item.span()));
        }
    }
}

pub(crate) fn lines_of(span: Span) -> RangeInclusive<usize> {
    span.start().line..=span.end().line
}

/// `#[test]`, or a `#[cfg(...)]` that asks for `test`.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
        let words = list.tokens.to_string();
        let mut words = words.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '"');
        list.path.is_ident("cfg")
            && !words.clone().any(|word| word == "not")
            && words.any(|word| word == "test")
    })
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
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

pub(crate) fn impl_attributes(item: &syn::ImplItem) -> &[Attribute] {
    match item {
        syn::ImplItem::Const(item) => &item.attrs,
        syn::ImplItem::Fn(item) => &item.attrs,
        _ => &[],
    }
}

/// Every file that is compiled, once, by following `mod` from the root of every target.
pub(crate) fn compiled() -> Vec<Source> {
    let mut walk = Walk { found: BTreeMap::new() };
    for package in packages::all() {
        let free = package.is_free();
        for file in package.roots() {
            let outside = !file.starts_with(package.folder.join("src"));
            let place = Place {
                package: package.name.clone(),
                module: Vec::new(),
                tests_only: free || outside,
                free,
            };
            let children = file.parent().expect("a file has a parent").to_owned();
            walk.file(&file, &children, &place);
        }
    }
    walk.found.into_values().collect()
}

#[derive(Clone)]
struct Place {
    package: String,
    module: Vec<String>,
    tests_only: bool,
    free: bool,
}

struct Walk {
    found: BTreeMap<PathBuf, Source>,
}

impl Walk {
    fn file(&mut self, path: &Path, children: &Path, place: &Place) {
        if self.found.get(path).is_some_and(|known| !known.tests_only || place.tests_only) {
            return;
        }
        let text = fs::read_to_string(root().join(path)).expect("a source is text");
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self.items(&syntax.items, path, children, place);
        let Place { package, module, tests_only, free } = place.clone();
        let source =
            Source { path: path.to_owned(), package, module, tests_only, free, text, syntax };
        self.found.insert(path.to_owned(), source);
    }

    fn items(&mut self, items: &[Item], file: &Path, children: &Path, place: &Place) {
        for item in items {
            let Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            let mut inner = place.clone();
            inner.module.push(name.clone());
            inner.tests_only |= is_for_tests(&module.attrs);
            let folder = children.join(&name);
            if let Some((_, items)) = &module.content {
                self.items(items, file, &folder, &inner);
                continue;
            }
            let beside = file.parent().expect("a file has a parent");
            let candidates = match explicit_path(module) {
                Some(path) => vec![beside.join(path)],
                None => vec![children.join(format!("{name}.rs")), folder.join("mod.rs")],
            };
            for candidate in candidates.into_iter().filter(|path| root().join(path).is_file()) {
                self.file(&candidate, &folder, &inner);
            }
        }
    }
}

/// `#[path = "..."]`
fn explicit_path(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn test_code_is_told_from_other_code() {
    let text = "#[cfg(test)]\nmod a {\n}\n#[cfg(all(test, unix))]\nuse b;\n#[cfg(not(test))]\nuse c;\n\
                #[cfg(feature = \"test\")]\nfn d() {}\nstruct E;\nimpl E {\n#[cfg(test)]\nfn f() {}\n}\n#[test]\nfn g() {}\n";
    let source = Source {
        path: PathBuf::new(),
        package: String::new(),
        module: Vec::new(),
        tests_only: false,
        free: false,
        text: text.to_owned(),
        syntax: syn::parse_file(text).expect("it is Rust"),
    };
    assert_eq!(source.test_lines(), [1..=3, 4..=5, 12..=13, 15..=16]);
    assert_eq!(source.lines(), 16 - 9);
}
