//! Golden repositories: what a release wrote, every later one reads; so does a program that knows only the documentation.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use heirloom_backends::{Address, StoreSettings, open};
use heirloom_engine::crypto::Credential;
use heirloom_engine::repository::Repository;
use heirloom_kit::{Client, restore_to, scratch_folder};
use serde_json::Value;

/// Every released version of the format.
const VERSIONS: [&str; 1] = ["v1"];

fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden(version: &str) -> PathBuf {
    tests_folder().join("golden").join(version)
}

fn identity(version: &str) -> Result<Credential> {
    let path = golden(version).join("identity.txt");
    let text = fs::read_to_string(&path)?.into();
    Ok(Credential::IdentityFile { text, name: path.display().to_string() })
}

fn open_golden(version: &str, credential: Credential) -> Result<Repository> {
    let address = Address::parse(golden(version).join("repository").as_os_str())?;
    let store = open(&address, &StoreSettings::default())?.storage;
    let client = Client::new(store.clone(), 1);
    Ok(Repository::open(store, &[credential], client.context().clone())?)
}

/// What a restored entry looks like, in the words of `expected.json`.
fn describe(path: &Path) -> Result<BTreeMap<&'static str, Value>> {
    let data = fs::symlink_metadata(path)?;
    let kind = data.file_type();
    let mut facts = BTreeMap::new();
    let mtime_ns = data.mtime() * 1_000_000_000 + data.mtime_nsec();
    facts.insert("mtime_ns", mtime_ns.into());
    if kind.is_symlink() {
        facts.insert("kind", "symlink".into());
        facts.insert("target", fs::read_link(path)?.display().to_string().into());
        return Ok(facts);
    }
    facts.insert("mode", format!("{:04o}", data.mode() & 0o7777).into());
    if kind.is_dir() {
        facts.insert("kind", "folder".into());
    } else if kind.is_fifo() {
        facts.insert("kind", "fifo".into());
    } else {
        facts.insert("kind", "file".into());
        facts.insert("size", data.len().into());
        facts.insert("blake3", blake3::hash(&fs::read(path)?).to_string().into());
    }
    Ok(facts)
}

/// The names of `expected.json`: a backslash is doubled, a byte that is not UTF-8 is `\xNN`.
fn bytes_of(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        if let Some(behind) = after.strip_prefix('\\') {
            bytes.push(b'\\');
            rest = behind;
        } else {
            let digits = after.get(1..3).expect("an escape has two digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("an escape has two digits"));
            rest = &after[3..];
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn expected(version: &str) -> Result<(String, Value)> {
    let text = fs::read_to_string(golden(version).join("expected.json"))?;
    let value = serde_json::from_str(&text)?;
    Ok((text, value))
}

#[test]
fn every_golden_repository_is_tested() -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(tests_folder().join("golden"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.file_name().into_string().expect("an ASCII name"));
        }
    }
    found.sort();
    assert_eq!(found, VERSIONS);
    Ok(())
}

#[test]
fn the_newest_snapshot_restores_as_expected() -> Result<()> {
    for version in VERSIONS {
        let repository = open_golden(version, identity(version)?)?;
        let snapshots = repository.snapshots()?;
        ensure!(snapshots.problems.is_empty(), "{:?}", snapshots.problems);
        let folder = scratch_folder()?;
        let target = folder.path().join("restored");
        let root = snapshots.taken.last().context("a snapshot")?.record.root;
        let restored = restore_to(&repository, root, Path::new("/"), &target)?;
        ensure!(restored.problems.is_empty(), "{:?}", restored.problems);
        let (_, expected) = expected(version)?;
        let entries = expected["entries"].as_object().context("entries")?;
        ensure!(entries.len() > 20);
        for (name, wanted) in entries {
            let path = target.join(std::ffi::OsStr::from_bytes(&bytes_of(name)));
            for (fact, value) in describe(&path).with_context(|| name.clone())? {
                assert_eq!(value, wanted[fact], "{fact} of {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_passphrase_opens_it_too_and_a_wrong_one_does_not() -> Result<()> {
    for version in VERSIONS {
        let text = fs::read_to_string(golden(version).join("passphrase.txt"))?;
        let passphrase = |text: &str| Credential::Passphrase(text.to_owned().into());
        open_golden(version, passphrase(text.trim_end()))?;
        assert!(open_golden(version, passphrase("wrong horse")).is_err());
    }
    Ok(())
}

/// Runs the reader in Python, which was written from the documentation alone.
fn second_reader(arguments: &[&str]) -> Result<String> {
    let folder = tests_folder().join("independent");
    let python = folder.join(".venv/bin/python");
    ensure!(python.exists(), "the second reader's libraries are missing: run tests/run.sh");
    let output =
        Command::new(python).arg(folder.join("heirloom_reader.py")).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn the_second_reader_finds_the_same_with_and_without_the_index() -> Result<()> {
    for version in VERSIONS {
        let folder = golden(version);
        let (repository, identity) = (folder.join("repository"), folder.join("identity.txt"));
        let common = [
            repository.to_str().context("UTF-8")?,
            "--identity",
            identity.to_str().context("UTF-8")?,
            "--manifest",
        ];
        let (text, _) = expected(version)?;
        assert_eq!(second_reader(&common)?, text);
        assert_eq!(second_reader(&[&common[..], &["--use-index"]].concat())?, text);
    }
    Ok(())
}

#[test]
fn the_second_reader_agrees_with_the_documented_test_vectors() -> Result<()> {
    let vectors = tests_folder().join("../docs/format-vectors.md");
    second_reader(&["--check-vectors", vectors.to_str().context("UTF-8")?])?;
    Ok(())
}
