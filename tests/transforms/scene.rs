//! A folder with files that can be taken apart, and what they hold beside them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::id::NodeId;
use heirloom_engine::repository::Repository;
use heirloom_engine::restore::{self, RestoreOptions};
use heirloom_engine::transform::Undo;
use heirloom_engine::tree::{Entry, key_from_path};
use heirloom_engine::view::View;
use heirloom_kit::{
    BackedUp, CollectedProgress, Content, KitFile, KitSource, KitUndo, Lab, Random, Restored,
    back_up_from, files_of, options_for,
};

/// A database, as far as a chunker looks.
pub(crate) fn database(pages: u32, seed: u64) -> Vec<u8> {
    let page = |number: u32| Random::new(seed ^ u64::from(number) << 20).bytes(4096);
    let mut bytes: Vec<u8> = (0..pages).flat_map(page).collect();
    bytes[..24].copy_from_slice(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20");
    bytes
}

pub(crate) fn photo(seed: u64) -> Vec<u8> {
    let mut bytes = Random::new(seed).bytes(1_300_000);
    bytes[..4].copy_from_slice(b"\xff\xd8\xff\xe0");
    bytes
}

/// Two files to take apart, one of them under two names, and two that are as they are.
pub(crate) fn fill(tree: &Path) -> Result<()> {
    let (database, photo) = (database(500, 1), photo(2));
    let words = Content::Text(3).bytes(40_000);
    fs::create_dir(tree.join("more"))?;
    fs::write(tree.join("chats.db.crypt15"), KitFile::with(&[&database, &photo, &words]))?;
    fs::hard_link(tree.join("chats.db.crypt15"), tree.join("more/second name"))?;
    fs::write(tree.join("more/archive"), KitFile::to_be_made(&[&words, b"", &photo]))?;
    fs::write(tree.join("plain"), Random::new(4).bytes(700_000))?;
    fs::write(tree.join("words.txt"), Content::Text(5).bytes(300_000))?;
    Ok(())
}

/// A lab with such a tree.
pub(crate) fn scene(seed: u64) -> Result<Lab> {
    let lab = Lab::new(seed)?;
    fill(&lab.tree)?;
    Ok(lab)
}

/// Backs the folder up, and takes apart what can be.
pub(crate) fn back_up(lab: &Lab) -> Result<BackedUp> {
    let mut source = KitSource::new(files_of(&lab.tree));
    Ok(back_up_from(&lab.repository, &mut source, &options_for(&lab.tree))?)
}

/// The repository with somebody who puts together.
pub(crate) fn open(lab: &Lab, undo: &Arc<KitUndo>) -> Result<Repository> {
    Ok(lab.client.open()?.with_undo(Arc::clone(undo) as Arc<dyn Undo>))
}

pub(crate) fn entry(repository: &Repository, root: NodeId, path: &Path) -> Result<Entry> {
    View::new(repository, root)
        .entry(&key_from_path(path))?
        .with_context(|| path.display().to_string())
}

/// What a restore of the folder does that differs from the usual.
pub(crate) fn options(lab: &Lab, target: &Path) -> RestoreOptions {
    RestoreOptions {
        target: target.to_owned(),
        subpath: key_from_path(&lab.tree),
        threads: 2,
        ..RestoreOptions::default()
    }
}

pub(crate) fn restore(
    repository: &Repository,
    root: NodeId,
    options: &RestoreOptions,
) -> Result<Restored> {
    let (progress, mut nodes) = (CollectedProgress::new(), repository);
    let report = restore::run(repository, &mut nodes, root, options, &progress)?;
    Ok(Restored { report, problems: progress.problems() })
}

pub(crate) fn are_one_file(a: &Path, b: &Path) -> Result<bool> {
    Ok(fs::metadata(a)?.ino() == fs::metadata(b)?.ino())
}
