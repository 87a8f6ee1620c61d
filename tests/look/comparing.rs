//! `diff` with a folder of this machine, and how little two snapshots cost to compare.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, ensure};
use heirloom_engine::error::ReadError;
use heirloom_engine::id::NodeId;
use heirloom_engine::repository::Repository;
use heirloom_engine::tree::{Diff, NodeSource};
use heirloom_engine::view::compare;
use heirloom_kit::{Lab, TreePlan, TreeShape};
use serde_json::Value;

use crate::desk::{Desk, text};

fn touch(path: &Path, seconds: u64) -> Result<()> {
    let file = fs::File::options().write(true).open(path)?;
    Ok(file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))?)
}

/// What `diff` says, as pairs of id and last component.
fn differences(desk: &Desk, flags: &[&str]) -> Result<Vec<(String, String)>> {
    let source = desk.source();
    let latest = desk.latest()?;
    let objects = desk.objects(&[&["diff", &latest, text(&source)?], flags].concat(), "file")?;
    let pair = |object: &Value| {
        let path = object["path"].as_str().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let id = object["id"].as_str().unwrap_or_default().trim_start_matches("entry.");
        (id.to_owned(), name.to_owned())
    };
    Ok(objects.iter().map(pair).collect())
}

#[test]
fn a_folder_is_compared_by_what_stat_tells_and_by_content_where_that_leaves_it_open() -> Result<()>
{
    let desk = Desk::new()?;
    let file = |name: &str| desk.source().join(name);
    for name in ["same", "grown", "touched", "rewritten", "mode", "removed", "sly"] {
        fs::write(file(name), name)?;
        touch(&file(name), 1_000_000_000)?;
    }
    fs::write(file("large"), vec![3; 3 << 20])?;
    desk.snapshot()?;
    ensure!(differences(&desk, &["--metadata"])?.is_empty());
    fs::write(file("grown"), "grown longer")?;
    touch(&file("touched"), 1_100_000_000)?;
    fs::write(file("rewritten"), "nettirwer")?;
    fs::set_permissions(file("mode"), fs::Permissions::from_mode(0o400))?;
    fs::remove_file(file("removed"))?;
    fs::create_dir(file("added"))?;
    touch(&file("large"), 1_100_000_000)?;
    // As large as before and with its time.
    fs::write(file("sly"), "yls")?;
    touch(&file("sly"), 1_000_000_000)?;
    let expected = |more: &[(&str, &str)]| {
        let mut all = vec![
            ("added", "added"),
            ("content-changed", "grown"),
            ("removed", "removed"),
            ("content-changed", "rewritten"),
        ];
        all.extend_from_slice(more);
        all.sort_by_key(|(_, name)| *name);
        all.into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(differences(&desk, &[])?, expected(&[]));
    assert_eq!(differences(&desk, &["--content"])?, expected(&[("content-changed", "sly")]));
    let metadata: Vec<_> = differences(&desk, &["--metadata"])?
        .into_iter()
        .filter(|(id, name)| id == "metadata-changed" && name != "source")
        .map(|(_, name)| name)
        .collect();
    assert_eq!(metadata, ["large", "mode", "touched"]);
    Ok(())
}

#[test]
fn what_was_restored_does_not_differ_though_every_inode_is_another() -> Result<()> {
    let desk = Desk::new()?;
    TreePlan::random(21, TreeShape::of(120)).create(&desk.source())?;
    desk.snapshot()?;
    let (latest, target) = (desk.latest()?, desk.path("restored"));
    desk.run(&["restore", "-q", &latest, "--target", text(&target)?])?;
    for flags in [&[][..], &["--content"]] {
        let arguments = [&["diff", &latest, text(&target)?, "--metadata"], flags].concat();
        let objects = desk.objects(&arguments, "file")?;
        ensure!(objects.is_empty(), "{objects:#?}");
    }
    Ok(())
}

#[test]
fn a_folder_that_is_not_there_is_a_mistake() -> Result<()> {
    let desk = Desk::new()?;
    fs::write(desk.source().join("file"), "x")?;
    desk.snapshot()?;
    let output = desk.attempt(&["diff", "latest", "/no/such/folder"])?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    Ok(())
}

#[test]
fn two_snapshots_that_differ_little_read_little() -> Result<()> {
    let lab = Lab::new(31)?;
    for number in 0..20_000 {
        fs::write(lab.tree.join(format!("file{number:05}")), "")?;
    }
    let before = lab.back_up()?.root();
    for number in 0..10 {
        fs::write(lab.tree.join(format!("file{:05}", number * 1_999)), "changed")?;
    }
    let after = lab.back_up()?.root();
    let repository = lab.client.open()?;
    let mut counted = Nodes { repository: &repository, read: 0 };
    let mut diff = Diff::new(before, after);
    let mut changes = 0;
    while diff.next(&mut counted)?.is_some() {
        changes += 1;
    }
    ensure!(changes == 10, "{changes}");
    // Both sides of ten leaves, the paths to them, and the odd neighbour.
    ensure!(counted.read <= 60, "{} nodes", counted.read);
    let compared = compare(&repository, (before, after), b"", &mut |_| true, &mut |_| {});
    assert_eq!((compared.changed, compared.metadata, compared.added), (10, 0, 0));
    Ok(())
}

struct Nodes<'r> {
    repository: &'r Repository,
    read: u64,
}

impl NodeSource for Nodes<'_> {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        self.read += 1;
        let mut repository = self.repository;
        repository.node(id)
    }
}
