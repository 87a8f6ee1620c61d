//! Random trees, each backed up, restored and compared in everything that a restore promises.

use std::collections::HashSet;
use std::fs;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use heirloom_kit::{
    Lab, Node, NodeKind, TreePlan, TreeShape, is_continuous_integration, is_thorough,
};

/// A random tree whose hard links are all between files: those of other kinds come back as several entries.
pub(crate) fn plan(seed: u64, shape: TreeShape) -> TreePlan {
    let mut plan = TreePlan::random(seed, shape);
    let is_file = |node: &Node| matches!(node.kind, NodeKind::File(_));
    let files: HashSet<_> =
        plan.nodes.iter().filter(|node| is_file(node)).map(|node| node.path.clone()).collect();
    for node in &mut plan.nodes {
        if matches!(&node.kind, NodeKind::HardLink(to) if !files.contains(to)) {
            node.kind = NodeKind::Fifo;
        }
    }
    plan
}

/// Trees that share a repository, so that they also share blobs, and so that segments get merged.
const TREES_PER_REPOSITORY: u64 = 6;

const THREADS: u64 = 2;

fn shape_of(seed: u64) -> TreeShape {
    let entries = usize::try_from(1 + seed % 12).expect("at most 12");
    // One tree in sixteen has files of several chunks.
    let file_bytes_max = if seed.is_multiple_of(16) { 200_000 } else { 12_000 };
    TreeShape { file_bytes_max, ..TreeShape::of(entries) }
}

fn check_some(first: u64, end: u64) -> Result<()> {
    let lab = Lab::new(first)?;
    for seed in first..end {
        let check = || -> Result<()> {
            fs::create_dir_all(&lab.tree)?;
            plan(seed, shape_of(seed)).create(&lab.tree)?;
            let root = lab.back_up()?.root();
            lab.check(root, &lab.tree)?;
            Ok(fs::remove_dir_all(&lab.tree)?)
        };
        check().with_context(|| format!("tree with seed {seed}"))?;
    }
    Ok(())
}

fn check_seeds(trees: u64) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let starts = (0..trees)
                        .step_by(usize::try_from(TREES_PER_REPOSITORY)?)
                        .skip(usize::try_from(thread)?);
                    for first in starts.step_by(usize::try_from(THREADS)?) {
                        check_some(first, trees.min(first + TREES_PER_REPOSITORY))?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

#[test]
fn random_trees_come_back_exactly() -> Result<()> {
    check_seeds(if is_thorough() || is_continuous_integration() { 10_000 } else { 300 })
}

#[test]
fn large_random_trees_come_back_exactly() -> Result<()> {
    for seed in 0..2 {
        let lab = Lab::new(seed)?;
        plan(1_000_000 + seed, TreeShape::of(400)).create(&lab.tree)?;
        lab.check(lab.back_up()?.root(), &lab.tree)?;
    }
    Ok(())
}
