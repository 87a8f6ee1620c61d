//! Lost objects: whatever does not depend on them is restored, and what is missing is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::id::{NodeId, PackId};
use heirloom_engine::repository::Repository;
use heirloom_engine::tree::{
    ContentListCursor, Entry, FileContent, Kind, XattrValue, path_from_key,
};
use heirloom_engine::view::{Depth, View};
use heirloom_kit::{Client, Lab, Random, back_up, restore_to};

use crate::specimen::Specimen;

/// The packs that a file's content lies in.
fn packs_of(repository: &Repository, entry: &Entry) -> Result<BTreeSet<PackId>> {
    let mut blobs = Vec::new();
    match &entry.content {
        FileContent::Empty | FileContent::Inline(_) => {}
        FileContent::List(list) => blobs.extend(list.iter().copied()),
        FileContent::Tree(root) => {
            let (mut cursor, mut nodes) = (ContentListCursor::new(*root), repository);
            while let Some((_, blob)) = cursor.next(&mut nodes)? {
                blobs.push(blob);
            }
        }
    }
    for xattr in &entry.xattrs {
        if let XattrValue::Blob(blob) = &xattr.value {
            blobs.push(*blob);
        }
    }
    let mut packs = BTreeSet::new();
    for blob in blobs {
        packs.extend(repository.locate(&blob.id)?.first().map(|place| place.pack));
    }
    Ok(packs)
}

/// The files of a snapshot, and the packs that each needs beside those of the tree.
fn files(specimen: &Specimen, root: NodeId) -> Result<Vec<(PathBuf, BTreeSet<PackId>)>> {
    let mut entries = Vec::new();
    let view = View::new(&specimen.lab.repository, root);
    let keep = &mut |key: &[u8], entry: &Entry| {
        if entry.kind == Kind::File {
            entries.push((path_from_key(key), entry.clone()));
        }
        true
    };
    view.list(&[], Depth::All, keep, &mut |problem| panic!("{problem}"));
    let packs = |(path, entry)| Ok((path, packs_of(&specimen.lab.repository, &entry)?));
    entries.into_iter().map(packs).collect()
}

fn tree_top(specimen: &Specimen) -> String {
    specimen.lab.tree.strip_prefix("/").unwrap_or(&specimen.lab.tree).display().to_string()
}

/// Checks that the files whose packs are still there were restored, and that the others are named.
fn check_files(specimen: &Specimen, client: &Client, lost: PackId) -> Result<()> {
    let repository = client.open()?;
    let tree = tree_top(specimen);
    for (root, _) in specimen.snapshots.values() {
        let target = specimen.lab.fresh_path();
        let restored = restore_to(&repository, *root, &specimen.lab.tree, &target)?;
        for (path, packs) in files(specimen, *root)? {
            let path = path.to_string_lossy().trim_start_matches('/').to_owned();
            let Some(inside) = path.strip_prefix(&tree) else { continue };
            let name = inside.trim_start_matches('/');
            let there = target.join(name).exists();
            let needs_it = packs.contains(&lost);
            let named = restored.problems.iter().any(|problem| problem.contains(name));
            assert!(there || needs_it, "{name} does not need {lost}: {:?}", restored.problems);
            assert!(!needs_it || named, "{name} needs {lost}: {:?}", restored.problems);
        }
    }
    Ok(())
}

#[test]
fn with_any_object_lost_all_that_does_not_depend_on_it_is_restored() -> Result<()> {
    let specimen = Specimen::two(1)?;
    for name in specimen.store().names() {
        let store = specimen.store().copy();
        store.remove(&name);
        let outcome = specimen.examine(&store).with_context(|| name.clone())?;
        let folder = name.split('/').next().unwrap_or_default();
        let whole = outcome.whole.len();
        match folder {
            "index" => assert_eq!(whole, 2, "{name}: {:?}", outcome.said),
            "keys" if name.contains(".note") => assert_eq!(whole, 2, "{name}"),
            "snapshots" => assert_eq!(whole, 1, "{name}: {:?}", outcome.said),
            _ => assert!(outcome.noticed, "{name}"),
        }
    }
    Ok(())
}

#[test]
fn with_a_content_pack_lost_exactly_the_files_in_it_are_missing_and_named() -> Result<()> {
    let specimen = Specimen::two(2)?;
    let all: Result<Vec<_>> =
        specimen.snapshots.values().map(|(root, _)| files(&specimen, *root)).collect();
    let content: BTreeSet<_> = all?.into_iter().flatten().flat_map(|(_, packs)| packs).collect();
    assert_eq!(content.len(), 2, "each snapshot has a pack of content");
    for pack in content {
        for way in ["lost", "empty", "cut", "noise"] {
            let store = specimen.store().copy();
            let name = format!("packs/{pack}");
            let bytes = store.get(&name).with_context(|| name.clone())?;
            match way {
                "lost" => drop(store.remove(&name)),
                "empty" => store.set(&name, Vec::new()),
                "cut" => store.set(&name, bytes.slice(..1000)),
                _ => store.set(&name, Random::new(1).bytes(bytes.len())),
            }
            let client = Client::new(store, 7);
            check_files(&specimen, &client, pack).with_context(|| way.to_owned())?;
        }
    }
    Ok(())
}

#[test]
fn without_any_index_everything_is_restored() -> Result<()> {
    let specimen = Specimen::two(3)?;
    let store = specimen.store().copy();
    for name in store.names_in("index/") {
        store.remove(&name);
    }
    let outcome = specimen.examine(&store)?;
    assert_eq!(outcome.whole.len(), 2, "{:?}", outcome.said);
    // And the next backup stands on its own feet.
    let repository = Client::new(Arc::clone(&store) as _, 8).open()?;
    let done = back_up(&repository, &specimen.lab.tree)?;
    let target = specimen.lab.fresh_path();
    let restored = restore_to(&repository, done.root(), &specimen.lab.tree, &target)?;
    assert!(restored.problems.is_empty(), "{:?}", restored.problems);
    Ok(())
}

#[test]
fn of_two_copies_of_a_blob_either_is_enough() -> Result<()> {
    let lab = Lab::new(4)?;
    fs::write(lab.tree.join("file"), Random::new(4).bytes(100_000))?;
    // Two installations that do not see each other's index store everything twice.
    let (left, right) = (lab.store.copy(), lab.store.copy());
    let mut roots = Vec::new();
    for (seed, store) in [(41, &left), (42, &right)] {
        let repository = Client::new(Arc::clone(store) as _, seed).open()?;
        roots.push(back_up(&repository, &lab.tree)?.root());
        for name in store.names() {
            lab.store.set(&name, store.get(&name).context("just listed")?);
        }
    }
    let packs = lab.store.names_in("packs/");
    assert_eq!(packs.len(), 4, "content and tree, twice");
    for name in &packs {
        for way in ["lost", "noise"] {
            let store = lab.store.copy();
            let bytes = store.get(name).context("just listed")?.len();
            match way {
                "lost" => drop(store.remove(name)),
                _ => store.set(name, Random::new(1).bytes(bytes)),
            }
            let repository = Client::new(store, 43).open()?;
            for root in &roots {
                let target = lab.fresh_path();
                let restored = restore_to(&repository, *root, &lab.tree, &target)
                    .with_context(|| format!("{name} {way}"))?;
                assert!(restored.problems.is_empty(), "{name} {way}: {:?}", restored.problems);
            }
        }
    }
    Ok(())
}
