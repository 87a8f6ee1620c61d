//! A prune that meets damage deletes nothing that it cannot prove dead.

use std::fs;

use anyhow::{Context as _, Result};
use heirloom_engine::prune::{PruneError, PruneReport};
use heirloom_kit::{BackedUp, Client, Lab, Random, back_up, prune_options, prune_with};

use crate::waiting::forget;

/// One forgotten and one live snapshot that share half of their files.
fn lab(seed: u64) -> Result<(Lab, BackedUp)> {
    let lab = Lab::new(seed)?;
    for number in 0..20 {
        let content = Random::new(seed * 100 + number).bytes(60_000);
        fs::write(lab.tree.join(format!("file{number}")), content)?;
    }
    let old = lab.back_up()?;
    for number in 0..10 {
        fs::remove_file(lab.tree.join(format!("file{number}")))?;
    }
    fs::write(lab.tree.join("other"), Random::new(seed).bytes(60_000))?;
    let new = back_up(&Client::new(lab.storage(), 50).open()?, &lab.tree)?;
    forget(&lab, &[&old])?;
    Ok((lab, new))
}

fn prune(lab: &Lab, seed: u64) -> Result<PruneReport, PruneError> {
    prune_with(&Client::new(lab.storage(), seed).open()?, &prune_options())
}

/// Damages the objects of a folder one by one, prunes, and makes them whole again.
fn each(lab: &Lab, folder: &str, mut check: impl FnMut(&str, Result<PruneReport, PruneError>)) {
    for (number, name) in lab.store.names_in(folder).into_iter().enumerate() {
        for damage in ["lost", "flipped", "cut", "empty"] {
            let copy = lab.store.copy();
            let bytes = copy.get(&name).expect("listed");
            match damage {
                "lost" => drop(copy.remove(&name)),
                "flipped" => drop(copy.flip(&name, bytes.len() / 2, 4)),
                "cut" => copy.set(&name, bytes.slice(..bytes.len() / 2)),
                _ => copy.set(&name, Vec::new()),
            }
            let packs = copy.names_in("packs/").len();
            let client = Client::new(std::sync::Arc::clone(&copy) as _, 1000 + number as u64);
            let pruned = client
                .open()
                .map_err(PruneError::from)
                .and_then(|r| prune_with(&r, &prune_options()));
            if pruned.is_err() {
                assert_eq!(copy.names_in("packs/").len(), packs, "{name} {damage}: packs went");
            }
            check(&format!("{name} {damage}"), pruned);
        }
    }
}

#[test]
fn a_snapshot_record_that_cannot_be_read_ends_it() -> Result<()> {
    let (lab, new) = lab(1)?;
    let live = format!("snapshots/{}", new.report.snapshot.as_ref().context("taken")?.snapshot);
    each(&lab, "snapshots/", |what, pruned| match pruned {
        // The one that is lost was never seen by this client, so nobody can know. The forgotten one matters to nobody.
        Ok(_) => assert!(what.contains("lost") || !what.contains(&live), "{what}"),
        Err(PruneError::UnknownSnapshots { .. }) => {}
        Err(error) => panic!("{what}: {error:?}"),
    });
    assert!(lab.store.get(&live).is_some());
    Ok(())
}

#[test]
fn a_tombstone_that_cannot_be_read_leaves_its_snapshot_alone() -> Result<()> {
    let (lab, _) = lab(2)?;
    each(&lab, "tombstones/", |what, pruned| {
        let report = pruned.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(report.deleted_packs, 0, "{what}");
    });
    Ok(())
}

/// Whoever forgets it once more writes the tombstone anew, and may be killed in the middle.
#[test]
fn half_a_tombstone_of_a_snapshot_that_is_gone_stops_nobody_and_none_at_all_does() -> Result<()> {
    let (lab, new) = lab(6)?;
    prune(&lab, 1)?;
    let name = lab.store.names_in("tombstones/").pop().context("it stays")?;
    let whole = lab.store.get(&name).context("listed")?;
    lab.store.set(&name, whole.slice(..whole.len() / 2));
    prune(&lab, 2)?;
    let repository = Client::new(lab.storage(), 3).open()?;
    let progress = heirloom_kit::CollectedProgress::new();
    let plan = heirloom_engine::prune::plan(&repository, &prune_options(), &progress)?;
    assert_eq!(plan.problems.len(), 2, "the tombstone, and what it cannot excuse: {plan:?}");
    lab.store.remove(&name);
    assert!(
        matches!(prune(&lab, 3), Err(PruneError::Rollback { snapshots }) if snapshots.len() == 1)
    );
    lab.check(new.root(), &lab.tree)
}

#[test]
fn index_segments_that_cannot_be_read_are_made_up_for_by_the_packs() -> Result<()> {
    let (lab, new) = lab(3)?;
    each(&lab, "index/", |what, pruned| {
        let report = pruned.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert!(report.damaged.is_empty(), "{what}: {report:?}");
    });
    for name in lab.store.names_in("index/") {
        lab.store.flip(&name, 100, 1);
    }
    prune(&lab, 9)?;
    lab.check(new.root(), &lab.tree)?;
    let repository = Client::new(lab.storage(), 10).open()?;
    let again = heirloom_engine::prune::plan(
        &repository,
        &prune_options(),
        &heirloom_kit::CollectedProgress::new(),
    )?;
    assert!(again.problems.is_empty() && again.is_empty(), "the index is whole again: {again:?}");
    Ok(())
}

#[test]
fn a_pack_that_is_needed_and_damaged_ends_it_or_is_left_alone() -> Result<()> {
    let (lab, _) = lab(4)?;
    each(&lab, "packs/", |what, pruned| match pruned {
        Ok(report) => {
            let untouched = report.damaged.is_empty() && what.contains("flipped");
            let unneeded = report.damaged.is_empty();
            assert!(untouched || unneeded || !report.damaged.is_empty(), "{what}");
        }
        Err(PruneError::Incomplete { .. }) => {}
        Err(error) => panic!("{what}: {error:?}"),
    });
    Ok(())
}

#[test]
fn whatever_is_damaged_what_could_be_read_before_can_be_read_after() -> Result<()> {
    let (lab, new) = lab(5)?;
    for name in lab.store.names_in("packs/") {
        let bytes = lab.store.get(&name).context("listed")?.len();
        for position in (1200..bytes).step_by(bytes / 7) {
            let copy = lab.store.copy();
            copy.flip(&name, position, 1);
            let storage = || std::sync::Arc::clone(&copy) as _;
            let readable = |seed| -> Result<Vec<String>> {
                let repository = Client::new(storage(), seed).open()?;
                let target = lab.fresh_path();
                drop(heirloom_kit::restore_to(&repository, new.root(), &lab.tree, &target));
                let mut found = Vec::new();
                for number in 0..20 {
                    let file = format!("file{number}");
                    let same =
                        fs::read(target.join(&file)).ok() == fs::read(lab.tree.join(&file)).ok();
                    found.extend(same.then_some(file));
                }
                drop(fs::remove_dir_all(target));
                Ok(found)
            };
            let before = readable(1)?;
            let pruned = Client::new(storage(), 2).open().map_err(PruneError::from);
            drop(pruned.and_then(|repository| prune_with(&repository, &prune_options())));
            let after = readable(3)?;
            assert!(before.iter().all(|file| after.contains(file)), "{name} at {position}");
        }
    }
    Ok(())
}
