//! `repair`, where nothing is lost but has to be put in order.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::progress::Progress;
use heirloom_engine::repair::{Part, Repairer, Step, apply, plan};
use heirloom_engine::repository::SessionNote;
use heirloom_kit::{Client, CollectedProgress};

use crate::case::{Case, Said};
use crate::world::World;
use crate::writers::learn;

fn repair(client: &Client, part: &Part) -> Result<()> {
    let repository = client.open()?;
    let progress: Arc<dyn Progress> = Arc::new(CollectedProgress::new());
    let note = SessionNote {
        started: i64::try_from(repository.clock().now_ns())?,
        host: "here".into(),
        program: "suite".into(),
        command: "repair".into(),
    };
    let who = Repairer { note, user: "me".into() };
    let planned = plan(&repository, part, progress.as_ref())?;
    apply(&repository, (part, &planned), &who, &progress)?;
    Ok(())
}

fn index(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    repair(&clients[0], &Part::Index)
}

fn snapshots(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    repair(&clients[0], &Part::Snapshots { read_data: false, forget_lost: false })
}

fn three_snapshots(seed: u64) -> Result<World> {
    let mut world = World::new(seed)?;
    for round in 0..3 {
        world.write(round..round + 2, round, 8000)?;
        world.take()?;
    }
    Ok(world)
}

/// One segment is gone, one is damaged.
fn broken_index() -> Result<World> {
    let world = three_snapshots(400)?;
    let store = &world.site().store;
    let segments = store.names_in("index/");
    store.remove(&segments[0]);
    store.flip(&segments[1], 200, 1);
    Ok(world)
}

fn index_is_whole(_: &World, clients: &[Client], said: &Said) -> Result<()> {
    let repository = clients[0].open()?;
    let mut steps = plan(&repository, &Part::Index, &CollectedProgress::new())?.steps;
    // That has to wait for the one who was killed.
    steps.retain(|step| !matches!(step, Step::DropCondemned { .. }));
    ensure!(!said.done || steps.is_empty(), "{steps:?}");
    Ok(())
}

/// A pruner was killed between declaring the newest one dead and seeing that it was complete.
fn disputed() -> Result<World> {
    let mut world = three_snapshots(401)?;
    let newest = world.open(&world.site().store)?.snapshots()?.taken.pop();
    let newest = newest.context("a snapshot")?.session;
    world.site().store.set(&format!("fences/{newest}.{}", "5c".repeat(16)), b"a fence".to_vec());
    world.targets.push(newest);
    let tree = world.site().lab.tree.clone();
    learn(&mut world, snapshots, &tree)?;
    Ok(world)
}

fn is_there(world: &World, clients: &[Client], said: &Said) -> Result<()> {
    let target = *world.targets.first().context("a target")?;
    let listed = clients[0].open()?.snapshots()?;
    let old = listed.disputed.iter().any(|found| found.session == target);
    let new = listed.taken.iter().any(|found| found.record.original == Some(target));
    ensure!(old || new, "neither the disputed nor the adopted one");
    ensure!(new || !said.done, "not adopted");
    Ok(())
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            command: "repair index",
            situation: "one segment is gone, one damaged",
            world: broken_index,
            run: index,
            holds: index_is_whole,
            ..Case::default()
        },
        Case {
            command: "repair snapshots",
            situation: "a disputed snapshot",
            world: disputed,
            run: snapshots,
            takes: |world| world.targets.iter().copied().collect(),
            holds: is_there,
            leaves: &["tombstones/"],
            ..Case::default()
        },
    ]
}
