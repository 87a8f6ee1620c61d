//! What is recognised, and what is not.

use proptest::prelude::*;

use super::*;

/// Looks at files in the order of a snapshot, and at the folders that lead to them.
fn recognise(files: &[(&str, u64)]) -> Recognised {
    let key = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let mut files: Vec<_> = files.iter().map(|(path, bytes)| (key(path), *bytes)).collect();
    files.sort();
    let mut recogniser = Recogniser::default();
    let mut folders: Vec<Vec<String>> = Vec::new();
    for (path, bytes) in &files {
        for depth in 1..path.len() {
            let folder = path[..depth].to_vec();
            if !folders.contains(&folder) {
                recogniser.see(folder.join("\0").as_bytes(), Seen::Folder);
                folders.push(folder);
            }
        }
        recogniser.see(path.join("\0").as_bytes(), Seen::File(*bytes));
    }
    recogniser.finish()
}

fn counted(recognised: &Recognised, app: App) -> Vec<(Part, u64)> {
    let parts = recognised.apps.get(&app);
    parts
        .map(|parts| parts.iter().map(|(part, tally)| (*part, tally.files)).collect())
        .unwrap_or_default()
}

fn of(files: &[&str], app: App) -> Vec<(Part, u64)> {
    let files: Vec<_> = files.iter().map(|path| (*path, 10)).collect();
    counted(&recognise(&files), app)
}

#[test]
fn a_phones_folder_is_counted_by_kind() {
    let root = "sdcard/Android/media/com.whatsapp/WhatsApp";
    let files = [
        "Databases/msgstore.db.crypt15",
        "Databases/msgstore-2026-11-01.1.db.crypt15",
        "Databases/msgstore-2026-11-02.1.db.crypt14",
        "Databases/msgstore-increment-1.db.crypt15",
        "Backups/wa.db.crypt15",
        "Backups/stickers.backup.crypt15",
        "Media/WhatsApp Images/IMG-20261101-WA0001.jpg",
        "Media/WhatsApp Images/Sent/IMG-20261101-WA0002.jpg",
        "Media/WhatsApp Images/Sent/.nomedia",
        "Media/WhatsApp Images/IMG-20261101-WA0003.jpg.tmp",
        "Media/WhatsApp Video/VID-20261101-WA0001.mp4",
        "Media/WhatsApp Voice Notes/202644/PTT-20261101-WA0001.opus",
        "Media/WhatsApp Documents/letter.pdf",
        "Media/.Statuses/x.jpg",
    ];
    let mut files: Vec<_> = files.iter().map(|path| (format!("{root}/{path}"), 10)).collect();
    files.push((format!("{root}/Media/WhatsApp Images/empty.jpg"), 0));
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    let recognised = recognise(&files);
    let expected = vec![
        (Part::Encrypted(Form::Crypt14), 1),
        (Part::Encrypted(Form::Crypt15), 3),
        (Part::Increment, 1),
        (Part::OtherBackup, 1),
        (Part::Photo, 2),
        (Part::Video, 1),
        (Part::VoiceNote, 1),
        (Part::Document, 1),
    ];
    assert_eq!(counted(&recognised, App::WhatsApp), expected);
    assert_eq!(recognised.apps.len(), 1);
    assert_eq!(recognised.locked.all, Tally { files: 6, bytes: 60 });
    assert!(recognised.incomplete.is_empty());
}

