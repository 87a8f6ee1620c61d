//! Encrypted backups that a phone wrote.

use std::fs;

use anyhow::{Context as _, Result};
use heirloom_chats::crypt::{Checksum, CryptFault, Held, Key, open};
use heirloom_chats::files::ReadAt as _;

use heirloom_kit::fixtures;

use crate::disk::OnDisk;

#[test]
fn real_backups_hold_the_database_that_is_known() -> Result<()> {
    let Some(folder) = fixtures("encrypted/wa-crypt-tools") else { return Ok(()) };
    let expected = fs::read(folder.join("msgstore.db"))?;
    for (name, key) in [
        ("msgstore.db.crypt12", "key"),
        ("msgstore.db.crypt14", "key"),
        ("msgstore-noexpiry.db.crypt14", "key"),
        ("msgstore.db.crypt15", "encrypted_backup.key"),
    ] {
        let key = Key::parse(&fs::read(folder.join(key))?)?;
        let file = OnDisk::open(&folder.join(name))?;
        let opened = open(&file, &key).context(name)?;
        assert_eq!(opened.checksum, Checksum::Right, "{name}");
        assert_eq!(opened.header.number_suffix.as_deref(), (!name.ends_with("12")).then_some("67"));
        let held = Held::fill(|take| opened.read(take).map_err(anyhow::Error::from))?;
        assert!(held.read_at(0, usize::MAX)? == expected, "{name}");
    }
    Ok(())
}

#[test]
fn a_key_of_the_other_kind_is_named() -> Result<()> {
    let Some(folder) = fixtures("encrypted/wa-crypt-tools") else { return Ok(()) };
    for (name, key) in
        [("msgstore.db.crypt15", "key"), ("msgstore.db.crypt14", "encrypted_backup.key")]
    {
        let key = Key::parse(&fs::read(folder.join(key))?)?;
        let file = OnDisk::open(&folder.join(name))?;
        assert!(matches!(open(&file, &key), Err(CryptFault::OtherKind { .. })), "{name}");
    }
    Ok(())
}
