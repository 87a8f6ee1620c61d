//! Databases of iPhones, made here, and real ones where there are any.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::tempdir;

use crate::android::tests::fixtures::fixtures;
use crate::android::tests::{build, conversation, messages, only, open};
use crate::files::Files;
use crate::folder::Folder;
use crate::model::{App, ConversationKind, Direction, MessageKind, Time};
use crate::reader::{Range, open_all};

const STORAGE: &str = r"
CREATE TABLE ZWACHATSESSION(Z_PK INTEGER PRIMARY KEY, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR, ZSESSIONTYPE INTEGER, ZARCHIVED INTEGER, ZREMOVED INTEGER, ZHIDDEN INTEGER);
CREATE TABLE ZWAGROUPMEMBER(Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZMEMBERJID VARCHAR, ZCONTACTNAME VARCHAR, ZFIRSTNAME VARCHAR);
CREATE TABLE ZWAPROFILEPUSHNAME(Z_PK INTEGER PRIMARY KEY, ZJID VARCHAR, ZPUSHNAME VARCHAR);
CREATE TABLE ZWAMESSAGE(Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER, ZISFROMME INTEGER, ZMESSAGETYPE INTEGER, ZGROUPEVENTTYPE INTEGER, ZSORT INTEGER, ZSTARRED INTEGER, ZMESSAGEDATE TIMESTAMP, ZSTANZAID VARCHAR, ZFROMJID VARCHAR, ZTEXT VARCHAR);
CREATE INDEX Z_WAMessage_compoundIndex ON ZWAMESSAGE(ZCHATSESSION, ZSORT);
CREATE TABLE ZWAMEDIAITEM(Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZFILESIZE INTEGER, ZMOVIEDURATION INTEGER, ZLATITUDE FLOAT, ZLONGITUDE FLOAT, ZMEDIALOCALPATH VARCHAR, ZTITLE VARCHAR, ZVCARDNAME VARCHAR, ZVCARDSTRING VARCHAR, ZMETADATA BLOB);
CREATE TABLE ZWAMESSAGEINFO(Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZRECEIPTINFO BLOB);
INSERT INTO ZWACHATSESSION VALUES(1, '9@g.us', 'Garden', 1, 0, 0, 0), (2, '777@lid', 'Cy', 0, 0, 0, 0), (3, '300@s.whatsapp.net', 'Gone', 0, 0, 1, 0);
INSERT INTO ZWAGROUPMEMBER VALUES(1, 1, '100@s.whatsapp.net', NULL, 'Bo'), (2, 1, '777@lid', NULL, NULL);
INSERT INTO ZWAPROFILEPUSHNAME VALUES(1, '100@s.whatsapp.net', 'bobby');
INSERT INTO ZWAMESSAGE VALUES
  (1, 1, 1, NULL, 0, 6, 2, 1, 0, 10.5, 'S', '9@g.us', NULL),
  (2, 1, 1, NULL, 0, 0, 0, 2, 1, 20, 'A', '9@g.us', 'Hello'),
  (3, 1, NULL, 1, 1, 0, 0, 3, 0, 30, 'B', NULL, 'Answer'),
  (4, 1, 2, 2, 0, 1, 0, 4, 0, 40, 'C', '9@g.us', NULL),
  (5, 1, 2, 3, 0, 3, 0, 5, 0, 50, 'D', '9@g.us', NULL),
  (6, 1, 2, 4, 0, 8, 0, 6, 0, 60, 'E', '9@g.us', NULL),
  (7, 1, 2, 5, 0, 5, 0, 7, 0, 70, 'F', '9@g.us', NULL),
  (8, 1, 2, NULL, 0, 14, 0, 8, 0, 80, 'G', '9@g.us', NULL),
  (9, 1, 2, 6, 0, 4, 0, 9, 0, 90, 'H', '9@g.us', NULL),
  (10, 2, NULL, NULL, 0, 0, 0, 1, 0, 100, 'I', '777@lid', 'Psst');
