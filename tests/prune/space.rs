//! What a prune frees, and what is left.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::prune::{Action, Limit, PruneOptions, plan};
use heirloom_kit::{
    BackedUp, Client, CollectedProgress, Lab, Random, back_up, prune_options, prune_with,
};

use crate::waiting::forget;

/// Writes the numbered files anew, each with content of its own.
fn write(lab: &Lab, numbers: impl Iterator<Item = u64>, round: u64, bytes: usize) -> Result<()> {
    for number in numbers {
        let content = Random::new(number * 1000 + round).bytes(bytes);
        fs::write(lab.tree.join(format!("file{number:03}")), content)?;
    }
    Ok(())
}

fn open(lab: &Lab, seed: u64) -> Result<heirloom_engine::repository::Repository> {
    Ok(Client::new(lab.storage(), seed).open()?)
}

/// A store with only the newest of three states of a folder taken, all others forgotten.
fn history(seed: u64) -> Result<(Lab, BackedUp)> {
    let lab = Lab::new(seed)?;
    write(&lab, 0..60, 0, 50_000)?;
    let first = lab.back_up()?;
    write(&lab, (0..60).step_by(3), 1, 50_000)?;
    let second = back_up(&open(&lab, 100)?, &lab.tree)?;
    write(&lab, (0..60).step_by(4), 2, 50_000)?;
    let third = back_up(&open(&lab, 101)?, &lab.tree)?;
    forget(&lab, &[&first, &second])?;
    Ok((lab, third))
}

fn fresh_size(lab: &Lab) -> Result<u64> {
    let fresh = Lab::new(7777)?;
    back_up(&fresh.repository, &lab.tree)?;
    Ok(fresh.store.total_bytes())
}

#[test]
fn after_forgetting_all_but_the_newest_a_repository_is_as_large_as_a_fresh_one() -> Result<()> {
    let (lab, newest) = history(1)?;
    let before = lab.store.total_bytes();
    let repository = open(&lab, 200)?;
    let options = prune_options();
    let planned = plan(&repository, &options, &CollectedProgress::new())?;
    assert!(planned.with(&[Action::Repack]).count() > 0, "{planned:?}");
    let report = prune_with(&repository, &options)?;
    let after = lab.store.total_bytes();
    let fresh = fresh_size(&lab)?;
    println!("{before} bytes before, {after} after, {fresh} fresh; {report:?}");
    assert!(after * 100 <= fresh * 106, "{after} bytes, {fresh} when fresh");
    assert_eq!(report.freed_bytes.min(1), 1);
    assert_eq!(lab.store.names_in("condemned/"), [""; 0]);
    assert_eq!(lab.store.names_in("sessions/"), [""; 0]);
    assert_eq!(lab.store.names_in("snapshots/").len(), 1, "records of forgotten ones go");
    assert_eq!(lab.store.names_in("tombstones/").len(), 2, "what was forgotten stays on record");
    lab.check(newest.root(), &lab.tree)?;
    heirloom_kit::restore_all(&open(&lab, 201)?, newest.root(), &lab.tree, &lab.fresh_path())?;
    Ok(())
}

#[test]
fn what_was_shown_is_what_is_done() -> Result<()> {
    let (lab, newest) = history(2)?;
    let repository = open(&lab, 200)?;
    let shown = plan(&repository, &prune_options(), &CollectedProgress::new())?;
    let names = lab.store.names();
    assert_eq!(lab.store.names(), names, "a plan writes nothing");
    let mut done = None;
    let progress: std::sync::Arc<dyn heirloom_engine::progress::Progress> =
        std::sync::Arc::new(CollectedProgress::new());
    heirloom_engine::prune::run(&repository, &prune_options(), &progress, &mut |plan| {
        done = Some((plan.changes.clone(), plan.freed, plan.copied));
    })?;
    let (changes, freed, copied) = done.context("a plan")?;
    assert_eq!((shown.changes, shown.freed, shown.copied), (changes.clone(), freed, copied));
    for change in changes {
        let name = format!("packs/{}", change.pack);
        ensure!(lab.store.get(&name).is_none(), "{name} is still there");
    }
    lab.check(newest.root(), &lab.tree)
}

