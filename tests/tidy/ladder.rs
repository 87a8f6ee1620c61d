//! The ladder inside the engine: a module imports only from lower ones, and only `repository` speaks to a store.

use std::collections::BTreeSet;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, UseTree};

use crate::code::{Source, attributes, compiled, impl_attributes, is_for_tests};
use crate::{Finding, settle};

/// What everybody may import. These import only each other.
const VOCABULARY: &[&str] = &["id", "error", "clock", "progress", "looks"];

/// Levels 1 to 3 and what each may import beyond the vocabulary: bytes in and values out.
const PURE: &[(&str, &[&str])] = &[
    ("chunker", &[]),
    ("crypto", &[]),
    ("pack", &["crypto"]),
    ("index", &["pack"]),
    ("tree", &[]),
    ("transform", &["tree"]),
    ("snapshot", &["crypto", "tree"]),
    ("retention", &["snapshot"]),
];

/// Level 4. May import levels 1 to 3, and the port that it owns.
const REPOSITORY: &str = "repository";

/// Files of the local cache. Imported by `repository` alone.
const CACHE: &str = "cache";

/// The port to the store: asynchronous, and imported by its owner alone.
const STORAGE: &str = "storage";

/// What several operations need and only a repository can give. May import levels 1 to 4.
const REACH: &str = "reach";

/// Reads many blobs at once, for several operations. May import levels 1 to 4.
const FETCH: &str = "fetch";

/// Makes transformed files again of what is stored. May import levels 1 to 4 and `fetch`.
const STORED: &str = "stored";

/// Looks for damage, for those that report it and those that mend it. May import levels 1 to 4 and `reach`.
const EXAMINE: &str = "examine";

/// The steps of the protocol that only deleting needs. May import levels 1 to 4.
const DELETION: &str = "deletion";

/// Small secrets of the owner. May import levels 1 to 4.
const SECRETS: &str = "secrets";

/// The way of blobs into a store. Imported by `repository` alone.
const UPLOAD: &str = "upload";

/// Level 5. May import levels 1 to 4 and `reach`, and never each other.
const OPERATIONS: &[&str] =
    &["backup", "restore", "view", "prune", "check", "repair", "rewrite", "copy", "stats"];

/// What the pure levels must not even name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "tokio",
    "futures",
    "rustix",
    "memmap2",
];

fn may_import(from: &str, to: &str) -> bool {
    let pure = || PURE.iter().any(|(name, _)| *name == to);
    VOCABULARY.contains(&to)
        || PURE.iter().any(|(name, permitted)| *name == from && permitted.contains(&to))
        || from == REPOSITORY && (pure() || [STORAGE, CACHE, UPLOAD].contains(&to))
        || from == CACHE && pure()
        || from == UPLOAD && (pure() || to == STORAGE || to == CACHE)
        || [REACH, FETCH, DELETION, SECRETS].contains(&from) && (pure() || to == REPOSITORY)
        || from == STORED && (pure() || [REPOSITORY, FETCH].contains(&to))
        || from == EXAMINE && (pure() || [REPOSITORY, REACH, DELETION].contains(&to))
        || OPERATIONS.contains(&from)
            && (pure()
                || [REPOSITORY, REACH, FETCH, STORED, EXAMINE, DELETION, SECRETS].contains(&to))
}

fn is_on_the_ladder(module: &str) -> bool {
    VOCABULARY.contains(&module)
        || PURE.iter().any(|(name, _)| *name == module)
        || [REPOSITORY, STORAGE, CACHE, UPLOAD, REACH, FETCH, STORED, EXAMINE, DELETION, SECRETS]
            .contains(&module)
        || OPERATIONS.contains(&module)
}

/// What the code of one file mentions, its tests left out. A path within the crate starts with `crate`.
#[derive(Default)]
struct Mentions {
    module: Vec<String>,
    paths: BTreeSet<Vec<String>>,
    methods: BTreeSet<String>,
    is_async: bool,
}

impl Mentions {
    fn of(source: &Source) -> Self {
        Self::in_module(&source.module, &source.syntax)
    }

    fn in_module(module: &[String], syntax: &syn::File) -> Self {
        let mut mentions = Self { module: module.to_vec(), ..Self::default() };
        mentions.visit_file(syntax);
        mentions
    }

    /// Notes a path, with `super` and `self` resolved.
    fn note(&mut self, path: &[String]) {
        let mut absolute = vec!["crate".to_owned()];
        absolute.extend(self.module.iter().cloned());
        let relative = matches!(path.first().map(String::as_str), Some("self" | "super"));
        if !relative {
            self.paths.insert(path.to_vec());
            return;
        }
        for part in path {
            match part.as_str() {
                "self" => {}
                "super" => drop(absolute.pop()),
                name => absolute.push(name.to_owned()),
            }
        }
        self.paths.insert(absolute);
    }

    fn note_use(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: String| prefix.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.note_use(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.note(prefix),
            UseTree::Name(name) => self.note(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.note(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.note(&with("*".to_owned())),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.note_use(prefix, tree));
            }
        }
    }

