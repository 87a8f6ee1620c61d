//! What the real program says and returns when its store fails.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, ensure};
use heirloom_kit::servers::{Apache, Login, Moto};
use heirloom_kit::{DavHabits, Place, TearingDav};

use crate::machine::{Machine, text};

/// Runs `init`, which must end with this code and name what it was about.
fn check(place: &Place, code: i32, mentions: &str) -> Result<()> {
    let impatient = place
        .clone()
        .variable("HEIRLOOM_STORE_RETRIES", "1")
        .variable("HEIRLOOM_STORE_TIMEOUT", "2");
    let (machine, recipient) = Machine::new(&impatient)?;
    let output = machine.attempt(&Machine::init(&recipient))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "expected {code}, got {}: {words}", output.status);
    ensure!(words.to_lowercase().contains(mentions), "{mentions} is not mentioned: {words}");
    Ok(())
}

#[test]
fn a_store_that_is_not_there_is_13() -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    check(&Moto::place_at(nobody, "folder"), 13, "reached")?;
    check(&Place::new(format!("webdav+http://{nobody}/folder")), 13, "reached")
}

#[test]
fn a_full_store_is_14() -> Result<()> {
    let server = TearingDav::start(DavHabits { quota_bytes: Some(10), ..DavHabits::default() })?;
    check(&server.place("folder"), 14, "full")
}

#[test]
fn a_wrong_password_is_15() -> Result<()> {
    for login in [Login::Basic, Login::Digest] {
        let apache = Apache::start(login)?;
        check(&apache.place("a").variable("HEIRLOOM_STORE_PASSWORD", "wrong"), 15, "permission")?;
    }
    Ok(())
}

#[test]
fn a_bucket_that_is_not_there_is_18() -> Result<()> {
    let moto = Moto::start()?;
    let address = moto.place("folder").address.replace("heirloom-tests", "no-such-bucket");
    check(&Place { address, ..moto.place("folder") }, 18, "bucket")
}

#[test]
fn without_the_right_to_delete_a_snapshot_is_0_and_a_prune_15() -> Result<()> {
    let server = TearingDav::start(DavHabits::default())?;
    let machine = Machine::with_repository(&server.place("folder"))?;
    server.habits().refuses_deletes = true;
    std::fs::write(machine.path("source").join("file"), "content")?;
    let source = machine.path("source");
    let said = machine.run(&["snapshot", "--json", "-v", text(&source)?])?;
    ensure!(said.contains("snapshot.saved") && said.contains("repository.not-deleted"), "{said}");
    let again = ["snapshot", "--json", "-v", "--skip-if-unchanged", text(&source)?];
    // Other tests change the folder for temporary files, which is an entry, too.
    let mut said = String::new();
    for _ in 0..20 {
        said = String::from_utf8_lossy(&machine.attempt(&again)?.stdout).into_owned();
        if said.contains("snapshot.unchanged") {
            break;
        }
    }
    ensure!(said.contains("snapshot.unchanged") && said.contains("not-deleted"), "{said}");
    let quiet = machine.attempt(&["snapshot", text(&source)?])?;
    let words = String::from_utf8_lossy(&quiet.stderr);
    ensure!(quiet.status.success() && !words.contains("delete"), "{words}");
    let snapshots = machine.snapshots()?;
    ensure!(snapshots.len() >= 2, "{snapshots:?}");
    machine.run(&["forget", "-q", &snapshots[0]])?;
    let refused = machine.attempt(&["prune"])?;
    ensure!(refused.status.code() == Some(15), "{}", refused.status);
    server.habits().refuses_deletes = false;
    machine.run(&["prune", "-q", "--dead-after", "0s"])?;
    machine.check_restore_of(&machine, "latest")
}
