//! Cargo packages: which may depend on which, and which files they compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::{Finding, files, root, settle};

const ENGINE: &str = "heirloom-engine";
const BACKENDS: &str = "heirloom-backends";
const PROTOCOL: &str = "heirloom-plugin";
const HOST: &str = "heirloom-plugin-host";
const CHATS: &str = "heirloom-chats";

/// Everything of this project that a package may depend on, in its own code and in its unit tests.
const ARROWS: &[(&str, &[&str])] = &[
    (ENGINE, &[]),
    (BACKENDS, &[ENGINE]),
    (PROTOCOL, &[]),
    (HOST, &[ENGINE, PROTOCOL]),
    (CHATS, &[ENGINE]),
    ("heirloom", &[ENGINE, BACKENDS, HOST, CHATS]),
];

/// Packages in these folders may depend on anything, and nothing outside may depend on them.
const FREE: &[&str] = &["tests", "benches"];

/// A package and where it lies.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the top of the project.
    pub(crate) folder: PathBuf,
    manifest: Table,
}

pub(crate) fn all() -> Vec<Package> {
    let manifests = files().into_iter().filter(|path| path.ends_with("Cargo.toml"));
    manifests
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(&path)).expect("a manifest is text");
            let manifest: Table =
                text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
            let folder = path.parent().expect("a file has a parent").to_owned();
            Some(Package { name, folder, manifest })
        })
        .collect()
}

impl Package {
    pub(crate) fn is_free(&self) -> bool {
        FREE.iter().any(|folder| self.folder.starts_with(folder))
    }

    /// Names of everything it depends on, in whatever section.
    fn dependencies(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_dependencies(&self.manifest, &mut names);
        names
    }

    /// The root files of everything that cargo compiles for it.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        let mut roots = vec!["build.rs".into(), "src/lib.rs".into(), "src/main.rs".into()];
        for (section, folder, switch) in [
            ("bin", "src/bin", "autobins"),
            ("test", "tests", "autotests"),
            ("bench", "benches", "autobenches"),
            ("example", "examples", "autoexamples"),
        ] {
            for target in self.manifest.get(section).and_then(Value::as_array).into_iter().flatten()
            {
                let text = |key| target.get(key).and_then(Value::as_str);
                let by_name = || text("name").map(|name| format!("{folder}/{name}.rs"));
                roots.extend(text("path").map(str::to_owned).or_else(by_name).map(PathBuf::from));
            }
            let package = self.manifest.get("package").and_then(Value::as_table);
            let switched = package.and_then(|package| package.get(switch)).and_then(Value::as_bool);
            if switched != Some(false) {
                roots.extend(self.discovered(folder));
            }
        }
        if let Some(path) = self.manifest.get("lib").and_then(|lib| lib.get("path")?.as_str()) {
            roots.push(path.into());
        }
        let full = roots.into_iter().map(|path| self.folder.join(path));
        full.filter(|path| root().join(path).is_file()).collect()
    }

    /// What cargo finds without being told: `folder/x.rs` and `folder/x/main.rs`.
    fn discovered(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join(&self.folder).join(folder)).into_iter().flatten();
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        names
            .map(|name| Path::new(folder).join(name))
            .map(|path| if path.extension().is_some() { path } else { path.join("main.rs") })
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect()
    }
}

/// Sections may be nested below `target.'cfg(...)'`.
fn collect_dependencies(table: &Table, names: &mut BTreeSet<String>) {
    for (key, value) in table {
        let Some(section) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            for (name, value) in section {
                let renamed = value.get("package").and_then(Value::as_str);
                names.insert(renamed.unwrap_or(name).to_owned());
            }
        } else if key != "package" {
            collect_dependencies(section, names);
        }
    }
}

#[test]
fn packages_depend_only_downwards() {
    let packages = all();
    let own: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let free: BTreeSet<_> = packages
        .iter()
        .filter(|package| package.is_free())
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for package in &packages {
        let place = package.folder.join("Cargo.toml").display().to_string();
        let example = package.folder.starts_with("plugins/examples");
        let permitted = match ARROWS.iter().find(|(name, _)| *name == package.name) {
            Some((_, permitted)) => *permitted,
            None if package.is_free() => continue,
            // An example shows what a stranger needs, which is the protocol and nothing else.
            None if example => &[PROTOCOL],
            None => {
                findings.push(Finding::new(place, format!("{} is not on the map", package.name)));
                continue;
            }
        };
        for name in package.dependencies() {
            if free.contains(name.as_str())
                || own.contains(name.as_str()) && !permitted.contains(&name.as_str())
            {
                let what = format!("{} may not depend on {name}", package.name);
                findings.push(Finding::new(place.clone(), what));
            }
        }
    }
    settle("arrows", &findings);
}

#[test]
fn every_dependency_has_a_reason_in_writing() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a workspace");
    let manifest: Table = manifest.parse().expect("the workspace's manifest is TOML");
    let reasons = fs::read_to_string(root().join("docs/dependencies.md")).unwrap_or_default();
    let dependencies = manifest["workspace"]["dependencies"].as_table().expect("it is a table");
    let own: BTreeSet<_> = all().into_iter().map(|package| package.name).collect();
    let findings: Vec<_> = dependencies
        .keys()
        .filter(|name| !own.contains(*name) && !reasons.contains(&format!("`{name}`")))
        .map(|name| Finding::new(name.clone(), "has no line in docs/dependencies.md"))
        .collect();
    settle("dependencies", &findings);
}