    /// The arguments of a macro are no syntax yet; whatever looks like a path counts.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.note_token_path(&path);
                        path.clear();
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    if punct.spacing() == Spacing::Alone && colons == 1 {
                        colons = 0;
                    }
                }
                other => {
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.note_tokens(group.stream());
                    }
                }
            }
        }
        self.note_token_path(&path);
    }

    fn note_token_path(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !is_for_tests(impl_attributes(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.note_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.is_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.is_async = true;
        visit::visit_expr_async(self, block);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// The engine's files without its root, which only names the modules, and without tests.
fn engine() -> Vec<Source> {
    let engine = |source: &Source| source.package == "heirloom-engine" && !source.tests_only;
    compiled().into_iter().filter(|source| engine(source) && !source.module.is_empty()).collect()
}

#[test]
fn engine_modules_import_only_from_lower_ones() {
    let mut findings = Vec::new();
    for source in engine() {
        let own = source.module[0].as_str();
        let mut complain = |what| findings.push(Finding::new(source.place(), what));
        if !is_on_the_ladder(own) {
            complain(format!("{own} is not on the ladder"));
        }
        let mentions = Mentions::of(&source);
        let inside = mentions.paths.iter().filter(|path| path[0] == "crate");
        let modules: BTreeSet<&str> =
            inside.filter_map(|path| path.get(1)).map(String::as_str).collect();
        for to in modules.into_iter().filter(|to| *to != own && !may_import(own, to)) {
            complain(format!("{own} may not import {to}"));
        }
    }
    settle("ladder", &findings);
}

#[test]
fn only_the_repository_speaks_to_a_store() {
    let mut findings = Vec::new();
    for source in
        engine().iter().filter(|source| ![REPOSITORY, UPLOAD].contains(&source.module[0].as_str()))
    {
        let mentions = Mentions::of(source);
        let storage = |path: &Vec<String>| {
            path.starts_with(&["crate".into(), REPOSITORY.into()])
                && path.iter().any(|part| part == "Storage" || part == "*")
        };
        let found = mentions.paths.iter().any(storage) || mentions.methods.contains("storage");
        if found {
            let what = "uses the Storage port, which only repository may";
            findings.push(Finding::new(source.place(), what));
        }
    }
    settle("storage", &findings);
}

#[test]
fn the_lower_levels_are_pure_functions() {
    let mut findings = Vec::new();
    for source in engine() {
        let own = source.module[0].as_str();
        if [REPOSITORY, STORAGE, CACHE, UPLOAD, REACH, FETCH, STORED, EXAMINE, DELETION, SECRETS]
            .contains(&own)
            || OPERATIONS.contains(&own)
        {
            continue;
        }
        let mentions = Mentions::of(&source);
        let mut complain = |what| findings.push(Finding::new(source.place(), what));
        if mentions.is_async {
            complain("async begins at repository".to_owned());
        }
        for path in &mentions.paths {
            let path = path.join("::");
            let starts =
                |impure: &&&str| path == **impure || path.starts_with(&format!("{impure}::"));
            if let Some(impure) = IMPURE.iter().find(starts) {
                complain(format!("names {impure}"));
            }
        }
    }
    settle("purity", &findings);
}

#[test]
fn imports_are_seen_in_every_form_and_tests_are_not() {
    let text = "use crate::{crypto::{Keys, self}, id::*}; use super::index::X as Y; use self::inner::Z;\n\
                fn f(a: &crate::tree::Entry) { g::<super::super::backup::B>(); vec![crate::view::V, (a::b)]; }\n\
                mod deep { use super::super::super::check::C; fn h() { x.storage(); async {}; } }\n\
                #[cfg(test)] mod tests { use crate::restore::R; fn t() { crate::prune::p(); } }\n";
    let module = ["pack".to_owned(), "reader".to_owned()];
    let mentions = Mentions::in_module(&module, &syn::parse_file(text).expect("it is Rust"));
    let inside =
        mentions.paths.iter().filter(|path| path[0] == "crate").map(|path| path.join("::"));
    let expected = [
        "crate::backup::B",
        "crate::check::C",
        "crate::crypto",
        "crate::crypto::Keys",
        "crate::id::*",
        "crate::pack::index::X",
        "crate::pack::reader::inner::Z",
        "crate::tree::Entry",
        "crate::view::V",
    ];
    assert_eq!(inside.collect::<Vec<_>>(), expected);
    assert!(mentions.is_async && mentions.methods.contains("storage"));
}

#[test]
fn the_ladder_says_what_the_architecture_says() {
    for (from, to, permitted) in [
        ("pack", "crypto", true),
        ("crypto", "pack", false),
        ("pack", "index", false),
        ("index", "pack", true),
        ("tree", "crypto", false),
        ("snapshot", "tree", true),
        ("snapshot", "pack", false),
        ("repository", "index", true),
        ("repository", "backup", false),
        ("backup", "repository", true),
        ("backup", "restore", false),
        ("view", "chunker", true),
        ("error", "id", true),
        ("error", "repository", false),
        ("retention", "snapshot", true),
        ("reach", "repository", true),
        ("repository", "reach", false),
        ("check", "reach", true),
        ("check", "prune", false),
        ("backup", "upload", false),
    ] {
        assert_eq!(may_import(from, to), permitted, "{from} -> {to}");
    }
}
