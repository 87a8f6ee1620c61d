//! Real files, where the variable says that there are some.

use std::path::PathBuf;

use super::fixtures::fixtures;
use super::{conversation, messages, only};
use crate::model::{ConversationKind, Direction, MessageKind, Remark, Time};
use crate::reader::Range;

#[test]
fn a_database_of_2023_is_read() {
    let Some(folder) = fixtures("msgstore/chat-history-manager/2023-10") else { return };
    let chats = only(&folder);
    let group = conversation(&*chats, "100000000000000001@g.us");
    assert_eq!((group.name.as_str(), group.kind), ("My Group", ConversationKind::Group));
    assert_eq!((group.messages, group.first), (2, Some(Time::Utc(1_643_607_839_000))));
    let said = messages(&*chats, &group.id, Range::default());
    assert_eq!(
        said.iter().map(|m| m.kind).collect::<Vec<_>>(),
        [MessageKind::System, MessageKind::Text]
    );
    let last = said.last().unwrap();
    assert_eq!(last.id.as_deref(), Some("GROUPMSG99999OLD"));
    assert_eq!(last.quote.as_ref().unwrap().id.as_deref(), Some("GROUPMSG00100"));
    assert!(last.is_forwarded && last.edit.is_some() && last.direction == Direction::Sent);
    let said = messages(&*chats, "11111@s.whatsapp.net", Range::default());
    assert_eq!(
        said.iter().map(|m| m.kind).collect::<Vec<_>>(),
        [MessageKind::LiveLocation, MessageKind::Deleted]
    );
    assert!(said[0].place.as_ref().unwrap().name.as_ref().unwrap().starts_with("New Bahari"));
    assert_eq!(said[1].id.as_deref(), Some("PERSONALMSGDELETED"));
}

#[test]
fn a_database_of_2026_is_read_with_the_verified_name_of_a_business() {
    let Some(folder) = fixtures("msgstore/chat-history-manager/2026-01") else { return };
    let chats = only(&folder);
    let person = conversation(&*chats, "11111@s.whatsapp.net");
    assert_eq!((person.name.as_str(), person.messages), ("WA Verified VName", 1));
    let said = messages(&*chats, &person.id, Range::default());
    assert_eq!(said[0].text.as_deref(), Some("Line 1\nLine 2\n\nLine 3"));
    assert_eq!(said[0].kind, MessageKind::Location);
}

#[test]
fn a_database_between_two_generations_is_read_where_its_messages_are() {
    let Some(folder) = fixtures("encrypted/wa-crypt-tools") else { return };
    let chats = only(&folder);
    let all = chats.conversations().unwrap();
    assert_eq!(all.iter().map(|chat| chat.messages).collect::<Vec<_>>(), [9]);
    assert_eq!((all[0].id.as_str(), all[0].kind), ("status@broadcast", ConversationKind::Status));
    let said = messages(&*chats, "status@broadcast", Range::default());
    assert_eq!(said.len(), 9);
    assert_eq!(said.iter().filter(|m| m.kind == MessageKind::Image).count(), 5);
    assert!(said.iter().all(|m| m.media.len() == 1 && m.media[0].sha256.is_some()));
    let stored: Vec<_> = said.iter().filter_map(|m| m.media[0].path.clone()).collect();
    let names = ["512f6126774046e9999b4be9a1d5c2a5.jpg", "96848000accb45c4a7b7726f183a10c9.mp4"];
    assert_eq!(stored, names.map(|name| PathBuf::from("Media/.Statuses").join(name)));
}

#[test]
fn a_tiny_database_of_the_first_generation_is_read() {
    let Some(folder) = fixtures("msgstore/memacs") else { return };
    let chats = only(&folder);
    assert!(chats.found().remarks.contains(&Remark::Absent { what: "wa.db".to_owned() }));
    let said = messages(&*chats, "436604444333", Range::default());
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].text.as_deref(), Some("Hello World!"));
    assert_eq!(said[0].time, Some(Time::Utc(1_476_555_535_242)));
}
