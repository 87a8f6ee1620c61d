//! A damaged pack costs the files that need it, and says so.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::stage::Stage;

#[test]
fn a_damaged_pack_fails_its_file_only_and_is_reported_once() -> Result<()> {
    let stage = Stage::new()?;
    stage.fill(12, 700_000)?;
    stage.back_up()?;
    let mut packs = Vec::new();
    for pack in fs::read_dir(stage.path("repository/packs"))? {
        let path = pack?.path();
        packs.push((fs::metadata(&path)?.len(), path));
    }
    packs.sort();
    let (_, pack) = packs.pop().context("a pack")?;
    let mut bytes = fs::read(&pack)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::remove_file(&pack)?;
    fs::write(&pack, bytes)?;
    let program = stage.mount(&[])?;
    let mounted = stage.mounted_source()?;
    let mut damaged = Vec::new();
    for _ in 0..2 {
        damaged.clear();
        for number in 0..12 {
            let name = format!("file{number}");
            match fs::read(mounted.join(&name)) {
                Ok(bytes) => ensure!(bytes == fs::read(stage.source().join(&name))?, "{name}"),
                Err(error) => {
                    ensure!(error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()));
                    damaged.push(name);
                }
            }
        }
    }
    ensure!((1..=2).contains(&damaged.len()), "{damaged:?}");
    let log = program.log()?;
    let name = pack.file_name().and_then(|name| name.to_str()).context("a name")?;
    for file in &damaged {
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains(&format!("{file} "))).collect();
        ensure!(lines.len() == 1 && lines[0].contains(&name[..8]), "{file}: {log}");
    }
    ensure!(log.lines().count() == damaged.len(), "{log}");
    Ok(())
}
