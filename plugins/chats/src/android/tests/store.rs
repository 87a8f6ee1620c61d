//! What is read of databases that were built here.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::builders::{CONTACTS, LEGACY, MESSAGES, modern};
use super::{build, conversation, messages, only, open};
use crate::error::Fault;
use crate::folder::Folder;
use crate::model::{App, ConversationKind, Direction, MessageKind, Time};
use crate::needle::Needle;
use crate::reader::{Counts, Range, open_all};

const GROUP: &str = "9-9@g.us";
const LAST_3: Range = Range { since: None, until: None, last: Some(3) };

fn phone(has_indexes: bool) -> TempDir {
    let folder = tempdir().unwrap();
    let sql = format!("{}{MESSAGES}", modern(has_indexes));
    build(folder.path(), "WhatsApp/Databases/msgstore.db", &sql);
    build(folder.path(), "WhatsApp/Backups/wa.db", CONTACTS);
    folder
}

#[test]
fn conversations_have_names_members_and_sums_with_and_without_indexes() {
    for has_indexes in [true, false] {
        let folder = phone(has_indexes);
        let chats = only(folder.path());
        let group = conversation(&*chats, GROUP);
        assert_eq!(
            (group.name.as_str(), group.kind, group.is_archived),
            ("Garden", ConversationKind::Group, true)
        );
        assert_eq!((group.messages, group.media), (12, 3), "{has_indexes}");
        assert_eq!((group.first, group.last), (Some(Time::Utc(1000)), Some(Time::Utc(12_000))));
        let people: Vec<_> =
            group.participants.iter().map(|who| (who.id.as_str(), who.name.as_deref())).collect();
        let expected = [
            ("100@s.whatsapp.net", Some("Bob")),
            ("200@s.whatsapp.net", Some("cy")),
            ("me", Some("Ada")),
        ];
        assert_eq!(people, expected);
        let total: u64 = chats.conversations().unwrap().iter().map(|chat| chat.messages).sum();
        assert_eq!(total, 16);
    }
}

#[test]
fn every_message_that_is_counted_is_read() {
    for has_indexes in [true, false] {
        let folder = phone(has_indexes);
        let chats = only(folder.path());
        for chat in chats.conversations().unwrap() {
            let said = messages(&*chats, &chat.id, Range::default());
            assert_eq!(u64::try_from(said.len()).unwrap(), chat.messages, "{}", chat.id);
        }
    }
}

#[test]
fn a_hidden_address_and_its_number_are_one_conversation() {
    let folder = phone(true);
    let chats = only(folder.path());
    let said = messages(&*chats, "200@s.whatsapp.net", Range::default());
    let texts: Vec<_> = said.iter().filter_map(|message| message.text.as_deref()).collect();
    assert_eq!(texts, ["by number", "by hidden address"]);
    assert_eq!(said[1].sender.as_ref().unwrap().id, "200@s.whatsapp.net");
    assert!(!conversation(&*chats, "200@s.whatsapp.net").is_archived);
}

