//! Folders worth backing up: some of everything, and enough of it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use heirloom_kit::servers::all_stores;
use heirloom_kit::{NodeKind, Random, TreePlan, TreeShape, is_thorough};

/// Megabytes of incompressible files beside the small ones.
fn megabytes() -> u64 {
    if all_stores() || is_thorough() { 190 } else { 14 }
}

/// Makes a tree of small files of every kind, some large ones, and text.
pub(crate) fn make(root: &Path, seed: u64) -> Result<()> {
    let mut plan = TreePlan::random(seed, TreeShape::of(300));
    // Second names of pipes and symbolic links come back as pipes and symbolic links of their own.
    plan.nodes.retain(|node| !matches!(node.kind, NodeKind::HardLink(_)));
    plan.create(root)?;
    let mut random = Random::new(seed);
    for number in 0..megabytes() / 2 {
        fs::write(root.join(format!("photo {number}")), random.bytes(2 << 20))?;
    }
    let words = ["harbour", "seven", "blue", "letters", "under", "the", "quiet", "roof"];
    let mut text = String::new();
    while text.len() < 4 << 20 {
        text.push_str(random.pick::<&str>(&words));
        text.push(if random.one_in(12) { '\n' } else { ' ' });
    }
    fs::write(root.join("letters"), text)?;
    Ok(fs::hard_link(root.join("letters"), root.join("letters again"))?)
}

/// A day later: one file is longer, one is new, one has another name, one is gone.
pub(crate) fn change(root: &Path) -> Result<()> {
    let mut random = Random::new(77);
    let mut letters = fs::read(root.join("letters"))?;
    letters.splice(100..200, *b"something else was written here");
    fs::remove_file(root.join("letters"))?;
    fs::write(root.join("letters"), letters)?;
    fs::write(root.join("new"), random.bytes(300_000))?;
    fs::rename(root.join("photo 0"), root.join("best photo"))?;
    Ok(fs::remove_file(root.join("photo 1"))?)
}
