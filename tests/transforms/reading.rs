//! A reader that knows no transform: it verifies what is stored, says whose it is, and gives out nothing else as the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{KIT_TRANSFORM, Lab, identity_text};
use serde_json::Value;

use crate::scene::{back_up, scene};

/// The store as a folder, and the identity that opens it.
fn on_disk(lab: &Lab) -> Result<(PathBuf, PathBuf)> {
    let folder = lab.fresh_path();
    for name in lab.store.names() {
        let path = folder.join("repository").join(&name);
        fs::create_dir_all(path.parent().context("it has a folder")?)?;
        fs::write(path, lab.store.get(&name).context("just listed")?)?;
    }
    fs::write(folder.join("identity.txt"), identity_text())?;
    Ok((folder.join("repository"), folder.join("identity.txt")))
}

fn second_reader((repository, identity): &(PathBuf, PathBuf), more: &[&Path]) -> Result<Output> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("independent");
    let python = folder.join(".venv/bin/python");
    ensure!(python.exists(), "the second reader's libraries are missing: run tests/run.sh");
    let mut command = Command::new(python);
    command.arg(folder.join("heirloom_reader.py")).arg(repository).arg("--identity").arg(identity);
    Ok(command.args(more).output()?)
}

#[test]
fn the_second_reader_verifies_what_is_stored_and_tells_what_it_cannot_make() -> Result<()> {
    let lab = scene(51)?;
    back_up(&lab)?;
    let place = on_disk(&lab)?;
    let listed = second_reader(&place, &[Path::new("--manifest")])?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let manifest: Value = serde_json::from_slice(&listed.stdout)?;
    let prefix = lab.tree.strip_prefix("/")?;
    for (name, transform) in [("more/archive", Value::from(KIT_TRANSFORM)), ("plain", Value::Null)]
    {
        let entry = &manifest["entries"][prefix.join(name).to_str().context("UTF-8")?];
        let bytes = fs::read(lab.tree.join(name))?;
        assert_eq!(entry["transform"], transform, "{name}");
        assert_eq!(entry["size"], bytes.len(), "{name}");
        assert_eq!(entry["blake3"], blake3::hash(&bytes).to_string(), "{name}");
    }
    let target = lab.fresh_path();
    let restored = second_reader(&place, &[Path::new("--target"), &target])?;
    let said = String::from_utf8_lossy(&restored.stderr);
    assert!(!restored.status.success(), "not everything was restored");
    for word in ["more/archive (kit/1)", "chats.db.crypt15 (kit/1)", "recipes"] {
        assert!(said.contains(word), "{said}");
    }
    let inside = target.join(prefix);
    assert!(!inside.join("more/archive").exists());
    assert!(fs::read(inside.join("plain"))? == fs::read(lab.tree.join("plain"))?);
    Ok(())
}
