//! Files that a phone wrote.

use std::fs;

use anyhow::Result;
use heirloom_chats::crypt::Key;

use super::{there_and_back, together};
use heirloom_chats::transform::{Form, Ways};
use heirloom_kit::fixtures;

#[test]
fn real_backups_come_back_from_their_database() -> Result<()> {
    let Some(folder) = fixtures("encrypted/wa-crypt-tools") else { return Ok(()) };
    let expected = fs::read(folder.join("msgstore.db"))?;
    let keys = ["key", "encrypted_backup.key"]
        .map(|name| fs::read(folder.join(name)))
        .into_iter()
        .map(|bytes| Ok(Key::parse(&bytes?)?))
        .collect::<Result<Vec<_>>>()?;
    for name in [
        "msgstore.db.crypt12",
        "msgstore.db.crypt14",
        "msgstore-noexpiry.db.crypt14",
        "msgstore.db.crypt15",
    ] {
        let (taken, stored) = there_and_back(name, &fs::read(folder.join(name))?, &keys)?;
        eprintln!("{name}: {:?}, recipe of {} bytes", taken.ways, taken.recipe_bytes());
        assert_eq!(taken.decoded_bytes, Some(expected.len() as u64), "{name}");
        assert!(stored.starts_with(&expected), "{name}");
        assert!(together(&stored, Form::Decoded)? == expected, "{name}");
        assert_eq!(taken.ways, Ways { zlib: 1, ..Ways::default() }, "{name}");
        assert!(taken.recipe_bytes() < 600, "{name}: {}", taken.recipe_bytes());
    }
    Ok(())
}