#[test]
fn messages_without_a_conversation_and_text_that_is_not_utf_8_are_shown() {
    let folder = phone(false);
    let chats = only(folder.path());
    assert_eq!(conversation(&*chats, "row 77").kind, ConversationKind::Unknown);
    assert_eq!(messages(&*chats, "row 77", Range::default())[0].text.as_deref(), Some("of nobody"));
    let said = messages(&*chats, "100@s.whatsapp.net", Range::default());
    assert_eq!(said[0].text.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn answers_reactions_votes_calls_files_and_goods_are_read() {
    for has_indexes in [true, false] {
        let folder = phone(has_indexes);
        let chats = only(folder.path());
        let said = messages(&*chats, GROUP, Range::default());
        let [system, hello, answer, picture, voice, poll, gone, call, once, card, rake, other] =
            &said[..]
        else {
            panic!("{said:#?}")
        };
        assert_eq!((system.kind, system.sender.is_none()), (MessageKind::System, true));
        assert_eq!(system.text.as_deref(), Some("Bob"));
        assert!(hello.is_starred && hello.is_forwarded);
        let reactions: Vec<_> =
            hello.reactions.iter().map(|reaction| reaction.text.as_str()).collect();
        assert_eq!(reactions, ["❤", "👍"]);
        assert!(hello.reactions[0].sender.as_ref().unwrap().is_self);
        assert_eq!(hello.sender.as_ref().unwrap().name.as_deref(), Some("cy"));
        let quote = answer.quote.as_ref().unwrap();
        assert_eq!((quote.id.as_deref(), quote.text.as_deref()), (Some("K3"), Some("Hello")));
        assert_eq!(answer.edit.as_ref().unwrap().time, Some(Time::Utc(3500)));
        assert_eq!(answer.direction, Direction::Sent);
        assert_eq!(picture.text.as_deref(), Some("Roses"));
        assert_eq!(picture.media[0].sha256.unwrap()[..2], [0xba, 0x78]);
        assert_eq!((voice.kind, voice.media[0].duration_ms), (MessageKind::VoiceNote, Some(7000)));
        let path = voice.media[0].path.as_ref().unwrap();
        assert_eq!(path.to_str(), Some("Media/WhatsApp Voice Notes/PTT-1.opus"));
        assert_eq!((poll.poll[0].votes, poll.poll[0].voters.len()), (2, 2));
        assert_eq!((poll.poll[1].text.as_str(), poll.poll[1].votes), ("Hill", 0));
        assert_eq!((gone.kind, gone.id.as_deref()), (MessageKind::Deleted, Some("K8")));
        let call = call.call.as_ref().unwrap();
        assert!(call.is_video && !call.is_missed && call.seconds == Some(62));
        assert!(once.is_view_once && once.kind == MessageKind::Image);
        assert_eq!(card.text.as_deref(), Some("Eve, +1 23"));
        assert_eq!(rake.text.as_deref(), Some("Rake\nfor leaves\n12.50 EUR"));
        assert_eq!((other.kind, other.raw_kind.as_deref()), (MessageKind::Other, Some("1234")));
    }
}

#[test]
fn ranges_begin_and_end_where_they_should() {
    for has_indexes in [true, false] {
        let folder = phone(has_indexes);
        let chats = only(folder.path());
        let ids = |range| {
            let said = messages(&*chats, GROUP, range);
            said.into_iter().map(|message| message.position).collect::<Vec<_>>()
        };
        assert_eq!(ids(LAST_3), [11, 12, 13]);
        let range =
            Range { since: Some(Time::Utc(3000)), until: Some(Time::Utc(5000)), last: None };
        assert_eq!(ids(range), [4, 5]);
        assert_eq!(ids(Range { last: Some(1), ..range }), [5]);
        assert_eq!(ids(Range { since: Some(Time::Utc(99_000)), ..Range::default() }), [0_u64; 0]);
    }
}

#[test]
fn words_are_found_in_texts_captions_answers_and_options() {
    for has_indexes in [true, false] {
        let folder = phone(has_indexes);
        let chats = only(folder.path());
        let find = |words| {
            let mut hits = Vec::new();
            let mut visit = |chat: &str, message: crate::model::Message| {
                hits.push((chat.to_owned(), message.position));
                true
            };
            chats.search(&Needle::new(words), &mut visit).unwrap();
            hits
        };
        let group = |position| (GROUP.to_owned(), position);
        assert_eq!(find("HELLO"), [group(3), group(4)]);
        assert_eq!(find("roses"), [group(5)]);
        assert_eq!(find("hill"), [group(7)]);
        assert_eq!(find("rake"), [group(12)]);
        assert_eq!(find("by hidden"), [("200@s.whatsapp.net".to_owned(), 15)]);
    }
}

#[test]
fn files_are_found_in_the_folder_of_the_app() {
    let folder = phone(true);
    let images = folder.path().join("WhatsApp/Media/WhatsApp Images");
    fs::create_dir_all(&images).unwrap();
    fs::write(images.join("IMG-1.jpg"), "abc").unwrap();
    let chats = only(folder.path());
    let said = messages(&*chats, GROUP, Range::default());
    let bytes = chats.open_media(&said[3].media[0]).unwrap().unwrap();
    assert_eq!(bytes.read_at(0, 10).unwrap(), "abc");
    assert!(chats.open_media(&said[4].media[0]).unwrap().is_none());
}

#[test]
fn a_database_of_the_first_generation_is_read() {
    let folder = tempdir().unwrap();
    build(folder.path(), "databases/msgstore.db", LEGACY);
    build(folder.path(), "databases/wa.db", CONTACTS);
    let chats = only(folder.path());
    let group = conversation(&*chats, GROUP);
    assert_eq!((group.name.as_str(), group.messages, group.media), ("Garden", 4, 1));
    let said = messages(&*chats, GROUP, Range::default());
    assert_eq!(
        (said[0].kind, said[0].raw_kind.as_deref()),
        (MessageKind::System, Some("system 11"))
    );
    assert!(said[1].is_starred && said[1].is_forwarded);
    assert_eq!(said[1].sender.as_ref().unwrap().name.as_deref(), Some("Bob"));
    assert_eq!(said[2].quote.as_ref().unwrap().text.as_deref(), Some("Hello"));
    assert_eq!(said[3].kind, MessageKind::VoiceNote);
    assert_eq!(said[3].media[0].path.as_ref().unwrap().to_str(), Some("Media/WhatsApp/PTT.opus"));
    let said = messages(&*chats, "200@s.whatsapp.net", LAST_3);
    assert_eq!(said[0].place.as_ref().unwrap().latitude.to_string(), "48.5");
    assert_eq!(conversation(&*chats, "200@s.whatsapp.net").name, "+200");
}

#[test]
fn between_two_generations_the_table_with_the_newest_message_counts() {
    let folder = tempdir().unwrap();
    build(folder.path(), "msgstore.db", &format!("{}{LEGACY}", modern(false)));
    assert_eq!(messages(&*only(folder.path()), GROUP, Range::default()).len(), 4);
    let folder = tempdir().unwrap();
    build(folder.path(), "msgstore.db", &format!("{}{MESSAGES}{LEGACY}", modern(false)));
    assert_eq!(messages(&*only(folder.path()), GROUP, Range::default()).len(), 12);
}

#[test]
fn a_business_has_labels_quick_replies_and_profiles() {
    let folder = tempdir().unwrap();
    let business = "INSERT INTO labels(_id, label_name) VALUES(1, 'New customer');
        INSERT INTO labeled_jid(label_id, jid_row_id) VALUES(1, 3);
        INSERT INTO quick_replies(_id, title, content) VALUES(1, 'hours', 'We open at 9');
        INSERT INTO quick_reply_keywords(quick_reply_id, keyword_id) VALUES(1, 1);
        INSERT INTO keywords(_id, keyword) VALUES(1, 'open');
        INSERT INTO away_messages(jid) VALUES('100@s.whatsapp.net');
        INSERT INTO jid(_id, user, server, raw_string) VALUES(9, '5', 'broadcast', '5@broadcast');
        INSERT INTO chat(_id, jid_row_id, subject) VALUES(9, 9, 'Offers');";
    let sql = format!("{}{MESSAGES}{business}", modern(true));
    let place = "Android/media/com.whatsapp.w4b/WhatsApp Business";
    build(folder.path(), &format!("{place}/Databases/msgstore.db"), &sql);
    build(folder.path(), &format!("{place}/Backups/wa.db"), CONTACTS);
    let chats = only(folder.path());
    assert_eq!(chats.found().app, App::WhatsAppBusiness);
    let business = chats.business().unwrap();
    assert_eq!(business.labels[0].conversations, ["200@s.whatsapp.net"]);
    assert_eq!(
        (business.quick_replies[0].text.as_str(), &business.quick_replies[0].keywords[..]),
        ("We open at 9", &["open".to_owned()][..])
    );
    assert_eq!(business.away, ["100@s.whatsapp.net"]);
    assert_eq!(business.broadcast_lists, ["Offers"]);
    assert_eq!(business.profiles[0].websites, ["https://bob.example.org"]);
    assert_eq!(conversation(&*chats, "5@broadcast").kind, ConversationKind::Broadcast);
}

#[test]
fn a_database_with_only_the_main_tables_is_read() {
    let folder = tempdir().unwrap();
    let sql = "CREATE TABLE chat(_id INTEGER PRIMARY KEY, jid_row_id INTEGER);
        CREATE TABLE message(_id INTEGER PRIMARY KEY, chat_row_id INTEGER, text_data TEXT);
        INSERT INTO message VALUES(2, 1, 'alone');";
    build(folder.path(), "msgstore.db", sql);
    let chats = only(folder.path());
    assert_eq!(messages(&*chats, "row 1", Range::default())[0].text.as_deref(), Some("alone"));
    assert_eq!(conversation(&*chats, "row 1").messages, 1);
}

#[test]
fn a_message_store_without_its_main_tables_is_named() {
    let folder = tempdir().unwrap();
    build(folder.path(), "msgstore.db", "CREATE TABLE jid(_id INTEGER PRIMARY KEY)");
    build(folder.path(), "other.db", "CREATE TABLE jid(_id INTEGER PRIMARY KEY)");
    let files: std::sync::Arc<dyn crate::files::Files> =
        std::sync::Arc::new(Folder::new(folder.path()));
    let mut faults = Vec::new();
    assert!(open_all(&files, &mut |error| faults.push(error)).is_empty());
    assert!(
        matches!(&faults[..], [error] if matches!(error.fault, Fault::Schema { .. })),
        "{faults:?}"
    );
    assert!(open(tempdir().unwrap().path()).is_empty());
}

#[test]
fn a_large_database_is_looked_at_through_its_indexes_first() {
    let many = "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 61000)
        INSERT INTO message(_id, chat_row_id, from_me, key_id, timestamp, message_type, text_data, sort_id)
        SELECT i, CASE WHEN i % 10 = 0 THEN 1 ELSE 4 END, 0, 'M' || i, i, 0, hex(zeroblob(60)), i FROM n;
        UPDATE chat SET sort_timestamp = 61000 WHERE _id = 4;";
    for (has_indexes, expected) in [(true, Counts::Estimated), (false, Counts::Unknown)] {
        let folder = tempdir().unwrap();
        build(folder.path(), "msgstore.db", &format!("{}{many}", modern(has_indexes)));
        let overview = only(folder.path()).overview().unwrap();
        assert_eq!(overview.counts, expected);
        let group = overview.conversations.iter().find(|chat| chat.id == GROUP).unwrap();
        assert_eq!((group.name.as_str(), group.last), ("Garden", Some(Time::Utc(61_000))));
        let count = |id| overview.conversations.iter().find(|chat| chat.id == id).unwrap().messages;
        let (large, small) = (count(GROUP), count("100@s.whatsapp.net"));
        let chats = only(folder.path());
        let said = messages(&*chats, GROUP, Range { last: Some(40), ..Range::default() });
        let positions: Vec<_> = said.iter().map(|message| message.position).collect();
        let expected: Vec<u64> = (60_000..=61_000).filter(|position| position % 10 > 0).collect();
        assert!(expected.ends_with(&positions) && positions.len() == 40, "{positions:?}");
        if has_indexes {
            assert!((45_000..63_000).contains(&large), "{large}");
            assert!((4500..9000).contains(&small), "{small}");
        } else {
            assert_eq!((large, small), (0, 0));
        }
    }
    let folder = phone(true);
    let overview = only(folder.path()).overview().unwrap();
    assert_eq!(overview.counts, Counts::Exact);
}

#[test]
fn calls_that_no_message_stands_for_are_a_list_of_their_own() {
    let folder = tempdir().unwrap();
    let calls = "DROP TABLE call_log;
        CREATE TABLE call_log(_id INTEGER PRIMARY KEY, jid_row_id INTEGER, from_me INTEGER, call_id TEXT, timestamp INTEGER, video_call INTEGER, duration INTEGER, call_result INTEGER, group_jid_row_id INTEGER);
        INSERT INTO call_log VALUES(1, 1, 0, 'call:A', 2000, 1, 0, 4, 0), (2, 3, 1, 'call:B', 1000, 0, 9, 5, 4);";
    build(folder.path(), "msgstore.db", &format!("{}{calls}", modern(true)));
    let all = open(folder.path());
    let forms: Vec<_> = all.iter().map(|chats| chats.found().form).collect();
    assert_eq!(forms, ["database", "calls"]);
    let said = messages(&*all[1], "100@s.whatsapp.net", Range::default());
    let call = said[0].call.as_ref().unwrap();
    assert!(call.is_video && call.is_missed && said[0].direction == Direction::Received);
    let said = messages(&*all[1], GROUP, Range::default());
    assert!(!said[0].call.as_ref().unwrap().is_missed && said[0].direction == Direction::Sent);
}
