//! `prune`, and what it may find.

use anyhow::{Result, ensure};
use heirloom_engine::repository::{Compression, Session, SessionNote};
use heirloom_kit::{Client, CollectedProgress, back_up, prune_options, prune_with};
use std::sync::Arc;

use crate::case::{Case, FOUR_DAYS, Said};
use crate::world::{World, tearing};

fn prune(_: &World, clients: &[Client], said: &mut Said) -> Result<()> {
    let report = prune_with(&clients[0].open()?, &prune_options())?;
    ensure!(report.damaged.is_empty(), "{report:?}");
    said.done = true;
    Ok(())
}

/// Two snapshots that share nothing, the first one forgotten.
fn unneeded() -> Result<World> {
    let mut world = World::new(100)?;
    world.write(0..2, 1, 30_000)?;
    let old = world.take()?;
    world.write(0..2, 2, 30_000)?;
    world.take()?;
    world.forget(&[old])?;
    Ok(world)
}

/// Two snapshots that share the packs of the first one, which is forgotten.
fn shared() -> Result<World> {
    let mut world = World::new(101)?;
    world.write(0..6, 1, 20_000)?;
    let old = world.take()?;
    world.write(0..3, 2, 20_000)?;
    world.take()?;
    world.forget(&[old])?;
    Ok(world)
}

/// Many small packs, all in use.
fn small() -> Result<World> {
    let mut world = World::new(102)?;
    let mut snapshots = Vec::new();
    for number in 0..8 {
        world.write(number..=number, 1, 2000)?;
        snapshots.push(world.take()?);
    }
    snapshots.pop();
    world.forget(&snapshots)?;
    Ok(world)
}

fn session_note(started: i64) -> SessionNote {
    SessionNote {
        started,
        host: "elsewhere".into(),
        program: "suite".into(),
        command: "snapshot".into(),
    }
}

/// A prune condemned and had to wait; the session that it waited for has ended, and needs some of it.
fn condemned() -> Result<World> {
    let world = shared()?;
    let store = Arc::clone(&world.site().store);
    let writer = world.open(&store)?;
    let started = i64::try_from(writer.clock().now_ns())?;
    let progress = Arc::new(CollectedProgress::new());
    let session =
        Session::start(&writer, &session_note(started), Compression::default(), progress)?;
    prune(&world, &[world.client(tearing(&store))], &mut Said::default())?;
    ensure!(!store.names_in("condemned/").is_empty(), "nothing was condemned");
    session.suspend()?;
    Ok(world)
}

/// The same, and the session that it waited for took a snapshot of what was condemned.
fn needed_again() -> Result<World> {
    let mut world = shared()?;
    // All of the first snapshot once more.
    world.write(0..3, 1, 20_000)?;
    let store = Arc::clone(&world.site().store);
    let pruner = world.client(tearing(&store)).open()?;
    let hooked = heirloom_kit::HookStorage::new(tearing(&store), move |operation, object| {
        if operation == "put" && object.starts_with("snapshots/") {
            let report = prune_with(&pruner, &prune_options()).expect("nothing is damaged");
            assert_eq!(report.waiting_for.len(), 1);
        }
    });
    let repository = world.client(hooked).open()?;
    let done = back_up(&repository, &world.site().lab.tree)?;
    world.adopt(&done)?;
    ensure!(!store.names_in("condemned/").is_empty(), "nothing was condemned");
    Ok(world)
}

/// A client was killed when it had uploaded packs, and its session object is there.
fn abandoned() -> Result<World> {
    let mut world = unneeded()?;
    world.write(4..6, 3, 20_000)?;
    world.backup_killed_at("put index/")?;
    ensure!(world.site().store.names_in("sessions/").len() == 1, "a session");
    Ok(world)
}

/// A client was killed when its snapshot was complete, before it took its session object away.
fn committed() -> Result<World> {
    let mut world = unneeded()?;
    world.write(4..6, 3, 20_000)?;
    world.backup_killed_at("delete sessions/")?;
    let store = Arc::clone(&world.site().store);
    let repository = world.open(&store)?;
    let tree = world.site().lab.tree.clone();
    world.learn_new(0, &repository, &tree)?;
    Ok(world)
}

pub(crate) fn cases() -> Vec<Case> {
    let case = |situation, world| Case {
        command: "prune",
        situation,
        world,
        run: prune,
        ..Case::default()
    };
    let later = |situation, world| Case { after: FOUR_DAYS, ..case(situation, world) };
    vec![
        case("packs that nobody needs", unneeded),
        case("packs that are worth copying", shared),
        case("small packs that are put together", small),
        case("a condemned list that had to wait", condemned),
        case("a condemned list, and a snapshot that needs part of it", needed_again),
        case("a session that may be alive", abandoned),
        later("a session that is dead", abandoned),
        later("a session that is dead and had committed", committed),
    ]
}
