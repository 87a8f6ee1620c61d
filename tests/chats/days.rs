//! Five days of three conversations: one is deleted on the third day, two messages are taken back on the fourth, one
//! is edited on the fifth. `timeline` says exactly that, and `recover` brings exactly that back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::desk::{Desk, read_all};
use crate::phones::{ANDROID, ANDROID_DAYS, IPHONE, IPHONE_DAYS, export};

const ANDROID_DATABASE: &str = "WhatsApp/Databases/msgstore.db";
const ANDROID_PICTURE: &str = "WhatsApp/Media/WhatsApp Images/IMG-1.jpg";

fn android() -> Result<Desk> {
    let desk = Desk::new()?;
    desk.sql(ANDROID_DATABASE, ANDROID)?;
    desk.write(ANDROID_PICTURE, "abc")?;
    desk.snapshot()?;
    for day in ANDROID_DAYS {
        desk.sql(ANDROID_DATABASE, day)?;
        desk.snapshot()?;
    }
    Ok(desk)
}

fn iphone() -> Result<Desk> {
    let desk = Desk::new()?;
    desk.sql("ChatStorage.sqlite", IPHONE)?;
    desk.write("Message/Media/1.jpg", "abc")?;
    desk.snapshot()?;
    for day in IPHONE_DAYS {
        desk.sql("ChatStorage.sqlite", day)?;
        desk.snapshot()?;
    }
    Ok(desk)
}

fn exports() -> Result<Desk> {
    let desk = Desk::new()?;
    for day in 0..5 {
        for name in ["Mia", "Ben", "Garden"] {
            let file = format!("{name}/WhatsApp Chat with {name}.txt");
            match export(name, day) {
                Some(text) => desk.write(&file, &text)?,
                None if day == 2 => desk.remove(&file)?,
                None => {}
            }
        }
        desk.write("Mia/IMG-20251224-WA0001.jpg", "abc")?;
        desk.snapshot()?;
    }
    Ok(desk)
}

/// Which snapshot, what, which words before, which after.
type Told = (usize, String, String, String);

/// What a timeline tells, the snapshots numbered from 1.
fn told(objects: &[Value]) -> Vec<Told> {
    let mut snapshots: BTreeMap<String, usize> = BTreeMap::new();
    let mut times: Vec<&str> =
        objects.iter().filter_map(|object| object["snapshot_time"].as_str()).collect();
    times.sort_unstable();
    times.dedup();
    for (number, time) in times.iter().enumerate() {
        snapshots.insert((*time).to_owned(), number + 1);
    }
    let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    let mut told: Vec<Told> = Vec::new();
    for object in objects.iter().filter(|object| object["type"] == "file") {
        let number = snapshots[object["snapshot_time"].as_str().unwrap_or_default()];
        let id = object["id"].as_str().unwrap_or_default();
        let (what, before) = if id == "chats.changed" {
            let became = object["became"].as_str().unwrap_or_default();
            if became == "changed" {
                continue;
            }
            (became.to_owned(), object["messages"].to_string())
        } else {
            (id.to_owned(), text(&object["before"]))
        };
        told.push((number, what, before, text(&object["after"])));
    }
    told
}

fn line(number: usize, what: &str, before: &str, after: &str) -> Told {
    (number, what.to_owned(), before.to_owned(), after.to_owned())
}