INSERT INTO ZWAMEDIAITEM(Z_PK, ZMESSAGE, ZFILESIZE, ZMOVIEDURATION, ZLATITUDE, ZLONGITUDE, ZMEDIALOCALPATH, ZTITLE, ZVCARDNAME, ZVCARDSTRING, ZMETADATA) VALUES
  (1, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, x'2A0141' || x'3208' || CAST('1@s.what' AS BLOB) || x'9A0105' || CAST('Hello' AS BLOB)),
  (2, 4, 3, 0, 640, 480, 'Media/9@g.us/a/b/1.jpg', 'Roses', 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=', 'image/jpeg', NULL),
  (3, 5, 9, 7, NULL, NULL, 'Media/9@g.us/a/b/2.opus', NULL, NULL, 'audio/ogg; codecs=opus', NULL),
  (4, 6, 9, 0, NULL, NULL, 'Media/9@g.us/a/b/3.pdf', 'Plan.pdf', NULL, 'application/pdf', NULL),
  (5, 7, 0, 0, 48.5, 2.25, NULL, 'Lake', NULL, NULL, NULL),
  (6, 9, 0, 0, NULL, NULL, NULL, NULL, 'Eve', 'BEGIN:VCARD' || char(10) || 'FN:Eve' || char(10) || 'END:VCARD', NULL);
INSERT INTO ZWAMESSAGEINFO VALUES(1, 2, x'3A1C' || x'0A0C' || x'1205' || CAST('7@lid' AS BLOB) || x'1A0141' || x'2001' || x'0A0C' || x'1205' || CAST('7@lid' AS BLOB) || x'1A0142' || x'2002');
";

const CONTACTS: &str = r"
CREATE TABLE ZWAADDRESSBOOKCONTACT(Z_PK INTEGER PRIMARY KEY, ZFULLNAME BLOB, ZWHATSAPPID BLOB, ZLID BLOB);
INSERT INTO ZWAADDRESSBOOKCONTACT VALUES(1, CAST('Cyril' AS BLOB), CAST('200@s.whatsapp.net' AS BLOB), CAST('777@lid' AS BLOB));
";

const CALLS: &str = r"
CREATE TABLE ZWAAGGREGATECALLEVENT(Z_PK INTEGER PRIMARY KEY, ZINCOMING INTEGER, ZMISSED INTEGER, ZVIDEO INTEGER);
CREATE TABLE ZWACDCALLEVENT(Z_PK INTEGER PRIMARY KEY, ZOUTCOME INTEGER, Z1CALLEVENTS INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, ZGROUPJIDSTRING VARCHAR);
CREATE TABLE ZWACDCALLEVENTPARTICIPANT(Z_PK INTEGER PRIMARY KEY, Z1PARTICIPANTS INTEGER, ZJIDSTRING VARCHAR);
INSERT INTO ZWAAGGREGATECALLEVENT VALUES(1, 1, 0, 1), (2, 0, 0, 0);
INSERT INTO ZWACDCALLEVENT VALUES(1, 0, 1, 10, 61.5, NULL), (2, 2, 2, 20, 0, NULL);
INSERT INTO ZWACDCALLEVENTPARTICIPANT VALUES(1, 1, '200@s.whatsapp.net'), (2, 2, '777@lid');
";

fn phone(folder: &Path) {
    build(folder, "ChatStorage.sqlite", STORAGE);
    build(folder, "ContactsV2.sqlite", CONTACTS);
}

fn check_group(folder: &Path) {
    let all = open(folder);
    let chats = all.iter().find(|chats| chats.found().form == "database").unwrap();
    let group = conversation(&**chats, "9@g.us");
    assert_eq!((group.name.as_str(), group.kind), ("Garden", ConversationKind::Group));
    assert_eq!((group.messages, group.media), (9, 3));
    assert_eq!(group.first, Some(Time::Utc(978_307_210_500)));
    let said = messages(&**chats, "9@g.us", Range::default());
    let [system, hello, answer, picture, voice, plan, lake, gone, eve] = &said[..] else {
        panic!("{said:#?}")
    };
    assert_eq!((system.kind, system.raw_kind.as_deref()), (MessageKind::System, Some("system 2")));
    assert!(hello.is_starred && hello.direction == Direction::Received);
    assert_eq!(hello.sender.as_ref().unwrap().name.as_deref(), Some("Bo"));
    assert_eq!(hello.reactions.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), ["B"]);
    let quote = answer.quote.as_ref().unwrap();
    assert_eq!((quote.id.as_deref(), quote.text.as_deref()), (Some("A"), Some("Hello")));
    assert_eq!(picture.text.as_deref(), Some("Roses"));
    assert_eq!(picture.media[0].sha256.unwrap()[..2], [0xba, 0x78]);
    assert_eq!(picture.media[0].path.as_deref(), Some(Path::new("Message/Media/9@g.us/a/b/1.jpg")));
    assert_eq!(picture.sender.as_ref().unwrap().name.as_deref(), Some("Cyril"));
    assert_eq!((voice.kind, voice.media[0].duration_ms), (MessageKind::VoiceNote, Some(7000)));
    assert_eq!(plan.media[0].name.as_deref(), Some("Plan.pdf"));
    assert_eq!(lake.place.as_ref().unwrap().name.as_deref(), Some("Lake"));
    assert_eq!(gone.kind, MessageKind::Deleted);
    assert_eq!(eve.text.as_deref(), Some("Eve"));
    let bytes = chats.open_media(&picture.media[0]).unwrap().unwrap();
    assert_eq!(bytes.read_at(0, 9).unwrap(), "abc");
    assert!(chats.open_media(&voice.media[0]).unwrap().is_none());
}

