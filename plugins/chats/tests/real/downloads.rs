//! What other messengers export and give to download, in the folder that `HEIRLOOM_FIXTURES` names.

use heirloom_chats::model::{App, ConversationKind, Direction, MessageKind, Time};

use crate::read::{Text, texts_in};

fn texts(path: &str) -> Option<Vec<Text>> {
    Some(texts_in(&crate::fixtures::fixtures(&format!("other-messengers/{path}"))?))
}

#[test]
fn downloads_from_facebook_are_read_in_order_with_their_files() {
    let Some(texts) = texts("messenger/msgvault") else { return };
    assert!(texts.iter().all(|text| text.app == App::Messenger));
    let alice = texts.iter().find(|text| text.conversation.id == "inbox/alice_ABC123").unwrap();
    assert_eq!(alice.conversation.kind, ConversationKind::Person);
    assert!(texts.iter().all(|text| text.messages.is_sorted_by_key(|message| message.time)));
    let dave = texts.iter().find(|text| text.found.contains("json_multifile")).unwrap();
    assert_eq!(dave.conversation.messages, 4);
    let sam = texts.iter().find(|text| text.found.contains("json_nontext")).unwrap();
    let kinds: Vec<MessageKind> = sam.messages.iter().map(|message| message.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::System,
            MessageKind::Link,
            MessageKind::Call,
            MessageKind::Call,
            MessageKind::Image,
            MessageKind::Sticker
        ]
    );
    assert!(sam.messages[2].call.as_ref().unwrap().is_missed);
    assert_eq!(sam.messages[3].call.as_ref().unwrap().seconds, Some(192));
    let bob = texts.iter().find(|text| text.found.contains("json_with_media")).unwrap();
    assert_eq!(bob.media_found, 1);
    let archived = texts.iter().filter(|text| text.conversation.is_archived).count();
    assert_eq!(archived, 1);
}

#[test]
fn single_files_of_messenger_and_instagram_are_recognised_by_content() {
    let Some(messenger) = texts("messenger/chat-analytics") else { return };
    assert_eq!(messenger.len(), 1);
    assert_eq!(messenger[0].conversation.messages, 7);
    // Nothing in the file itself tells Instagram from Facebook: the folder does.
    let all = texts("").unwrap();
    let instagram = all.iter().find(|text| text.app == App::Instagram).unwrap();
    let said: Vec<&str> =
        instagram.messages.iter().filter_map(|message| message.text.as_deref()).collect();
    assert_eq!(said, ["Hello John!", "Hello Jane!"]);
}

#[test]
fn telegram_exports_of_one_conversation_and_of_an_account_are_read() {
    let Some(account) = texts("telegram/chat-history-manager/telegram_2020-01") else { return };
    let counts: Vec<u64> = account.iter().map(|text| text.conversation.messages).collect();
    assert_eq!(counts, [31, 12, 5, 2]);
    assert_eq!(account[0].conversation.kind, ConversationKind::Group);
    let of = |kind| {
        account
            .iter()
            .flat_map(|text| &text.messages)
            .filter(move |message| message.kind == kind)
            .count()
    };
    assert_eq!(
        (of(MessageKind::Poll), of(MessageKind::Call), of(MessageKind::LiveLocation)),
        (1, 2, 1)
    );
    assert!(account[0].messages.iter().any(|message| message.direction == Direction::Sent));
    assert!(matches!(account[0].conversation.first, Some(Time::Local(_))));
    let found: u64 = account.iter().map(|text| text.media_found).sum();
    assert_eq!(found, 8);
    let single = texts("telegram/chat-analytics").unwrap();
    assert_eq!((single.len(), single[0].messages.len()), (1, 8));
    assert!(matches!(single[0].conversation.first, Some(Time::Utc(_))));
    assert_eq!(texts("telegram/chat-miner").unwrap()[0].messages.len(), 2);
}

#[test]
fn every_telegram_export_yields_its_conversations() {
    let Some(all) = texts("telegram/chat-history-manager") else { return };
    assert_eq!(all.len(), 11);
    let messages: u64 = all.iter().map(|text| text.conversation.messages).sum();
    assert_eq!(messages, 50 + 3 + 6 + 4 + 2 + 5 + 4 + 2);
}

#[test]
fn discord_exports_are_read() {
    let Some(texts) = texts("discord") else { return };
    assert_eq!(texts[0].conversation.name, "Someones name");
    let kinds: Vec<MessageKind> = texts[0].messages.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::Text, MessageKind::Text, MessageKind::Call]);
    assert_eq!(texts[0].messages[0].reactions[0].count, 42);
    assert_eq!(texts[0].messages[2].call.as_ref().unwrap().seconds, Some(251 * 60 + 38));
}

#[test]
fn signal_text_is_recognised() {
    let Some(texts) = texts("signal") else { return };
    assert_eq!((texts[0].app, texts[0].messages.len()), (App::Signal, 2));
    assert_eq!(texts[0].messages[1].text.as_deref(), Some("Hello\nJane!"));
}
