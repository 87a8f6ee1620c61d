//! `chats verify` finds what is missing, changed, damaged or referred to by nothing.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::desk::Desk;
use crate::phones::ANDROID;

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
fn a_database_whose_index_lies_is_damaged() -> Result<()> {
    let desk = phone()?;
    desk.sql(
        DATABASE,
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'chat')
         WHERE name = 'message_chat_sort_id_index'; PRAGMA writable_schema = OFF;",
    )?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "verify"], 4)?;
    let wrong = ["chats.database-damaged", "chats.not-understood"];
    assert!(ids(&objects).iter().any(|id| wrong.contains(id)), "{objects:#?}");
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
