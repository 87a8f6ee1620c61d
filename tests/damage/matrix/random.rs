//! Several objects damaged at once, at random: a repair never takes away what could still be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::check::{self, CheckOptions, Choice, Weight};
use heirloom_engine::id::{ContentId, NodeId};
use heirloom_engine::repository::Repository;
use heirloom_engine::tree::{NodeSource as _, Reference, references};
use heirloom_kit::{CollectedProgress, MemoryStorage, Random, is_thorough};

use super::rich::{Kind, Rich};
use super::trial::{self, Operation};
use super::ways::{Way, strike};

/// Everything that snapshots refer to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Blobs {
    nodes: BTreeSet<NodeId>,
    content: BTreeSet<ContentId>,
}

impl Blobs {
    fn of(repository: &Repository) -> Result<Self> {
        let mut blobs = Self::default();
        let listed = repository.snapshots()?;
        let all = [listed.taken, listed.disputed, listed.forgotten].concat();
        let mut waiting: Vec<_> = all.iter().map(|snapshot| snapshot.record.root).collect();
        while let Some(id) = waiting.pop() {
            if !blobs.nodes.insert(id) {
                continue;
            }
            let mut nodes = repository;
            let node = nodes.node(&id)?;
            references(&node, &mut |reference| match reference {
                Reference::Node(node) => waiting.push(node),
                Reference::Blob(blob) => drop(blobs.content.insert(blob.id)),
            })?;
        }
        Ok(blobs)
    }

    /// Those that can be read.
    fn readable(&self, repository: &Repository) -> Self {
        let mut nodes = repository;
        Self {
            nodes: self.nodes.iter().filter(|id| nodes.node(id).is_ok()).copied().collect(),
            content: self
                .content
                .iter()
                .filter(|id| repository.content(id).is_ok())
                .copied()
                .collect(),
        }
    }
}

/// Damages a few objects; not all keys at once, without which there is no repository.
fn damage(rich: &Rich, other: &Rich, random: &mut Random) -> Result<Arc<MemoryStorage>> {
    let store = rich.store().copy();
    for _ in 0..=random.below(5) {
        let kind = *random.pick(&Kind::ALL);
        let way = *random.pick(&Way::ALL);
        let objects = rich.objects(kind);
        let object = if kind == Kind::KeySlot { &objects[0] } else { random.pick(&objects) };
        let struck = strike(rich, other, (kind, way), object)?;
        match random.pick(&struck).get(object) {
            Some(bytes) => store.set(object, bytes),
            None => drop(store.remove(object)),
        }
    }
    Ok(store)
}

fn try_seed(rich: &Rich, other: &Rich, all: &Blobs, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let store = damage(rich, other, &mut random)?;
    let before = all.readable(&rich.client(&store, seed)?.open()?);
    let lost = trial::mend(&rich.client(&store, seed + 1)?)?;
    let repository = rich.newcomer(&store)?;
    let after = all.readable(&repository);
    ensure!(before.nodes.is_subset(&after.nodes), "a node was lost by the repair");
    ensure!(before.content.is_subset(&after.content), "content was lost by the repair");
    let options = CheckOptions { read: Some(Choice::All), ..CheckOptions::default() };
    let report = check::run(&repository, &options, &CollectedProgress::new())?;
    let sound = report.weight() <= Some(Weight::Remark);
    ensure!(sound, "not mended: {:?} {:?}", report.findings, report.affected);
    // Whatever is missing was named.
    trial::operate(rich, &repository, Operation::Restore, Some(&lost))?;
    Ok(())
}

#[test]
fn a_repair_never_takes_away_what_could_be_read() -> Result<()> {
    let (rich, other) = (Rich::new(11)?, Rich::new(12)?);
    let all = Blobs::of(&rich.specimen.lab.repository)?;
    for seed in 0..if is_thorough() { 2000 } else { 100 } {
        try_seed(&rich, &other, &all, seed * 10).with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}
