//! Functions of 70 lines, files of 500, modules of 1,500, an engine of 24,000; tests are not counted.
//!
//! Blank lines and comments count only in files: nobody shall save on them, but a file must fit into a head.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, Item, ItemFn, TraitItemFn};

use crate::code::{Source, attributes, compiled, is_code, is_for_tests, lines_of};
use crate::{Finding, settle};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
const MODULE_LINES: usize = 1500;
const ENGINE_LINES: usize = 24_000;

struct Functions<'a> {
    source: &'a Source,
    long: Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, body: &Block) {
        let lines = lines_of(body.brace_token.span.join());
        let inside =
            self.source.text.lines().skip(*lines.start()).take(lines.count().saturating_sub(2));
        let code = inside.filter(|line| is_code(line)).count();
        if code > FUNCTION_LINES {
            let place = format!("{}::{name}", self.source.place());
            self.long.push(too_long(place, code));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        // In a suite the tests are the code.
        if self.source.free || !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn too_long(place: String, lines: usize) -> Finding {
    Finding { place, what: format!("{lines} lines; split it"), amount: lines }
}

#[test]
fn functions_files_modules_and_the_engine_stay_small() {
    let mut findings = Vec::new();
    let mut modules: BTreeMap<String, usize> = BTreeMap::new();
    let mut engine = 0;
    for source in compiled().iter().filter(|source| source.free || !source.tests_only) {
        let mut functions = Functions { source, long: Vec::new() };
        functions.visit_file(&source.syntax);
        findings.append(&mut functions.long);
        let lines = source.lines();
        if lines > FILE_LINES {
            findings.push(too_long(source.place(), lines));
        }
        if source.free {
            continue;
        }
        if let Some(module) = source.module.first() {
            let module = format!("{}::{module}", source.package);
            *modules.entry(module).or_default() += source.lines_of_code();
        }
        engine += if source.package == "heirloom-engine" { source.lines_of_code() } else { 0 };
    }
    for (module, lines) in modules.into_iter().filter(|(_, lines)| *lines > MODULE_LINES) {
        findings.push(too_long(module, lines));
    }
    if engine > ENGINE_LINES {
        findings.push(too_long("heirloom-engine".to_owned(), engine));
    }
    settle("sizes", &findings);
}
