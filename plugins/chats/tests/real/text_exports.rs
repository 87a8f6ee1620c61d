//! Texts that real telephones wrote, in the folder that `HEIRLOOM_FIXTURES` names: counts of messages against those of other programs.

use std::collections::BTreeMap;

use heirloom_chats::model::{MessageKind, Remark, Time};

use crate::read::{Text, texts_in};

/// All texts, by their path; a text in an archive by that of the archive.
fn all() -> Option<BTreeMap<String, Text>> {
    let mut texts = BTreeMap::new();
    for text in texts_in(&crate::fixtures::fixtures("text-exports")?) {
        let path = text.found.split_inclusive(".zip").next().unwrap().to_owned();
        assert!(texts.insert(path.clone(), text).is_none(), "{path} was found twice");
    }
    Some(texts)
}

/// Files in which we count otherwise than the lines that look like headers, and why.
const COUNTED_OTHERWISE: &[(&str, u64)] = &[];

#[test]
fn as_many_messages_are_found_as_there_are_headers() {
    let Some(texts) = all() else { return };
    let expected: serde_json::Value = serde_json::from_slice(
        &std::fs::read(crate::fixtures::fixtures("EXPECTED-text-exports.json").unwrap()).unwrap(),
    )
    .unwrap();
    for (path, expected) in expected["files"].as_object().unwrap() {
        let text = texts.get(path).unwrap_or_else(|| panic!("{path} was not recognised"));
        let ours =
            COUNTED_OTHERWISE.iter().find(|(other, _)| other == path).map(|(_, count)| *count);
        let wanted = ours.unwrap_or_else(|| expected["header_lines_counted"].as_u64().unwrap());
        assert_eq!(text.conversation.messages, wanted, "{path}");
        assert_eq!(u64::try_from(text.messages.len()).unwrap(), wanted, "{path}");
        let media = text.messages.iter().filter(|message| !message.media.is_empty()).count();
        assert_eq!(text.conversation.media, u64::try_from(media).unwrap(), "{path}");
    }
    assert_eq!(texts.len(), expected["files"].as_object().unwrap().len());
}

/// Who wrote how often, what the app says included: other programs count that for whom it names.
fn senders(text: &Text) -> BTreeMap<&str, u64> {
    let mut senders = BTreeMap::new();
    for message in &text.messages {
        *senders
            .entry(message.sender.as_ref().map_or("(system)", |sender| sender.id.as_str()))
            .or_default() += 1;
    }
    senders
}

/// Files in which we say of other messages who wrote them, and why.
const SENT_OTHERWISE: &[(&str, &str)] = &[
    ("chat-miner/test_[mmddyy]_24hrs.txt", "`John Doe:.` is from John Doe, who wrote before"),
    ("chat-miner/test_ddmmyy_24hrs.txt", "`John Doe:.` is from John Doe, who wrote before"),
    ("chat-miner/test_mmddyyyy_12hrs.txt", "`John Doe:.` is from John Doe, who wrote before"),
    ("whats_json/arabic2_ios.txt", "the other program finds no message"),
];

#[test]
fn senders_and_times_are_those_that_another_program_finds() {
    let Some(texts) = all() else { return };
    let expected: serde_json::Value = serde_json::from_slice(
        &std::fs::read(crate::fixtures::fixtures("EXPECTED-text-exports.json").unwrap()).unwrap(),
    )
    .unwrap();
    for (path, expected) in expected["files"].as_object().unwrap() {
        if SENT_OTHERWISE.iter().any(|(other, _)| other == path) {
            continue;
        }
        let text = &texts[path];
        let ours = senders(text);
        let said_by_app = ours.get("(system)").copied().unwrap_or(0);
        let mut said_for_app = 0;
        for (name, count) in expected["authors_npm"].as_object().unwrap() {
            let count = count.as_u64().unwrap();
            let found = ours.get(name.as_str()).copied().unwrap_or(0);
            // On iOS the app speaks in the name of whom one writes with.
            assert!(found <= count || name == "(system)", "{path}: {name}");
            said_for_app += if name == "(system)" { count } else { count - found };
        }
        assert_eq!(said_by_app, said_for_app, "{path}");
        let time = |time: Option<Time>| {
            time.map(|time| {
                jiff::Timestamp::from_millisecond(time.millis())
                    .unwrap()
                    .strftime("%FT%T.000Z")
                    .to_string()
            })
        };
        // One reads the day as the month here, where both orders are in one file.
        if !path.starts_with("chat-history-manager") {
            assert_eq!(
                time(text.conversation.first).as_deref(),
                expected["first_npm"].as_str(),
                "{path}"
            );
            assert_eq!(
                time(text.conversation.last).as_deref(),
                expected["last_npm"].as_str(),
                "{path}"
            );
        }
    }
}

#[test]
fn two_orders_of_dates_in_one_file_are_read_and_pointed_out() {
    let Some(texts) = all() else { return };
    let text = &texts["chat-history-manager/WhatsApp Chat with +123 45 6789.txt"];
    assert_eq!(text.remarks, [Remark::MixedDates]);
    assert!(text.messages.is_sorted_by_key(|message| message.time));
    assert_eq!(text.conversation.name, "+123 45 6789");
}

#[test]
fn files_in_an_archive_belong_to_the_messages_that_name_them() {
    let Some(texts) = all() else { return };
    let text = &texts["pustur/whatsapp-chat-parser-example.zip"];
    assert_eq!((text.conversation.media, text.media_found), (4, 4));
    let poll = text.messages.iter().find(|message| message.kind == MessageKind::Poll).unwrap();
    assert_eq!(poll.poll.iter().map(|option| option.votes).collect::<Vec<_>>(), [2, 1, 2, 3, 3]);
}

#[test]
fn the_same_conversation_has_the_same_kinds_of_messages_in_every_language() {
    let Some(texts) = all() else { return };
    let kinds = |path: &str| {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for message in texts[path].messages.iter().take(23) {
            *kinds.entry(format!("{:?}", message.kind)).or_default() += 1;
        }
        kinds
    };
    let english = kinds("whats_json/Gregorian iOS.txt");
    for language in
        ["russian", "spanish", "french", "hindi", "japanese", "arabic2", "thai", "indonesian"]
    {
        assert_eq!(kinds(&format!("whats_json/{language}_ios.txt")), english, "{language}");
    }
}
