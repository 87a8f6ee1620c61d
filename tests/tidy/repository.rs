//! The project's files: what lies at the top, what begins how, and what must never be written anywhere.

use std::collections::BTreeSet;
use std::fs;

use syn::visit::{self, Visit};
use syn::{Field, ItemEnum, Type};

use crate::code::compiled;
use crate::{Finding, files, root, settle};

const FOLDERS: &[&str] =
    &["engine", "backends", "cli", "plugins", "benches", "tests", "docs", ".ci", ".config"];

const FILES: &[&str] = &[
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SHORTCOMINGS.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "typos.toml",
];

/// Put together here, so that this file does not break its own rule.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ro", "ot/."),
    concat!(".cargo/", "registry"),
];

/// Fields that hold sentences. An error carries what it is about; the sentence is made in the command line.
const PROSE: &[&str] =
    &["message", "msg", "text", "reason", "why", "detail", "details", "description", "cause"];

#[test]
fn the_top_level_is_the_fixed_one() {
    let mut findings = Vec::new();
    for path in files() {
        let first = path.components().next().expect("a path has a component").as_os_str();
        let at_top = path.components().count() == 1;
        let known = if at_top { FILES } else { FOLDERS };
        if !known.iter().any(|known| first == *known) {
            let place = first.to_string_lossy().into_owned();
            findings.push(Finding::new(place, "does not belong at the top"));
        }
    }
    settle("top level", &findings);
}

#[test]
fn every_source_is_compiled() {
    let compiled: BTreeSet<_> = compiled().into_iter().map(|source| source.path).collect();
    let orphans: Vec<_> = files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs") && !compiled.contains(path))
        .map(|path| Finding::new(path.display().to_string(), "no target leads to it"))
        .collect();
    settle("orphans", &orphans);
}

#[test]
fn modules_lie_beside_their_folders() {
    let findings: Vec<_> = files()
        .into_iter()
        .filter(|path| path.ends_with("mod.rs"))
        .map(|path| Finding::new(path.display().to_string(), "write foo.rs and foo/bar.rs"))
        .collect();
    settle("mod.rs", &findings);
}

#[test]
fn every_module_says_what_it_is() {
    let findings: Vec<_> = compiled()
        .iter()
        .filter(|source| source.free || !source.tests_only)
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| Finding::new(source.place(), "must begin with a sentence in //!"))
        .collect();
    settle("headers", &findings);
}

#[test]
fn sources_know_nothing_of_the_machine_they_were_written_on() {
    let mut findings = Vec::new();
    for path in files().into_iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if MACHINE_PATHS.iter().any(|machine| mentions(line, machine)) {
                let place = format!("{}::{}", path.display(), number + 1);
                findings
                    .push(Finding::new(place, format!("names a machine's path: {}", line.trim())));
            }
        }
    }
    settle("machine paths", &findings);
}

/// A path counts where it begins, not in the middle of another: `a/b` is not found in `x/a/b`.
fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !path.starts_with('/')
            || before.is_none_or(|c| {
                !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '~' | '/' | '}')
            })
    })
}

struct ProseFields {
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for ProseFields {
    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        let name = item.ident.to_string();
        if !name.ends_with("Error") && !name.ends_with("Problem") {
            return;
        }
        for variant in &item.variants {
            if variant.fields.iter().any(is_prose) {
                self.found.push(format!("{name}::{}", variant.ident));
            }
        }
        visit::visit_item_enum(self, item);
    }
}

/// A `String` without a name, or with one that promises a sentence.
fn is_prose(field: &Field) -> bool {
    let Type::Path(path) = &field.ty else { return false };
    let is_string = path.path.segments.last().is_some_and(|segment| segment.ident == "String");
    is_string && field.ident.as_ref().is_none_or(|name| PROSE.iter().any(|prose| name == prose))
}

#[test]
fn errors_of_the_engine_carry_facts_and_not_sentences() {
    let mut findings = Vec::new();
    for source in compiled().iter().filter(|s| s.package == "heirloom-engine" && !s.tests_only) {
        let mut fields = ProseFields { found: Vec::new() };
        fields.visit_file(&source.syntax);
        findings.extend(fields.found.into_iter().map(|variant| {
            Finding::new(
                format!("{}::{variant}", source.place()),
                "carries text where a caller needs a fact",
            )
        }));
    }
    settle("prose in errors", &findings);
}

#[test]
fn a_path_of_the_machine_is_told_from_one_that_only_ends_like_it() {
    let path = MACHINE_PATHS[0];
    for line in
        [format!("cd {path}main"), format!("\"{path}x\""), path.to_owned(), format!("({path})")]
    {
        assert!(mentions(&line, path), "{line}");
    }
    for line in [format!("/home/anna{path}x"), format!("~{path}x"), format!("${{HOME}}{path}x")] {
        assert!(!mentions(&line, path), "{line}");
    }
}
