//! One conversation in several places of a snapshot is told once.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::desk::Desk;
use crate::phones::{ANDROID, IPHONE};

/// An export by a phone whose clock is an hour ahead of UTC, older and newer than what the database has.
const EXPORT: &str = "\
01/11/2025, 10:00 - Messages and calls are end-to-end encrypted.
01/11/2025, 10:00 - Mia: Long before the database begins
24/12/2025, 19:13 - Mia: Are you coming tomorrow?
24/12/2025, 19:14 - Ada: Yes, with the cake
24/12/2025, 19:15 - Mia: IMG-20251224-WA0001.jpg (file attached)
The cake
26/12/2025, 10:00 - Mia: Long after it
";

fn texts(objects: &[Value]) -> Vec<&str> {
    let messages = objects.iter().filter(|object| object["id"] == "chats.message");
    messages.map(|object| object["text"].as_str().unwrap_or_default()).collect()
}

#[test]
fn a_database_and_an_export_of_the_same_conversation_are_one() -> Result<()> {
    let desk = Desk::new()?;
    desk.sql("WhatsApp/Databases/msgstore.db", ANDROID)?;
    desk.sql(
        "WhatsApp/Databases/wa.db",
        "CREATE TABLE wa_contacts(_id INTEGER PRIMARY KEY, jid TEXT, display_name TEXT);
         INSERT INTO wa_contacts VALUES(1, '100@s.whatsapp.net', 'Mia');",
    )?;
    desk.write("exports/WhatsApp Chat with Mia.txt", EXPORT)?;
    desk.write("exports/IMG-20251224-WA0001.jpg", "abc")?;
    // Of a person whom nobody else knows.
    desk.write("other/WhatsApp Chat with Zoe.txt", &EXPORT.replace("Mia", "Zoe"))?;
    desk.snapshot()?;
    let listed = desk.objects(&["chats", "list"], 0)?;
    let mia: Vec<&Value> = listed.iter().filter(|object| object["name"] == "Mia").collect();
    assert_eq!(mia.len(), 1);
    assert_eq!(mia[0]["places"].as_array().context("places")?.len(), 2);
    let shown = desk.objects(&["chats", "show", "Mia"], 0)?;
    let expected = [
        "",
        "Long before the database begins",
        "Are you coming tomorrow?",
        "Yes, with the cake",
        "The cake",
        "Long after it",
    ];
    let shown = texts(&shown);
    assert_eq!(shown[1..], expected[1..], "{shown:?}");
    let found = desk.objects(&["chats", "search", "cake", "--chat", "Mia"], 0)?;
    assert_eq!(texts(&found), ["Yes, with the cake", "The cake"]);
    let found = desk.objects(&["chats", "search", "cake"], 0)?;
    assert_eq!(found.iter().filter(|hit| hit["conversation"] == "100@s.whatsapp.net").count(), 2);
    Ok(())
}

#[test]
fn the_same_messages_on_two_phones_are_one() -> Result<()> {
    let desk = Desk::new()?;
    desk.sql("old/WhatsApp/Databases/msgstore.db", ANDROID)?;
    desk.sql("new/ChatStorage.sqlite", IPHONE)?;
    desk.sql(
        "new/ChatStorage.sqlite",
        "INSERT INTO ZWAMESSAGE VALUES(9, 3, 1, NULL, 0, 0, 0, 3, 0, 788400000, 'C9', '9-9@g.us', 'On the new phone');",
    )?;
    desk.snapshot()?;
    let shown = desk.objects(&["chats", "show", "Garden"], 0)?;
    let expected = ["The roses need water", "I never liked roses", "On the new phone"];
    assert_eq!(texts(&shown), expected);
    let listed = desk.objects(&["chats", "list"], 0)?;
    assert_eq!(listed.iter().filter(|object| object["id"] == "chats.conversation").count(), 3);
    Ok(())
}

#[test]
fn two_people_of_one_name_are_two() -> Result<()> {
    let desk = Desk::new()?;
    desk.sql("ChatStorage.sqlite", IPHONE)?;
    let day = |text: &str| {
        let lines = (0..6).map(|n| format!("24/12/2025, 18:1{n} - Mia: {text} {n}\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let more = (10..16).map(|n| {
        let (time, id) = (788_292_900 + n, format!("D{n}"));
        format!("INSERT INTO ZWAMESSAGE VALUES({n}, 1, NULL, NULL, 0, 0, 0, {n}, 0, {time}, '{id}', '100@s.whatsapp.net', 'Something else {n}');")
    });
    desk.sql("ChatStorage.sqlite", &more.collect::<Vec<_>>().concat())?;
    desk.write("WhatsApp Chat with Mia.txt", &day("Another conversation"))?;
    desk.snapshot()?;
    let listed = desk.objects(&["chats", "list"], 0)?;
    assert_eq!(listed.iter().filter(|object| object["name"] == "Mia").count(), 2);
    Ok(())
}
