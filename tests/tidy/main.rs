//! Reads the sources and holds them to the house rules, so that nobody has to remember these.
//!
//! A rule gives findings; a finding fails the test unless it is in [`EXCEPTIONS`], and an exception that is no longer
//! needed fails it too: the list can only shrink.

mod code;
mod ladder;
mod packages;
mod repository;
mod sizes;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One place that breaks a rule.
#[derive(Debug)]
struct Finding {
    /// A file, or a file and a name in it: `engine/src/pack.rs::parse`.
    place: String,
    /// What is wrong there.
    what: String,
    /// How much of it, where that can be counted: lines; else 0.
    amount: usize,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), amount: 0 }
    }
}

/// A known breach that was there before the rule, or that somebody decided to live with.
struct Exception {
    rule: &'static str,
    place: &'static str,
    /// What is tolerated, where it can be counted. Lower it with what it stands for.
    most: usize,
    reason: &'static str,
}

impl Exception {
    const fn new(
        rule: &'static str,
        place: &'static str,
        most: usize,
        reason: &'static str,
    ) -> Self {
        Self { rule, place, most, reason }
    }

    fn covers(&self, rule: &str, finding: &Finding) -> bool {
        self.rule == rule && self.place == finding.place && finding.amount <= self.most
    }
}

/// May only shrink.
const EXCEPTIONS: &[Exception] = &[
    Exception::new(
        "ladder",
        "engine/src/index/segment.rs",
        0,
        "parts of a pack record that pack could hand on",
    ),
    Exception::new(
        "ladder",
        "engine/src/index/sorted.rs",
        0,
        "parts of a pack record that pack could hand on",
    ),
    Exception::new(
        "prose in errors",
        "engine/src/crypto/slot.rs::SlotError::Plugin",
        0,
        "what the plugin says, and nobody else knows",
    ),
    Exception::new("sizes", "heirloom-engine::backup", 3350, "to be split: source, pipeline"),
    Exception::new(
        "sizes",
        "heirloom-engine::repository",
        2160,
        "to be split: catalogue, sessions",
    ),
    Exception::new("sizes", "heirloom-engine::restore", 3100, "to be split: planning, writing"),
    Exception::new("sizes", "heirloom-engine::tree", 2020, "to be split: entries, search tree"),
];

/// Fails with every finding that has no exception, and with every exception that is larger than what it stands for.
fn settle(rule: &str, findings: &[Finding]) {
    let mut complaints = Vec::new();
    for finding in findings {
        if !EXCEPTIONS.iter().any(|known| known.covers(rule, finding)) {
            complaints.push(format!("{}: {}", finding.place, finding.what));
        }
    }
    for known in EXCEPTIONS.iter().filter(|known| known.rule == rule) {
        let Exception { place, reason, .. } = known;
        match findings.iter().find(|finding| finding.place == *place) {
            None => {
                complaints.push(format!("{place}: the exception ({reason}) is no longer needed"));
            }
            // A fifth of slack, so that not every change has to touch the list.
            Some(finding) if finding.amount < known.most / 5 * 4 => {
                complaints.push(format!("{place}: lower the exception to {}", finding.amount));
            }
            Some(_) => {}
        }
    }
    assert!(complaints.is_empty(), "{rule}:\n{}", complaints.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the suites lie one level below the top")
}

/// Every file of the project that a person wrote, relative to its top, sorted.
fn files() -> Vec<PathBuf> {
    files_of_git().unwrap_or_else(files_on_disk)
}

/// Committed files and those that could be; git knows what is to be ignored. `None` without git.
fn files_of_git() -> Option<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = git.output().ok().filter(|output| output.status.success())?;
    let names = listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let paths = names.map(|name| PathBuf::from(OsStr::from_bytes(name)));
    let mut found: Vec<_> = paths.filter(|path| root().join(path).is_file()).collect();
    found.sort();
    Some(found).filter(|found| !found.is_empty())
}

fn files_on_disk() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root().join(&folder)).expect("the project can be read");
        for entry in entries.map(|entry| entry.expect("the project can be read")) {
            let path = folder.join(entry.file_name());
            let name = entry.file_name();
            let foreign = [".git", "target", ".venv", "__pycache__", "corpus"];
            if foreign.iter().any(|foreign| name == *foreign) {
                continue;
            }
            if entry.file_type().expect("the project can be read").is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_rule_with_an_exception_exists() {
    let rules = [
        "arrows",
        "dependencies",
        "headers",
        "ladder",
        "machine paths",
        "mod.rs",
        "orphans",
        "prose in errors",
        "purity",
        "sizes",
        "storage",
        "top level",
    ];
    for known in EXCEPTIONS {
        assert!(rules.contains(&known.rule), "{} is no rule", known.rule);
    }
}