#[test]
fn business_is_told_from_the_other_app() {
    let root = "Android/media/com.whatsapp.w4b/WhatsApp Business";
    let files = [
        format!("{root}/Databases/msgstore.db.crypt15"),
        format!("{root}/Media/WhatsApp Business Images/IMG-20261101-WA0001.jpg"),
        format!("{root}/Media/WhatsApp Documents/list.pdf"),
        "Android/media/com.whatsapp/WhatsApp/Databases/msgstore.db.crypt14".to_owned(),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let expected =
        [(Part::Encrypted(Form::Crypt15), 1), (Part::Photo, 1), (Part::Document, 1)].to_vec();
    assert_eq!(of(&files, App::WhatsAppBusiness), expected);
    assert_eq!(of(&files, App::WhatsApp), [(Part::Encrypted(Form::Crypt14), 1)]);
}

#[test]
fn photographs_and_other_peoples_files_are_nobodys() {
    let files = [
        "home/me/Photos/2026/IMG_0001.jpg",
        "home/me/Photos/IMG-20261101-WA0001.jpg",
        "home/me/WhatsApp/cover.jpg",
        "home/me/Signal/photo.jpg",
        "home/me/Telegram/readme.txt",
        "home/me/photos/result.png",
        "home/me/files/wa.db",
        "home/me/project/messages/inbox.json",
        "home/me/project/message_1.json",
        "home/me/office/result.json",
        "home/me/office/00000001-report.pdf",
        "home/me/office/stickers.db",
        "home/me/WhatsApp Desktop Setup.zip",
        "home/me/catalogue/Manifest.db",
        "home/me/app/Info.plist",
        "home/me/notes about crypt15.txt",
        "home/me/secret.crypt1",
    ];
    let files: Vec<_> = files.iter().map(|path| (*path, 10)).collect();
    assert_eq!(recognise(&files), Recognised::default());
}

#[test]
fn loose_files_are_known_by_their_names() {
    let files = ["x/MSGSTORE.DB", "x/wa.db", "x/msgstore.db-wal", "y/msgstore.db.crypt15 (1)"];
    let expected = [(Part::Database, 2), (Part::Encrypted(Form::Crypt15), 1)];
    assert_eq!(of(&files, App::WhatsApp), expected);
}

#[test]
fn exports_are_known_in_every_language_and_count_what_lies_beside_them() {
    let files = [
        "a/_chat.txt",
        "a/00000035-PHOTO-2022-03-27-21-41-55.jpg",
        "a/00000036-AUDIO-2022-03-27-21-41-55.opus",
        "b/WhatsApp Chat with Mia.txt",
        "b/IMG-20251224-WA0001.jpg",
        "b/holiday.jpg",
        "c/Chat de WhatsApp con Mia.txt",
        "c/Discussion WhatsApp avec Mia.zip",
        "c/WhatsApp Chat - Mia (2).zip",
        "c/letter.txt",
    ];
    let expected = [(Part::Export, 5), (Part::Photo, 2), (Part::VoiceNote, 1)];
    assert_eq!(of(&files, App::WhatsApp), expected);
}

#[test]
fn iphones_are_known_alone_and_in_backups() {
    let files = [
        "Backup/00008030-0001/Info.plist",
        "Backup/00008030-0001/Manifest.db",
        "Backup/00008030-0001/7c/7c7fba66680ef796b916b067077cc246adacf01d",
        "Backup/00008030-0001/72/724bd3b98b18518b455a87c1f3ac3a0d189c4466",
        "App/ChatStorage.sqlite",
        "App/Message/Media/49170@s.whatsapp.net/a/b.jpg",
        "App/Message/Media/49170@s.whatsapp.net/a/c.opus",
    ];
    let files: Vec<_> = files.iter().map(|path| (*path, 10)).collect();
    let recognised = recognise(&files);
    let expected = [(Part::Database, 2), (Part::Photo, 1), (Part::VoiceNote, 1)];
    assert_eq!(counted(&recognised, App::WhatsApp), expected);
    assert_eq!(counted(&recognised, App::WhatsAppBusiness), [(Part::Database, 1)]);
    assert_eq!(recognised.phones, 1);
}

#[test]
fn downloads_count_conversations_and_what_was_sent_in_them() {
    let facebook = "your_activity_across_facebook/messages/inbox";
    let instagram = "instagram-me/your_instagram_activity/messages/inbox";
    let files = [
        format!("{facebook}/mia_1/message_1.json"),
        format!("{facebook}/mia_1/message_2.json"),
        format!("{facebook}/mia_1/photos/1.jpg"),
        format!("{facebook}/mia_1/audio/1.mp4"),
        format!("{facebook}/tom_2/message_1.json"),
        format!("{instagram}/mia_1/message_1.json"),
        format!("{instagram}/mia_1/videos/1.mp4"),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let expected = [(Part::Conversation, 2), (Part::Photo, 1), (Part::Audio, 1)];
    assert_eq!(of(&files, App::Messenger), expected);
    assert_eq!(of(&files, App::Instagram), [(Part::Conversation, 1), (Part::Video, 1)]);
}

#[test]
fn an_export_of_telegram_is_known_by_its_folders_or_its_name() {
    let files = [
        "one/chats/chat_01/photos/1.jpg",
        "one/chats/chat_01/voice_messages/1.ogg",
        "one/result.json",
        "ChatExport_2026-11-01/result.json",
        "two/photos/1.jpg",
        "two/video_files/2.mp4",
        "two/result.json",
        "three/photos/1.jpg",
        "Telegram/Telegram Images/1.jpg",
    ];
    let expected = [(Part::Export, 3), (Part::Photo, 3), (Part::Video, 1), (Part::VoiceNote, 1)];
    assert_eq!(of(&files, App::Telegram), expected);
}

#[test]
fn discord_and_signal_are_known_by_the_names_of_their_files() {
    let discord = ["x/Guild - general [123456789012345678].json", "x/list [12].json"];
    assert_eq!(of(&discord, App::Discord), [(Part::Export, 1)]);
    let signal =
        ["x/signal-2026-11-01-03-00-00.backup", "Signal/sql/db.sqlite", "x/signal-x.backup"];
    assert_eq!(of(&signal, App::Signal), [(Part::OtherBackup, 2)]);
}

#[test]
fn increments_want_their_base_and_each_other() {
    let lack = |names: &[&str]| {
        let paths: Vec<String> = names.iter().map(|name| format!("D/{name}.crypt15")).collect();
        let files: Vec<_> = paths.iter().map(|path| (path.as_str(), 10)).collect();
        recognise(&files).incomplete
    };
    let base = "msgstore.db";
    let [first, second, third] =
        ["1", "2", "3"].map(|number| format!("msgstore-increment-{number}.db"));
    assert_eq!(lack(&[base]), []);
    assert_eq!(lack(&[base, &first, &second]), []);
    assert_eq!(lack(&["msgstore-2026-11-01.1.db", &first]), []);
    assert_eq!(lack(&[base, "msgstore-increment-2-2026-11-01.1.db"]), []);
    let without_base = Incomplete { folder: "/D".into(), increments: 2, lack: Lack::Base };
    assert_eq!(lack(&[&first, &second]), std::slice::from_ref(&without_base));
    let gap = Incomplete { lack: Lack::Increment(2), ..without_base };
    assert_eq!(lack(&[base, &first, &third]), [gap]);
}

#[test]
fn of_seven_copies_six_are_repeated() {
    let names: Vec<String> =
        (1..8).map(|day| format!("D/msgstore-2026-11-0{day}.1.db.crypt15")).collect();
    let mut files: Vec<_> = names.iter().map(|name| (name.as_str(), 100)).collect();
    files.push(("D/backup_settings.json.crypt15", 5));
    let locked = recognise(&files).locked;
    assert_eq!(locked.all, Tally { files: 8, bytes: 705 });
    assert_eq!(locked.repeated_bytes, 600);
}

#[test]
fn names_that_are_no_text_are_passed_over() {
    let mut recogniser = Recogniser::default();
    recogniser.see(b"\xff\xfe\0\xff.crypt15", Seen::File(1));
    recogniser.see(b"", Seen::Folder);
    let found = recogniser.finish();
    assert_eq!(counted(&found, App::WhatsApp), [(Part::OtherBackup, 1)]);
}

/// Names as messengers put them together, and others that only begin or end like them.
fn any_name() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "msgstore",
        "-increment-1",
        "-2026-11-01.1",
        ".db",
        ".crypt15",
        ".crypt12",
        " (1)",
        "wa",
        "chatstorage",
        ".sqlite",
        "manifest",
        "info",
        ".plist",
        "result",
        ".json",
        "message_1",
        "guild [123456789012345678]",
        "signal-2026-11-01-03",
        ".backup",
        "_chat",
        "WhatsApp Chat with A",
        "Chat de WhatsApp",
        ".txt",
        ".zip",
        "IMG-20261101-WA0001",
        "PTT-20261101-WA0001",
        ".jpg",
        "00000047-Resume",
        ".pdf",
        "7c7fba66680ef796b916b067077cc246adacf01d",
        ".tmp",
        ".",
        "x",
        "\u{212a}",
    ]);
    let cased = (words, 0..3_u8).prop_map(|(word, case)| match case {
        0 => word.to_uppercase(),
        _ => word.to_owned(),
    });
    prop::collection::vec(cased, 1..5).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn no_name_that_says_something_is_passed_over(name in any_name()) {
        let says = Name::of(&names::lower(name.as_bytes()), &name) != Name::Other
            || crate::export::is_called_attachment(&name);
        prop_assert!(!says || names::may_say_something(name.as_bytes()), "{}", name);
    }
}
