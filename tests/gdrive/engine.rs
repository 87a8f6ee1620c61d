//! The whole engine on Drive: two clients that make a repository grow at once, and restore from it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use heirloom_kit::{
    Client, DriveEmulator, Late, Random, assert_same_tree, back_up, restore_all, scratch_folder,
};

use crate::{Store, store_at};

fn client(drive: &DriveEmulator, seed: u64) -> Result<Client> {
    let store: Store = store_at(drive, "/backups/laptop")?;
    Ok(Client::new(store, seed))
}

/// Enough for several packs, and half of it the same for everybody.
fn write_tree(folder: &Path, seed: u64) -> Result<()> {
    fs::create_dir(folder)?;
    let (mut common, mut own) = (Random::new(70), Random::new(seed));
    for n in 0..12 {
        fs::write(folder.join(format!("common{n}")), common.bytes(200_000))?;
        fs::write(folder.join(format!("own{n}")), own.bytes(100_000))?;
    }
    Ok(())
}

#[test]
fn two_clients_take_snapshots_at_once_and_restore_them() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let folder = scratch_folder()?;
    client(&drive, 1)?.init()?;
    // Whoever opens a repository that was made only just now may not find it yet.
    let late = Duration::from_millis(100);
    thread::sleep(late);
    drive.set_late(Late::Time(late));
    let trees = [1, 2].map(|n| folder.path().join(format!("tree{n}")));
    for (seed, tree) in (71..).zip(&trees) {
        write_tree(tree, seed)?;
    }
    let snapshots = thread::scope(|scope| {
        let backups: Vec<_> = (2..)
            .zip(&trees)
            .map(|(seed, tree)| {
                let drive = &drive;
                scope.spawn(move || -> Result<_> {
                    let repository = client(drive, seed)?.open()?;
                    let first = back_up(&repository, tree)?;
                    let second = back_up(&repository, tree)?;
                    ensure!(first.root() == second.root(), "nothing had changed");
                    Ok(second.root())
                })
            })
            .collect();
        let joined = backups.into_iter().map(|backup| backup.join().expect("no panic"));
        joined.collect::<Result<Vec<_>>>()
    })?;
    let repository = client(&drive, 9)?.open()?;
    for (n, (root, tree)) in snapshots.into_iter().zip(&trees).enumerate() {
        let target = folder.path().join(format!("restored{n}"));
        assert_same_tree(tree, &restore_all(&repository, root, tree, &target)?)?;
    }
    Ok(())
}
