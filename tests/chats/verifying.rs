//! `chats verify` finds what is missing, changed, damaged or referred to by nothing.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::desk::Desk;
use crate::phones::ANDROID;
use heirloom_kit::fixtures;

const DATABASE: &str = "WhatsApp/Databases/msgstore.db";
const PICTURE: &str = "WhatsApp/Media/WhatsApp Images/IMG-1.jpg";

fn phone() -> Result<Desk> {
    let desk = Desk::new()?;
    desk.sql(DATABASE, ANDROID)?;
    desk.write(PICTURE, "abc")?;
    Ok(desk)
}

fn ids(objects: &[Value]) -> Vec<&str> {
    let told = objects.iter().filter(|object| object["id"] != "chats.conversation-verified");
    told.filter_map(|object| object["id"].as_str()).collect()
}

#[test]
fn a_phone_that_is_whole_is_found_whole() -> Result<()> {
    let desk = phone()?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify", "--read-media"], 0)?;
    assert_eq!(ids(&objects), ["chats.verified"]);
    let end = objects.last().context("an end")?;
    assert_eq!((&end["present"], &end["messages"]), (&Value::from(1), &Value::from(7)));
    Ok(())
}

#[test]
fn what_is_missing_changed_or_of_no_message_is_found() -> Result<()> {
    let desk = phone()?;
    desk.write(PICTURE, "xyz")?;
    desk.write("WhatsApp/Media/WhatsApp Images/IMG-2.jpg", "of nobody")?;
    desk.snapshot()?;
    // The size is right: only reading finds it.
    let objects = desk.objects(&["chats", "verify"], 0)?;
    assert_eq!(ids(&objects), ["chats.media-orphaned", "chats.verified"]);
    let objects = desk.objects(&["chats", "verify", "--read-media"], 4)?;
    assert_eq!(ids(&objects)[0], "chats.media-changed");
    desk.write(PICTURE, "longer")?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify"], 4)?;
    let changed = objects.iter().find(|object| object["id"] == "chats.media-changed");
    assert_eq!(changed.context("a finding")?["why"], "of another size");
    desk.remove(PICTURE)?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify"], 4)?;
    assert_eq!(ids(&objects)[0], "chats.media-missing");
    Ok(())
}

#[test]
fn what_a_database_finds_wrong_with_itself_is_told() -> Result<()> {
    let desk = phone()?;
    desk.sql(
        DATABASE,
        "CREATE TABLE more(value); INSERT INTO more VALUES(NULL); PRAGMA writable_schema = ON;
         UPDATE sqlite_master SET sql = 'CREATE TABLE more(value NOT NULL)' WHERE name = 'more';",
    )?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify"], 4)?;
    assert_eq!(ids(&objects), ["chats.database-damaged", "chats.verified"]);
    assert_eq!(objects[0]["message"], "NULL value in more.value");
    Ok(())
}

#[test]
fn a_database_that_cannot_be_read_is_told_once_for_each_look() -> Result<()> {
    let desk = phone()?;
    desk.sql(
        DATABASE,
        "CREATE TABLE more(value); INSERT INTO more VALUES(1); PRAGMA writable_schema = ON;
         UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'message_chat_sort_id_index')
         WHERE name = 'more';",
    )?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify"], 4)?;
    assert_eq!(ids(&objects)[0], "chats.not-understood");
    Ok(())
}

#[test]
fn every_encrypted_copy_is_tested() -> Result<()> {
    let Some(real) = fixtures("encrypted/wa-crypt-tools") else { return Ok(()) };
    let desk = Desk::new()?;
    let place = desk.path("phone/Databases");
    fs::create_dir_all(&place)?;
    for name in ["msgstore.db.crypt12", "msgstore.db.crypt14", "msgstore.db.crypt15"] {
        fs::copy(real.join(name), place.join(name))?;
    }
    let mut bytes = fs::read(real.join("msgstore.db.crypt15"))?;
    bytes[5000] ^= 1;
    fs::write(place.join("msgstore-2020-01-01.1.db.crypt15"), bytes)?;
    desk.snapshot()?;
    let digits = real.join("encrypted_backup.key");
    let account = real.join("key");
    let digits = ["--chat-key", digits.to_str().context("UTF-8")?];
    let account = ["--chat-key", account.to_str().context("UTF-8")?];
    let counts = |arguments: &[&str]| -> Result<Vec<u64>> {
        let verify = [&["chats", "verify"], arguments, &["--max-age", "99y"]].concat();
        let objects = desk.objects(&verify, 4)?;
        let end = objects.last().context("an end")?;
        let names = ["decrypted", "fitting", "locked"];
        Ok(names.iter().filter_map(|name| end[*name].as_u64()).collect())
    };
    assert_eq!(counts(&[])?, [0, 0, 4]);
    // One is opened to look into it; of the damaged one the header fits.
    assert_eq!(counts(&digits)?, [1, 1, 2]);
    assert_eq!(counts(&[&digits[..], &account].concat())?, [1, 3, 0]);
    assert_eq!(counts(&[&digits[..], &account, &["--read-media"]].concat())?, [3, 0, 1]);
    Ok(())
}

#[test]
fn a_backup_that_was_not_renewed_is_old() -> Result<()> {
    let desk = phone()?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify", "--max-age", "0s"], 4)?;
    assert_eq!(ids(&objects)[0], "chats.backup-old");
    Ok(())
}
