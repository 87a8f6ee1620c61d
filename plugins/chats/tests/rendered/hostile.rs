//! Bytes that nobody meant to be read.

use heirloom_chats::error::Fault;
use heirloom_chats::reader::Range;
use proptest::prelude::*;

use crate::memory::{Memory, open};

const SEEDS: &[(&str, &[u8])] = &[
    ("_chat.txt", "\u{200e}[18/03/22, 10:00:00] Anna: \u{200e}POLL:\nQ\n\u{200e}OPTION: A (1 vote)\r\n[19/03/22, 10:00:01] B: <attached: 00000002-PHOTO-x.jpg>\r\n".as_bytes()),
    ("a/messages/inbox/b/message_1.json", br#"{"participants":[{"name":"A"}],"messages":[{"sender_name":"A","timestamp_ms":1,"content":"\u00c3\u00a9","photos":[{"uri":"x"}]}],"title":"t","thread_path":"inbox/b"}"#),
    ("result.json", br#"{"name":"n","type":"personal_chat","id":1,"messages":[{"id":1,"type":"message","date":"2020-01-01T00:00:00","from":"a","from_id":"user1","text":[{"type":"bold","text":"x"},"y"],"file":"f"}]}"#),
    ("x - y [1].json", br#"{"guild":{"name":"g"},"channel":{"id":"1","name":"c"},"messages":[{"id":"1","type":"Default","timestamp":"2020-01-01T00:00:00+00:00","content":"x","author":{"id":"1","name":"a"}}]}"#),
];

/// Reads everything that there is; nothing must panic.
fn read_all(name: &str, bytes: &[u8]) {
    let (chats, errors) = open(&Memory::of(&[(name, bytes)]));
    for chats in chats {
        for conversation in chats.conversations().unwrap_or_default() {
            let mut count = 0;
            // Some of it may be unreadable; what matters is that it says so.
            let _result = chats.messages(&conversation.id, Range::default(), &mut |message| {
                for media in &message.media {
                    let _file = chats.open_media(media);
                }
                count += 1;
                true
            });
            if errors.is_empty() {
                assert_eq!(count, conversation.messages);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000), seed in 0..SEEDS.len()) {
        read_all(SEEDS[seed].0, &bytes);
        read_all("WhatsApp.zip", &bytes);
    }

    #[test]
    fn random_text_that_looks_like_headers_is_survived(text in r"(\x{200e}?\[?[0-9]{1,4}[/.:-][0-9]{1,2}[/.:-][0-9]{1,4},? [0-9]{1,2}[:.][0-9]{2}( ?[AaPp][Mm])?\]?( - )?[A-Z<>:\n\x{200e} ]{0,20}\n?){0,30}") {
        read_all("_chat.txt", text.as_bytes());
    }

    #[test]
    fn changed_files_are_survived(
        seed in 0..SEEDS.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let (name, bytes) = SEEDS[seed];
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(name, &bytes);
    }
}

#[test]
fn a_text_that_is_called_an_export_and_has_no_message_is_reported() {
    let (chats, errors) = open(&Memory::of(&[
        ("WhatsApp Chat with Anna.txt", b"nothing to see here\n"),
        ("notes.txt", b"nothing\n"),
    ]));
    assert!(chats.is_empty());
    let faults: Vec<&Fault> = errors.iter().map(|error| &error.fault).collect();
    assert!(matches!(faults[..], [Fault::Unrecognised { .. }]), "{faults:?}");
}

#[test]
fn logs_are_no_conversations() {
    let logs: &[(&str, &[u8])] = &[
        ("a.txt", b"2024-01-01 10:00:00 - INFO: started\n2024-01-01 10:00:01 - ERROR: failed\n"),
        ("b.txt", b"[2024-01-01 10:00:00] ERROR: failed\n"),
        ("c.txt", b"2024-01-01 10:00:00,123 - module: text\n"),
        ("d.txt", b"[2024-01-01 10:00:00] app::module: text\n"),
    ];
    assert_eq!(open(&Memory::of(logs)).0.len(), 0);
}

#[test]
fn lines_and_messages_without_end_are_cut_and_pointed_out() {
    let mut text = b"18/03/2022, 10:00 - Anna: ".to_vec();
    text.resize(5 << 20, b'x');
    text.extend_from_slice(b"\n18/03/2022, 10:01 - Anna: b\n");
    let (chats, _) = open(&Memory::of(&[("_chat.txt", &text)]));
    assert_eq!(chats[0].conversations().unwrap()[0].messages, 2);
    assert_eq!(format!("{:?}", chats[0].found().remarks), "[LongText { messages: 1 }]");
}

#[test]
fn json_that_is_cut_yields_what_was_whole() {
    let whole = r#"{"name":"n","type":"personal_chat","id":1,"messages":[{"id":1,"type":"message","date":"2020-01-01T00:00:00","from":"a","from_id":"user1","text":"x"},{"id":2,"ty"#;
    let (chats, errors) = open(&Memory::of(&[("result.json", whole.as_bytes())]));
    assert_eq!((chats[0].conversations().unwrap()[0].messages, errors.len()), (1, 1));
    assert!(matches!(errors[0].fault, Fault::Json(_)));
}

#[test]
fn json_that_nests_without_end_is_survived() {
    let deep = format!(
        "{{\"name\":\"n\",\"type\":\"personal_chat\",\"from_id\":1,\"messages\":{}",
        "[".repeat(1_000_000)
    );
    let (_, errors) = open(&Memory::of(&[("result.json", deep.as_bytes())]));
    assert_eq!(errors.len(), 1);
}

#[test]
fn a_download_as_html_is_pointed_out() {
    let (chats, errors) = open(&Memory::of(&[(
        "fb/your_facebook_activity/messages/inbox/a_1/message_1.html",
        b"<html></html>",
    )]));
    assert!(chats.is_empty());
    assert!(matches!(errors[0].fault, Fault::Form { .. }));
}
