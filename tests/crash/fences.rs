//! Sessions that were declared dead, and packs that are condemned.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use heirloom_engine::backup::BackupError;
use heirloom_engine::crypto::{ObjectKind, padded_map};
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Repository, RepositoryError};
use heirloom_engine::snapshot::{object_name, tombstone_name};
use heirloom_kit::{
    BackedUp, Client, CountingStorage, HookStorage, Lab, MemoryStorage, Random, assert_same_tree,
    back_up, restore_all,
};
use serde_bytes::ByteBuf;

const CONTENT_BYTES: usize = 400_000;

fn lab_with_content(seed: u64) -> Result<Lab> {
    let lab = Lab::new(seed)?;
    fs::create_dir(lab.tree.join("folder"))?;
    fs::write(lab.tree.join("folder/noise"), Random::new(seed).bytes(CONTENT_BYTES))?;
    fs::write(lab.tree.join("small"), b"small")?;
    Ok(lab)
}

fn fence(store: &MemoryStorage, session: SessionId) {
    store.set(&format!("fences/{session}.{}", "5c".repeat(16)), b"a fence".to_vec());
}

fn taken(done: &BackedUp) -> Result<SessionId> {
    Ok(done.report.snapshot.as_ref().context("a snapshot")?.snapshot)
}

fn client(lab: &Lab, seed: u64) -> Result<Repository> {
    Ok(Client::new(lab.storage(), seed).open()?)
}

fn restores(lab: &Lab, done: &BackedUp, seed: u64) -> Result<()> {
    let target = restore_all(&client(lab, seed)?, done.root(), &lab.tree, &lab.fresh_path())?;
    assert_same_tree(&lab.tree, &target)
}

/// Backs up while somebody puts a fence for the session just before the given operation on its own object.
fn fenced_at(lab: &Lab, operation: &'static str, folder: &'static str) -> Result<SessionId> {
    let store = Arc::clone(&lab.store);
    let seen = Arc::new(Mutex::new(None));
    let session = Arc::clone(&seen);
    let hooked = HookStorage::new(lab.storage(), move |call, object| {
        let mut session = session.lock().expect("no holder of this lock panics");
        if let ("put", Some(name)) = (call, object.strip_prefix("sessions/")) {
            *session = SessionId::from_hex(name);
        }
        if let (true, true, Some(session)) =
            (call == operation, object.starts_with(folder), *session)
        {
            fence(&store, session);
        }
    });
    let repository = Client::new(hooked, 500).open()?;
    let session = match back_up(&repository, &lab.tree) {
        Err(BackupError::Repository(RepositoryError::Fenced { session })) => session,
        other => anyhow::bail!("not fenced: {other:?}"),
    };
    assert_eq!(Some(session), *seen.lock().expect("no holder of this lock panics"));
    Ok(session)
}

#[test]
fn a_session_that_is_declared_dead_before_it_commits_withdraws_its_snapshot() -> Result<()> {
    for (operation, folder) in
        [("list", ""), ("put", "packs/"), ("put", "index/"), ("put", "snapshots/")]
    {
        let lab = lab_with_content(1)?;
        let session = fenced_at(&lab, operation, folder)?;
        assert_eq!(lab.store.names_in("snapshots/"), [""; 0]);
        assert_eq!(lab.store.names_in("sessions/"), [""; 0]);
        assert!(!lab.store.names_in("fences/").is_empty(), "the fence stays");
        let listed = client(&lab, 2)?.snapshots()?;
        assert!(
            listed.taken.is_empty() && listed.disputed.is_empty() && listed.problems.is_empty()
        );
        // Nothing that it stored is relied on.
        let before = lab.store.total_bytes();
        let done = back_up(&client(&lab, 3)?, &lab.tree)?;
        let grown = usize::try_from(lab.store.total_bytes() - before)?;
        assert!(grown > CONTENT_BYTES, "{grown} bytes: relied on {session}");
        restores(&lab, &done, 4)?;
    }
    Ok(())
}

#[test]
fn a_disputed_snapshot_is_listed_as_such_and_can_be_read_but_is_nobodys_parent() -> Result<()> {
    let lab = lab_with_content(2)?;
    let disputed = lab.back_up()?;
    let session = taken(&disputed)?;
    fence(&lab.store, session);
    let listed = client(&lab, 1)?.snapshots()?;
    assert!(listed.taken.is_empty());
    assert_eq!(listed.disputed.iter().map(|found| found.session).collect::<Vec<_>>(), [session]);
    let before = lab.store.total_bytes();
    let next = back_up(&client(&lab, 2)?, &lab.tree)?;
    assert_eq!((next.report.parent, next.report.unchanged), (None, 0));
    let grown = usize::try_from(lab.store.total_bytes() - before)?;
    assert!(grown > CONTENT_BYTES, "{grown} bytes: relied on a session that was declared dead");
    restores(&lab, &disputed, 3)?;
    restores(&lab, &next, 4)?;
    // With everything of the dead session gone, the other one does not miss it.
    for name in lab.store.names_in("index/") {
        if name.contains(&session.to_string()) {
            lab.store.remove(&name);
        }
    }
    lab.store.remove(&object_name(session));
    restores(&lab, &next, 5)
}