#[test]
fn an_iphone_in_a_plain_folder_is_read() {
    let folder = tempdir().unwrap();
    phone(folder.path());
    let picture = folder.path().join("Message/Media/9@g.us/a/b");
    fs::create_dir_all(&picture).unwrap();
    fs::write(picture.join("1.jpg"), "abc").unwrap();
    check_group(folder.path());
    let chats = only(folder.path());
    let person = conversation(&*chats, "200@s.whatsapp.net");
    assert_eq!((person.name.as_str(), person.messages), ("Cy", 1));
    assert!(chats.conversations().unwrap().iter().all(|chat| chat.name != "Gone"));
}

#[test]
fn an_iphone_in_a_backup_is_read_through_its_list() {
    let folder = tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("Backup/1CB1"));
    fs::create_dir_all(&from).unwrap();
    phone(&from);
    build(&from, "CallHistory.sqlite", CALLS);
    fs::write(from.join("1.jpg"), "abc").unwrap();
    let mut list = String::from(
        "CREATE TABLE Files(fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);",
    );
    let names = [
        ("ChatStorage.sqlite", "ChatStorage.sqlite", "7c7fba66680ef796b916b067077cc246adacf01d"),
        ("ContactsV2.sqlite", "ContactsV2.sqlite", "b8548dc30aa1030df0ce18ef08b882cf7ab5212f"),
        ("CallHistory.sqlite", "CallHistory.sqlite", "1b432994e958845fffe8e2f190f26d1511534088"),
        ("1.jpg", "Message/Media/9@g.us/a/b/1.jpg", "aa00"),
        ("1.jpg", "elsewhere", "../../from/1.jpg"),
    ];
    for (file, path, id) in names {
        let domain = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared";
        let row = format!("INSERT INTO Files VALUES('{id}', '{domain}', '{path}', 1, NULL);");
        list.push_str(&row);
        if !id.contains('/') {
            let letters = to.join(id.get(..2).unwrap());
            fs::create_dir_all(&letters).unwrap();
            fs::copy(from.join(file), letters.join(id)).unwrap();
        }
    }
    fs::remove_dir_all(&from).unwrap();
    build(&to, "Manifest.db", &list);
    check_group(folder.path());
    let all = open(folder.path());
    assert_eq!(
        all.iter().map(|chats| chats.found().form).collect::<Vec<_>>(),
        ["database", "calls"]
    );
    let calls = messages(&*all[1], "200@s.whatsapp.net", Range::default());
    let call = calls[0].call.as_ref().unwrap();
    assert!(call.is_video && !call.is_missed && call.seconds == Some(61));
    assert_eq!(calls[0].direction, Direction::Received);
    // Without the list the database is known by its name.
    fs::remove_file(to.join("Manifest.db")).unwrap();
    let chats = only(folder.path());
    assert_eq!(conversation(&*chats, "200@s.whatsapp.net").name, "Cy");
}

#[test]
fn an_encrypted_backup_is_named_and_nothing_else_that_is_called_like_its_list() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("Manifest.db"), [7; 4096]).unwrap();
    assert!(open(folder.path()).is_empty());
    fs::write(folder.path().join("Manifest.plist"), "x").unwrap();
    let files: Arc<dyn Files> = Arc::new(Folder::new(folder.path()));
    let mut errors = Vec::new();
    assert!(open_all(&files, &mut |error| errors.push(error)).is_empty());
    assert!(matches!(&errors[..], [error] if error.path == Path::new("Manifest.db")));
}

#[test]
fn a_real_backup_is_read() {
    let Some(folder) = fixtures("ios/mvt-ios_backup") else { return };
    let chats = only(&folder);
    assert_eq!(chats.found().app, App::WhatsApp);
    let all = chats.conversations().unwrap();
    assert_eq!(all.iter().map(|chat| chat.messages).sum::<u64>(), 3);
    let alice = conversation(&*chats, "14155550100@s.whatsapp.net");
    assert_eq!((alice.name.as_str(), alice.messages), ("Alice Example", 2));
    let said = messages(&*chats, "120000000000000001@g.us", Range::default());
    assert_eq!(said[0].sender.as_ref().unwrap().name.as_deref(), Some("Bob Example"));
    let place = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared/ChatStorage.sqlite";
    assert_eq!(chats.found().path, PathBuf::from(place));
}
