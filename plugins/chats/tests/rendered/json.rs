//! Downloads and exports as JSON.

use std::fmt::Write as _;

use heirloom_chats::model::{App, Direction, MessageKind};
use heirloom_chats::needle::Needle;
use heirloom_chats::reader::Range;

use crate::memory::{Memory, messages, open};

/// Text as Facebook writes it: a letter for each byte.
fn mojibake(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        if byte.is_ascii() {
            written.push(char::from(byte));
        } else {
            write!(written, "\\u{byte:04x}").unwrap();
        }
    }
    written
}

fn part(thread: &str, people: &[&str], from: u64, count: u64) -> String {
    let people: Vec<String> =
        people.iter().map(|name| format!("{{\"name\":\"{}\"}}", mojibake(name))).collect();
    let newest_first: Vec<String> = (from..from + count)
        .rev()
        .map(|n| {
            format!(
                "{{\"sender_name\":\"{}\",\"timestamp_ms\":{},\"content\":\"{}\"}}",
                mojibake("Zoë"),
                1_600_000_000_000_u64 + n,
                mojibake(&format!("été {n}"))
            )
        })
        .collect();
    format!(
        "{{\"participants\":[{}],\"messages\":[{}],\"title\":\"{}\",\"thread_path\":\"inbox/{thread}\"}}",
        people.join(","),
        newest_first.join(","),
        mojibake("Zoë")
    )
}

#[test]
fn a_download_is_read_oldest_first_through_all_its_parts_in_any_layout() {
    for (top, app) in [
        ("facebook-x/your_activity_across_facebook/messages", App::Messenger),
        ("facebook-x/your_facebook_activity/messages", App::Messenger),
        ("messages", App::Messenger),
        ("instagram-x/your_instagram_activity/messages", App::Instagram),
    ] {
        // message_11 is the oldest.
        let parts: Vec<(String, String)> = (1..=11)
            .map(|n| {
                (
                    format!("{top}/inbox/zoe_1/message_{n}.json"),
                    part("zoe_1", &["Zoë", "Me"], (11 - n) * 3, 3),
                )
            })
            .chain([(
                format!("{top}/archived_threads/max_2/message_1.json"),
                part("max_2", &["Max", "Me"], 0, 1),
            )])
            .collect();
        let files: Vec<(&str, &[u8])> =
            parts.iter().map(|(path, json)| (path.as_str(), json.as_bytes())).collect();
        let (chats, errors) = open(&Memory::of(&files));
        assert_eq!((chats.len(), errors.len(), chats[0].found().app), (1, 0, app), "{top}");
        let conversations = chats[0].conversations().unwrap();
        let zoe =
            conversations.iter().find(|conversation| conversation.id == "inbox/zoe_1").unwrap();
        assert_eq!((zoe.name.as_str(), zoe.messages), ("Zoë", 33));
        assert!(zoe.participants.iter().any(|who| who.is_self && who.id == "Me"));
        let all = messages(&*chats[0], &zoe.id, Range::default());
        let expected: Vec<String> = (0..33).map(|n| format!("été {n}")).collect();
        assert_eq!(
            all.iter().map(|message| message.text.clone().unwrap()).collect::<Vec<_>>(),
            expected
        );
        assert!(all.iter().all(|message| message.direction == Direction::Received));
    }
}

#[test]
fn end_to_end_encrypted_conversations_come_as_one_file_each() {
    let json = r#"{"participants":["Anna","Me"],"threadName":"Anna_12","messages":[
        {"senderName":"Anna","text":"hi","timestamp":1600000000000,"type":"Generic","isUnsent":false,"media":[],"reactions":[{"actor":"Me","reaction":"x"}]},
        {"senderName":"Me","text":"","timestamp":1600000001000,"isUnsent":false,"media":[{"uri":"./media/1.jpg"}],"reactions":[]},
        {"senderName":"Me","text":"","timestamp":1600000002000,"isUnsent":true,"media":[],"reactions":[]}]}"#;
    let (chats, _) =
        open(&Memory::of(&[("e2ee/Anna_12.json", json.as_bytes()), ("e2ee/media/1.jpg", b"jpg")]));
    let conversation = &chats[0].conversations().unwrap()[0];
    let all = messages(&*chats[0], &conversation.id, Range::default());
    let kinds: Vec<MessageKind> = all.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::Text, MessageKind::Image, MessageKind::Deleted]);
    assert_eq!(all[0].reactions.len(), 1);
    assert!(chats[0].open_media(&all[1].media[0]).unwrap().is_some());
}

#[test]
fn an_account_of_telegram_is_read_conversation_by_conversation() {
    let chat = |id: u64| {
        let messages: Vec<String> = (0..100).map(|n| format!(r#"{{"id":{n},"type":"message","date":"2020-01-01T00:00:00","date_unixtime":"{}","from":"A","from_id":"user{id}","text":["c{id} ",{{"type":"bold","text":"m{n}"}}],"text_entities":[]}}"#, 1_577_836_800 + n)).collect();
        format!(
            r#"{{"name":"Chat {id}","type":"personal_chat","id":{id},"messages":[{}]}}"#,
            messages.join(",")
        )
    };
    let json = format!(
        r#"{{"about":"x","personal_information":{{"user_id":2}},"contacts":{{"about":"y","list":[{{"name":"no chat"}}]}},"chats":{{"about":"z","list":[{},{}]}},"left_chats":{{"list":[{}]}}}}"#,
        chat(1),
        chat(2),
        chat(3)
    );
    let (chats, errors) = open(&Memory::of(&[("result.json", json.as_bytes())]));
    assert!(errors.is_empty());
    let conversations = chats[0].conversations().unwrap();
    assert_eq!(
        conversations.iter().map(|c| (c.id.as_str(), c.messages)).collect::<Vec<_>>(),
        [("1", 100), ("2", 100), ("3", 100)]
    );
    let tail = messages(&*chats[0], "2", Range { last: Some(2), ..Range::default() });
    assert_eq!(
        tail.iter().map(|message| message.text.as_deref().unwrap()).collect::<Vec<_>>(),
        ["c2 m98", "c2 m99"]
    );
    assert!(tail[0].direction == Direction::Sent);
    let mut hits = Vec::new();
    chats[0]
        .search(&Needle::new("C3 M4"), &mut |id, message| {
            hits.push((id.to_owned(), message.position));
            true
        })
        .unwrap();
    assert_eq!(hits.len(), 11);
    assert!(hits.iter().all(|(id, _)| id == "3"));
}

#[test]
fn bytes_that_are_no_text_do_not_spoil_what_follows() {
    let message = |text: &str| {
        format!(
            r#"{{"id":1,"type":"message","date":"2020-01-01T00:00:00","from":"A","from_id":"user1","text":"{text}"}}"#
        )
    };
    // Long enough that letters lie across the borders of what is read at once.
    let long = "é€😀x".repeat(60_000);
    let json = format!(
        r#"{{"name":"n","type":"personal_chat","id":1,"messages":[{},{},{}]}}"#,
        message("caf#"),
        message(&long),
        message("end")
    );
    let bytes: Vec<u8> = json.bytes().map(|byte| if byte == b'#' { 0xe9 } else { byte }).collect();
    let (chats, errors) = open(&Memory::of(&[("result.json", &bytes)]));
    assert_eq!(errors.len(), 0);
    let texts: Vec<String> = messages(&*chats[0], "1", Range::default())
        .into_iter()
        .map(|message| message.text.unwrap())
        .collect();
    assert_eq!(texts, ["caf\u{fffd}".to_owned(), long, "end".to_owned()]);
}