/// Condemns packs as a pruner does.
fn condemn(lab: &Lab, generation: u32, packs: &[String]) -> Result<()> {
    let mut ids = Vec::new();
    for name in packs {
        let hex = name.strip_prefix("packs/").context("a pack")?;
        let id = heirloom_engine::id::PackId::from_hex(hex).context("a pack")?;
        ids.extend_from_slice(id.as_bytes());
    }
    let name = format!("condemned/{generation}");
    let body = padded_map(&BTreeMap::from([("packs", ByteBuf::from(ids))]), 256);
    let (keys, clock) = (lab.repository.keys(), lab.client.clock());
    lab.store.set(&name, keys.seal_object(ObjectKind::Condemned, &name, &body, clock));
    lab.store.set(&format!("{name}.waits"), b"nobody".to_vec());
    Ok(())
}

fn remove(store: &MemoryStorage, packs: &[String]) {
    for name in packs {
        assert!(store.remove(name));
    }
}

#[test]
fn what_lies_in_condemned_packs_is_stored_anew_and_needs_them_no_more() -> Result<()> {
    for which in [0..1, 1..2, 0..2] {
        let lab = lab_with_content(3)?;
        let first = lab.back_up()?;
        let packs = lab.store.names_in("packs/");
        assert_eq!(packs.len(), 2, "content and tree");
        let condemned = &packs[which];
        condemn(&lab, 1, condemned)?;
        let repository = client(&lab, 10)?;
        let next = back_up(&repository, &lab.tree)?;
        assert_eq!(next.problems, [""; 0]);
        // What is condemned is still there and can be read.
        restores(&lab, &first, 12)?;
        remove(&lab.store, condemned);
        restores(&lab, &next, 11)?;
    }
    Ok(())
}

#[test]
fn an_unchanged_tree_in_condemned_packs_is_stored_anew_by_the_same_client() -> Result<()> {
    let lab = lab_with_content(4)?;
    lab.back_up()?;
    for generation in 1..4 {
        let packs = lab.store.names_in("packs/");
        condemn(&lab, generation, &packs)?;
        let next = lab.back_up()?;
        remove(&lab.store, &packs);
        restores(&lab, &next, 20 + u64::from(generation))?;
    }
    Ok(())
}

#[test]
fn a_condemned_list_that_cannot_be_read_makes_every_pack_suspect() -> Result<()> {
    let lab = lab_with_content(5)?;
    lab.back_up()?;
    let packs = lab.store.names_in("packs/");
    condemn(&lab, 7, &packs)?;
    lab.store.flip("condemned/7", 100, 1);
    let next = back_up(&client(&lab, 1)?, &lab.tree)?;
    assert_eq!(next.problems, ["condemned/7 is damaged: authentication failed"]);
    remove(&lab.store, &packs);
    restores(&lab, &next, 2)
}

#[test]
fn a_list_of_what_a_deletion_waits_for_is_no_condemned_list() -> Result<()> {
    let lab = lab_with_content(6)?;
    lab.back_up()?;
    lab.store.set("condemned/1.waits", b"noise".to_vec());
    let before = lab.store.total_bytes();
    let next = back_up(&client(&lab, 1)?, &lab.tree)?;
    assert_eq!(next.problems, [""; 0]);
    let grown = usize::try_from(lab.store.total_bytes() - before)?;
    assert!(grown < CONTENT_BYTES / 2, "{grown} bytes: something was stored anew");
    Ok(())
}

/// What a session relies on must be looked at when others can already see the session.
#[test]
fn a_session_announces_itself_before_it_looks_at_anything_that_it_relies_on() -> Result<()> {
    let lab = Lab::new(77)?;
    fs::write(lab.tree.join("file"), Random::new(1).bytes(50_000))?;
    let taken = taken(&lab.back_up()?)?;
    // Folders without objects are not listed where the store tells which have some.
    condemn(&lab, 1, &[])?;
    lab.store.set(&tombstone_name(taken), b"damaged".to_vec());
    let counting = CountingStorage::new(lab.storage());
    let repository = lab.client.clone().on(Arc::<CountingStorage>::clone(&counting)).open()?;
    counting.reset();
    back_up(&repository, &lab.tree)?;
    let calls = counting.calls();
    let first = |wanted: &str| calls.iter().position(|call| call.starts_with(wanted));
    let announced = first("put sessions/").context("a session")?;
    for look in ["list ", "list condemned/", "list index/", "list tombstones/", "list snapshots/"] {
        let looked = first(look).with_context(|| look.to_owned())?;
        assert!(looked > announced, "{look} came before the session was announced: {calls:?}");
    }
    let condemned = first("list condemned/").context("a look at what is condemned")?;
    assert!(first("list index/").context("the index")? > condemned);
    assert!(
        first("list fences/").context("a look at fences")?
            > first("list index/").context("the index")?
    );
    Ok(())
}