#[test]
fn a_second_prune_finds_nothing_to_do() -> Result<()> {
    let (lab, newest) = history(3)?;
    prune_with(&open(&lab, 200)?, &prune_options())?;
    let packs = lab.store.names_in("packs/");
    let again = plan(&open(&lab, 201)?, &prune_options(), &CollectedProgress::new())?;
    assert!(again.is_empty(), "{again:?}");
    prune_with(&open(&lab, 202)?, &prune_options())?;
    assert_eq!(lab.store.names_in("packs/"), packs);
    lab.check(newest.root(), &lab.tree)
}

#[test]
fn the_next_snapshot_refers_to_what_was_copied() -> Result<()> {
    let (lab, _) = history(4)?;
    prune_with(&open(&lab, 200)?, &prune_options())?;
    let before = lab.store.total_bytes();
    fs::write(lab.tree.join("one more"), b"small")?;
    let next = back_up(&open(&lab, 201)?, &lab.tree)?;
    assert!(lab.store.total_bytes() - before < 30_000, "stored again");
    lab.check(next.root(), &lab.tree)
}

#[test]
fn limits_are_kept() -> Result<()> {
    let everything = |limit: Limit| PruneOptions { max_unused: limit, ..prune_options() };
    let (lab, newest) = history(5)?;
    let progress = CollectedProgress::new();
    let repository = open(&lab, 200)?;
    let none = plan(&repository, &everything(Limit::Unlimited), &progress)?;
    assert_eq!(none.with(&[Action::Repack]).count(), 0);
    let all = plan(&repository, &everything(Limit::Percent(0.0)), &progress)?;
    let some = plan(&repository, &everything(Limit::Percent(20.0)), &progress)?;
    assert!(all.unused_after <= some.unused_after && some.unused_after < none.unused_after);
    let options = PruneOptions { max_repack: Limit::Bytes(0), ..prune_options() };
    assert_eq!(plan(&repository, &options, &progress)?.copied, 0);
    // Out of time at once: what needs no copying is deleted, the rest is for the next run.
    let options = PruneOptions { time_budget_ns: Some(0), ..prune_options() };
    let report = prune_with(&repository, &options)?;
    assert!(report.postponed_packs > 0 && report.repacked_packs == 0, "{report:?}");
    let report = prune_with(&open(&lab, 201)?, &prune_options())?;
    assert!(report.repacked_packs > 0, "{report:?}");
    lab.check(newest.root(), &lab.tree)
}

#[test]
fn many_small_packs_become_few() -> Result<()> {
    let lab = Lab::new(6)?;
    let mut last = None;
    for round in 0..12 {
        write(&lab, round * 2..round * 2 + 2, 0, 3000)?;
        last = Some(back_up(&open(&lab, 300 + round)?, &lab.tree)?);
    }
    assert!(lab.store.names_in("packs/").len() >= 24);
    prune_with(&open(&lab, 400)?, &prune_options())?;
    assert!(lab.store.names_in("packs/").len() <= 4, "{:?}", lab.store.names_in("packs/"));
    assert!(lab.store.names_in("index/").len() <= 3, "{:?}", lab.store.names_in("index/"));
    lab.check(last.context("a snapshot")?.root(), &lab.tree)
}

#[test]
fn packs_that_a_killed_client_left_behind_go_away() -> Result<()> {
    let lab = Lab::new(8)?;
    write(&lab, 0..4, 0, 50_000)?;
    let taken = lab.back_up()?;
    let before = lab.store.names_in("packs/");
    // A pack without index, and a segment without snapshot.
    let other = lab.store.copy();
    write(&lab, 10..14, 0, 50_000)?;
    back_up(&Client::new(std::sync::Arc::clone(&other) as _, 50).open()?, &lab.tree)?;
    for name in other.names_in("packs/").into_iter().chain(other.names_in("index/")) {
        lab.store.set(&name, other.get(&name).context("listed")?);
    }
    lab.store.set(&format!("packs/{}", "ab".repeat(32)), b"no pack at all".to_vec());
    prune_with(&open(&lab, 60)?, &prune_options())?;
    assert_eq!(lab.store.names_in("packs/"), before);
    lab.restore(taken.root())?;
    Ok(())
}
