//! The measured part of `docs/stores.md`: one row for each store, printed with `HEIRLOOM_TEST_STORES=all`.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::Random;
use heirloom_kit::servers::all_stores;
use serde_json::Value;

use crate::machine::{Machine, text};
use crate::stages::{self, Stage};

type Make = fn() -> Result<Option<Stage>>;

const STORES: &[(&str, Make)] = &[
    ("local disk", stages::local),
    ("moto", stages::moto),
    ("Garage", stages::garage),
    ("Apache mod_dav", stages::apache),
    ("nginx dav", stages::nginx),
    ("wsgidav", stages::wsgidav),
    ("rclone serve webdav", stages::rclone),
    ("tearing WebDAV", stages::tearing),
    ("OpenSSH sftp", stages::sshd),
    ("Drive emulator", stages::drive),
    ("plugin folder (Rust)", stages::rust_plugin),
    ("plugin python-folder", stages::python_plugin),
    ("plugin rclone", stages::rclone_plugin),
];

/// What a command's last JSON object says.
fn summary(machine: &Machine, arguments: &[&str]) -> Result<Value> {
    let output = machine.attempt(arguments)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().with_context(|| format!("{arguments:?} said nothing"))?;
    Ok(serde_json::from_str(last)?)
}

/// `14: 5 put, 2 read, 6 list, 1 delete`.
fn requests(summary: &Value) -> Result<String> {
    let kinds = ["put", "read", "list", "delete", "other"];
    let of = |kind: &str| summary["store"][kind]["requests"].as_u64().context("a count");
    let counts = kinds.into_iter().map(|kind| Ok((kind, of(kind)?)));
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let named = counts.iter().filter(|(_, count)| *count > 0);
    let named: Vec<_> = named.map(|(kind, count)| format!("{count} {kind}")).collect();
    Ok(format!("{total}: {}", named.join(", ")))
}

fn row(name: &str, stage: &Stage) -> Result<String> {
    let machine = Machine::with_repository(stage.place.as_ref().context("a place")?)?;
    let source = machine.path("source");
    let mut random = Random::new(3);
    for number in 0..1000 {
        fs::write(source.join(format!("{number:04}")), random.bytes(4000))?;
    }
    let doctor = summary(&machine, &["doctor", "--json"])?;
    let verdict = doctor["verdict"].as_str().context("a verdict")?;
    ensure!(verdict != "unsafe", "{name}: {doctor}");
    let found = &doctor["findings"];
    let mib = |key: &str| found["throughput"][key].as_f64().unwrap_or(0.0) / f64::from(1 << 20);
    let ms = |key: &str| found["latency"][key].as_f64().unwrap_or(0.0) * 1000.0;
    let torn = &found["torn-writes"];
    let snapshot = ["snapshot", "--json", text(&source)?];
    let first = requests(&summary(&machine, &snapshot)?)?;
    // The files are older than the snapshot by now, so that they count as unchanged.
    std::thread::sleep(std::time::Duration::from_secs(3));
    summary(&machine, &snapshot)?;
    let unchanged = requests(&summary(&machine, &snapshot)?)?;
    let list = requests(&summary(&machine, &["snapshots", "--json"])?)?;
    Ok(format!(
        "| {name} | {verdict}; torn {} of {} looks; put {:.0} ms, read {:.0} ms, list {:.0} ms; {:.0} and {:.0} MiB/s | {first} | {unchanged} | {list} |",
        torn["torn"],
        torn["looks"],
        ms("put_seconds"),
        ms("read_seconds"),
        ms("list_seconds"),
        mib("put_parallel_bytes_per_second"),
        mib("read_bytes_per_second"),
    ))
}

#[test]
fn every_store_has_its_row() -> Result<()> {
    if !all_stores() {
        return Ok(());
    }
    for (name, make) in STORES {
        let stage = make()?.context("the switch is on")?;
        println!("{}", row(name, &stage)?);
    }
    Ok(())
}