/// What every form must tell of these five days.
fn check(desk: &Desk) -> Result<()> {
    let objects = desk.objects(&["chats", "timeline"], 0)?;
    let mut all = told(&objects);
    all.sort();
    let edited = line(4, "chats.message-edited", "Yes, with the cake", "Yes, without the cake");
    let expected = [
        line(2, "vanished", "2", ""),
        line(3, "chats.message-revoked", "Are you coming tomorrow?", ""),
        line(3, "chats.message-revoked", "I never liked roses", ""),
        edited.clone(),
    ];
    assert_eq!(all, expected);
    let summary = objects.iter().find(|object| object["type"] == "summary").context("an end")?;
    let numbers = ["snapshots", "new", "edited", "revoked", "gone", "media_gone"];
    assert_eq!(numbers.map(|name| summary[name].as_u64()), [5, 1, 1, 2, 0, 0].map(Some));
    assert_eq!(summary["conversations_vanished"], 1);

    let mut only = desk.objects(&["chats", "timeline", "--only", "new,edited"], 0)?;
    only.retain(|object| object["id"] != "chats.changed");
    let mut only = told(&only);
    only.sort();
    assert_eq!(
        only,
        [
            line(1, "chats.message-new", "", "Thank you!"),
            line(2, edited.1.as_str(), &edited.2, &edited.3)
        ]
    );

    let differs = desk.objects(&["chats", "diff", "latest~1", "latest"], 0)?;
    assert_eq!(told(&differs), [line(1, &edited.1, &edited.2, &edited.3)]);
    let nothing = desk.objects(&["chats", "diff", "latest", "latest"], 0)?;
    assert_eq!(told(&nothing), []);

    desk.run(&["chats", "recover", "--target", "back"])?;
    let pages = read_all(&desk.path("back"), "html")?;
    for text in ["Burn this letter", "Done", "Are you coming tomorrow?", "I never liked roses"] {
        assert_eq!(pages.matches(text).count(), 1, "{text}");
    }
    for text in ["The roses need water", "with the cake", "Thank you", "without"] {
        assert!(!pages.contains(text), "{text}");
    }
    assert_eq!(pages.matches("From the snapshot of").count(), 3);
    Ok(())
}

#[test]
fn five_days_of_android_are_told_and_recovered() -> Result<()> {
    check(&android()?)
}

#[test]
fn five_days_of_an_iphone_are_told_and_recovered() -> Result<()> {
    check(&iphone()?)
}

#[test]
fn five_days_of_exports_are_told_and_recovered() -> Result<()> {
    check(&exports()?)
}

#[test]
fn one_conversation_is_followed_and_recovered_for_programs() -> Result<()> {
    let desk = android()?;
    let all = told(&desk.objects(&["chats", "timeline", "200@s.whatsapp.net"], 0)?);
    assert_eq!(all, [line(1, "vanished", "2", "")]);
    let recover = ["chats", "recover", "200@s.whatsapp.net", "--target", "back"];
    desk.run(&[&recover[..], &["--format", "json"]].concat())?;
    let text = std::fs::read_to_string(desk.path("back/messages.jsonl"))?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["text"], "Burn this letter");
    assert_eq!(lines[1]["snapshot"], lines[2]["snapshot"]);
    desk.ends(&["chats", "timeline", "nobody"], 1)?;
    desk.ends(&["chats", "recover", "nobody", "--target", "nothing"], 1)?;
    Ok(())
}

#[test]
fn a_file_that_vanished_is_told_and_recovered() -> Result<()> {
    let desk = Desk::new()?;
    desk.sql(ANDROID_DATABASE, ANDROID)?;
    desk.write(ANDROID_PICTURE, "abc")?;
    desk.snapshot()?;
    desk.ends(&["chats", "recover", "--target", "nothing"], 7)?;
    desk.remove(ANDROID_PICTURE)?;
    desk.snapshot()?;
    let all = told(&desk.objects(&["chats", "timeline"], 0)?);
    assert_eq!(all, [line(1, "chats.media-gone", "The cake", "")]);
    desk.run(&["chats", "recover", "100@s.whatsapp.net", "--target", "back"])?;
    assert_eq!(std::fs::read(desk.path("back/media/IMG-1.jpg"))?, b"abc");
    Ok(())
}

#[test]
fn a_database_that_cannot_be_read_any_more_is_no_deletion() -> Result<()> {
    let desk = Desk::new()?;
    desk.sql(ANDROID_DATABASE, ANDROID)?;
    desk.snapshot()?;
    desk.write(ANDROID_DATABASE, &"SQLite format 3\0".repeat(1000))?;
    desk.snapshot()?;
    let objects = desk.objects(&["chats", "timeline"], 4)?;
    let ids: Vec<&str> = objects.iter().filter_map(|object| object["id"].as_str()).collect();
    assert_eq!(ids, ["chats.not-understood", "chats.compared"]);
    let summary = objects.last().context("an end")?;
    assert_eq!(summary["conversations_vanished"], 0);
    Ok(())
}
