//! Commands that take snapshots, forget them, bring them back, change them or carry them elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::copy::{self, Copied, CopyOptions};
use heirloom_engine::id::SessionId;
use heirloom_engine::progress::Progress;
use heirloom_engine::rewrite::{Author, Change, Edit, replace};
use heirloom_engine::tree::key_from_path;
use heirloom_kit::{
    Client, CollectedProgress, assert_same_tree, back_up, prune_options, prune_with,
};

use crate::case::{Case, Said};
use crate::world::{World, saying, snapshot_of, tearing};

fn progress() -> Arc<dyn Progress> {
    Arc::new(CollectedProgress::new())
}

fn targets(world: &World) -> BTreeSet<SessionId> {
    world.targets.iter().copied().collect()
}

/// Runs the command on copies, to learn what the trees hold that it makes.
pub(crate) fn learn(
    world: &mut World,
    run: fn(&World, &[Client], &mut Said) -> Result<()>,
    expected: &Path,
) -> Result<()> {
    let stores: Vec<_> = world.sites.iter().map(|site| site.store.copy()).collect();
    let clients: Vec<_> = stores.iter().map(|store| world.client(tearing(store))).collect();
    run(world, &clients, &mut Said::default())?;
    for (index, store) in stores.iter().enumerate() {
        let repository = world.open(store)?;
        world.learn_new(index, &repository, expected)?;
    }
    Ok(())
}

fn snapshot(world: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    let done = back_up(&clients[0].open()?, &world.site().lab.tree)?;
    said.taken.push((0, snapshot_of(&done)?));
    Ok(())
}

/// One snapshot, and changes since.
fn changed() -> Result<World> {
    let mut world = World::new(200)?;
    world.write(0..4, 1, 20_000)?;
    world.take()?;
    world.write(2..8, 2, 20_000)?;
    let tree = world.site().lab.tree.clone();
    learn(&mut world, snapshot, &tree)?;
    Ok(world)
}

/// The same in a repository where eight segments wait to be merged and something is condemned.
fn changed_often() -> Result<World> {
    let mut world = World::new(201)?;
    let mut snapshots = Vec::new();
    for number in 0..8 {
        world.write(number..=number, 1, 2000)?;
        snapshots.push(world.take()?);
    }
    snapshots.truncate(4);
    world.forget(&snapshots)?;
    world.write(2..5, 2, 5000)?;
    let tree = world.site().lab.tree.clone();
    learn(&mut world, snapshot, &tree)?;
    Ok(world)
}

fn forget(world: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    Ok(clients[0].open()?.forget(&world.targets, &saying())?)
}

fn forgotten_holds(world: &World, clients: &[Client], said: &Said) -> Result<()> {
    let listed = clients[0].open()?.snapshots()?;
    let left = listed.taken.iter().filter(|found| world.targets.contains(&found.session)).count();
    ensure!(left == 0 || !said.done, "{left} are not forgotten");
    Ok(())
}

fn three() -> Result<World> {
    let mut world = World::new(202)?;
    for round in 0..3 {
        world.write(round..round + 3, round, 10_000)?;
        let taken = world.take()?;
        if round < 2 {
            world.targets.push(taken);
        }
    }
    Ok(world)
}

fn edit(world: &World, client: &Client, edit: Edit<'_>, said: &mut Said) -> Result<()> {
    let author = Author {
        host: "here".into(),
        user: "me".into(),
        program: "suite".into(),
        command: "tag".into(),
    };
    let target = *world.targets.first().context("a target")?;
    replace(&client.open()?, (target, edit), &author, &progress(), &mut |outcome| {
        said.taken.extend(outcome.snapshot().map(|id| (0, id)));
    })?;
    Ok(())
}

fn unforget(world: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    edit(world, &clients[0], Edit::Record(&Change::default()), said)
}

fn tag(world: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    let change = Change { add_tags: vec!["kept".into()], ..Change::default() };
    edit(world, &clients[0], Edit::Record(&change), said)
}

fn dropped_file(world: &World) -> PathBuf {
    world.site().lab.tree.join("file0")
}

fn drop_file(world: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    let key = key_from_path(&dropped_file(world));
    edit(world, &clients[0], Edit::Leave(&|found| found == key), said)
}

/// Either the old snapshot counts, or one that stands for it.
fn stands(world: &World, clients: &[Client], said: &Said) -> Result<()> {
    let target = *world.targets.first().context("a target")?;
    let listed = clients[0].open()?.snapshots()?;
    let old = listed.taken.iter().any(|found| found.session == target);
    let new = listed.taken.iter().any(|found| found.record.original == Some(target));
    let was_forgotten = !world.site().live.contains(&target);
    ensure!(old || new || was_forgotten, "neither the old nor the new one");
    ensure!(!said.done || (new && !old), "done, but old {old}, new {new}");
    Ok(())
}

fn one_of_two() -> Result<World> {
    let mut world = World::new(203)?;
    world.write(0..4, 1, 15_000)?;
    let target = world.take()?;
    world.targets.push(target);
    world.write(0..2, 2, 15_000)?;
    world.take()?;
    Ok(world)
}

fn without_a_file() -> Result<World> {
    let mut world = World::new(204)?;
    world.write(0..4, 1, 15_000)?;
    let target = world.take()?;
    world.targets.push(target);
    let expected = world.site().lab.fresh_path();
    let repository = world.open(&world.site().store)?;
    let root = repository.snapshot(target)?.context("the snapshot")?.record.root;
    let tree = world.site().lab.tree.clone();
    heirloom_kit::restore_all(&repository, root, &tree, &expected)?;
    assert_same_tree(&tree, &expected)?;
    let time = fs::metadata(&expected)?.modified()?;
    fs::remove_file(expected.join("file0"))?;
    fs::File::open(&expected)?.set_modified(time)?;
    learn(&mut world, drop_file, &expected)?;
    Ok(world)
}

fn forgotten() -> Result<World> {
    let mut world = one_of_two()?;
    let target = world.targets.clone();
    world.forget(&target)?;
    Ok(world)
}

/// A prune has condemned what only the forgotten snapshot needs, and waits for somebody who died.
fn forgotten_and_condemned() -> Result<World> {
    let mut world = one_of_two()?;
    world.write(4..5, 3, 1000)?;
    world.backup_killed_at("put index/")?;
    let target = world.targets.clone();
    world.forget(&target)?;
    let store = Arc::clone(&world.site().store);
    let report = prune_with(&world.open(&store)?, &prune_options())?;
    ensure!(report.waiting_packs > 0, "{report:?}");
    Ok(world)
}

fn copy(world: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    let (from, to) = (clients[0].open()?, clients[1].open()?);
    let snapshots = from.snapshots()?.taken;
    let snapshots: Vec<_> =
        snapshots.into_iter().filter(|one| world.targets.contains(&one.session)).collect();
    let options = CopyOptions { host: "here".into(), ..CopyOptions::default() };
    let mut refused = 0;
    copy::run((&from, &to), &snapshots, &options, &progress(), &mut |_, copied| match copied {
        Copied::Committed(committed) => said.taken.push((1, committed.snapshot)),
        Copied::Present(snapshot) => said.taken.push((1, *snapshot)),
        Copied::Forgotten(_) | Copied::Refused { .. } => refused += 1,
    })?;
    ensure!(refused == 0, "{refused} were refused");
    Ok(())
}

fn copied_holds(world: &World, clients: &[Client], said: &Said) -> Result<()> {
    let there = clients[1].open()?.snapshots()?.taken;
    for target in &world.targets {
        let copies = there.iter().filter(|one| one.record.original == Some(*target)).count();
        ensure!(copies == 1 || (copies == 0 && !said.done), "{copies} copies of {target}");
    }
    Ok(())
}

fn two_places() -> Result<World> {
    let mut world = World::new(205)?;
    world.write(0..4, 1, 15_000)?;
    let target = world.take()?;
    world.targets.push(target);
    world.add_site(206)?;
    let tree = world.site().lab.tree.clone();
    learn(&mut world, copy, &tree)?;
    world.write(0..2, 2, 15_000)?;
    let target = world.take()?;
    world.targets.push(target);
    learn(&mut world, copy, &tree)?;
    Ok(world)
}

pub(crate) fn cases() -> Vec<Case> {
    let snapshots = |situation, world| Case {
        command: "snapshot",
        situation,
        world,
        run: snapshot,
        ..Case::default()
    };
    let edits = |command, situation, world, run| Case {
        command,
        situation,
        world,
        run,
        takes: targets,
        holds: stands,
        ..Case::default()
    };
    vec![
        snapshots("some files have changed", changed),
        snapshots("index segments are merged", changed_often),
        Case {
            command: "forget",
            situation: "two of three snapshots",
            world: three,
            run: forget,
            takes: targets,
            holds: forgotten_holds,
            leaves: &["tombstones/"],
            ..Case::default()
        },
        edits("unforget", "nothing was condemned", forgotten, unforget),
        edits("unforget", "part of it is condemned", forgotten_and_condemned, unforget),
        Case { leaves: &["tombstones/"], ..edits("tag", "one of two snapshots", one_of_two, tag) },
        Case {
            leaves: &["tombstones/"],
            ..edits("rewrite --drop", "a snapshot loses a file", without_a_file, drop_file)
        },
        Case {
            command: "copy",
            situation: "two snapshots, killed at either side",
            world: two_places,
            run: copy,
            holds: copied_holds,
            ..Case::default()
        },
    ]
}
