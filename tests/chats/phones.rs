//! Databases and texts as phones write them, and what people do to them.

/// A message store of Android with a person, a group and a picture.
pub(crate) const ANDROID: &str = r"
CREATE TABLE jid(_id INTEGER PRIMARY KEY, user TEXT, server TEXT, raw_string TEXT);
CREATE TABLE chat(_id INTEGER PRIMARY KEY, jid_row_id INTEGER UNIQUE, hidden INTEGER, subject TEXT, archived INTEGER, sort_timestamp INTEGER);
CREATE TABLE message(_id INTEGER PRIMARY KEY, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL, key_id TEXT NOT NULL, sender_jid_row_id INTEGER, origination_flags INTEGER, origin INTEGER, timestamp INTEGER, message_type INTEGER, text_data TEXT, starred INTEGER, sort_id INTEGER);
CREATE TABLE message_media(message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, file_path TEXT, file_size INTEGER, mime_type TEXT, file_hash TEXT, media_name TEXT, media_caption TEXT, media_duration INTEGER);
CREATE TABLE message_edit_info(message_row_id INTEGER PRIMARY KEY, original_key_id TEXT NOT NULL, edited_timestamp INTEGER NOT NULL);
CREATE TABLE message_revoked(message_row_id INTEGER PRIMARY KEY, revoked_key_id TEXT NOT NULL, revoke_timestamp INTEGER);
CREATE INDEX message_chat_sort_id_index ON message(chat_row_id, sort_id);
INSERT INTO jid VALUES(1, '100', 's.whatsapp.net', '100@s.whatsapp.net'), (2, '200', 's.whatsapp.net', '200@s.whatsapp.net'), (3, '9-9', 'g.us', '9-9@g.us');
INSERT INTO chat VALUES(1, 1, 0, NULL, 0, 0), (2, 2, 0, NULL, 0, 0), (3, 3, 0, 'Garden', 0, 0);
INSERT INTO message(_id, chat_row_id, from_me, key_id, sender_jid_row_id, timestamp, message_type, text_data, sort_id) VALUES
  (2, 1, 0, 'A1', 0, 1766600000000, 0, 'Are you coming tomorrow?', 2),
  (3, 1, 1, 'A2', 0, 1766600060000, 0, 'Yes, with the cake', 3),
  (4, 1, 0, 'A3', 0, 1766600120000, 1, NULL, 4),
  (5, 2, 0, 'B1', 0, 1766600180000, 0, 'Burn this letter', 5),
  (6, 2, 1, 'B2', 0, 1766600240000, 0, 'Done', 6),
  (7, 3, 0, 'C1', 1, 1766600300000, 0, 'The roses need water', 7),
  (8, 3, 0, 'C2', 2, 1766600360000, 0, 'I never liked roses', 8);
INSERT INTO message_media VALUES(4, 1, 'Media/WhatsApp Images/IMG-1.jpg', 3, 'image/jpeg', 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=', NULL, 'The cake', 0);
";

/// What is done to it from the second day on: more is said; a conversation is deleted; messages are taken back; one
/// is edited.
pub(crate) const ANDROID_DAYS: [&str; 4] = [
    "INSERT INTO message(_id, chat_row_id, from_me, key_id, sender_jid_row_id, timestamp, message_type, text_data, sort_id) VALUES(9, 1, 0, 'A4', 0, 1766700000000, 0, 'Thank you!', 9);",
    "DELETE FROM message WHERE chat_row_id = 2; DELETE FROM chat WHERE _id = 2;",
    "UPDATE message SET message_type = 15, text_data = NULL, key_id = 'C2x' WHERE _id = 8; INSERT INTO message_revoked VALUES(8, 'C2', 1);
     UPDATE message SET message_type = 15, text_data = NULL, key_id = 'A1x' WHERE _id = 2; INSERT INTO message_revoked VALUES(2, 'A1', 1);",
    "UPDATE message SET text_data = 'Yes, without the cake', key_id = 'A2x' WHERE _id = 3; INSERT INTO message_edit_info VALUES(3, 'A2', 1766900000000);",
];

/// The same conversations on an iPhone.
pub(crate) const IPHONE: &str = r"
CREATE TABLE ZWACHATSESSION(Z_PK INTEGER PRIMARY KEY, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR, ZSESSIONTYPE INTEGER, ZARCHIVED INTEGER, ZREMOVED INTEGER, ZHIDDEN INTEGER);
CREATE TABLE ZWAGROUPMEMBER(Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZMEMBERJID VARCHAR, ZCONTACTNAME VARCHAR, ZFIRSTNAME VARCHAR);
CREATE TABLE ZWAMESSAGE(Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER, ZISFROMME INTEGER, ZMESSAGETYPE INTEGER, ZGROUPEVENTTYPE INTEGER, ZSORT INTEGER, ZSTARRED INTEGER, ZMESSAGEDATE TIMESTAMP, ZSTANZAID VARCHAR, ZFROMJID VARCHAR, ZTEXT VARCHAR);
CREATE TABLE ZWAMEDIAITEM(Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZFILESIZE INTEGER, ZMOVIEDURATION INTEGER, ZLATITUDE FLOAT, ZLONGITUDE FLOAT, ZMEDIALOCALPATH VARCHAR, ZTITLE VARCHAR, ZVCARDNAME VARCHAR, ZVCARDSTRING VARCHAR, ZMETADATA BLOB);
INSERT INTO ZWACHATSESSION VALUES(1, '100@s.whatsapp.net', 'Mia', 0, 0, 0, 0), (2, '200@s.whatsapp.net', 'Ben', 0, 0, 0, 0), (3, '9-9@g.us', 'Garden', 1, 0, 0, 0);
INSERT INTO ZWAGROUPMEMBER VALUES(1, 3, '100@s.whatsapp.net', 'Mia', NULL), (2, 3, '200@s.whatsapp.net', 'Ben', NULL);
INSERT INTO ZWAMESSAGE VALUES
  (1, 1, NULL, NULL, 0, 0, 0, 1, 0, 788292800, 'A1', '100@s.whatsapp.net', 'Are you coming tomorrow?'),
  (2, 1, NULL, NULL, 1, 0, 0, 2, 0, 788292860, 'A2', NULL, 'Yes, with the cake'),
  (3, 1, NULL, 1, 0, 1, 0, 3, 0, 788292920, 'A3', '100@s.whatsapp.net', NULL),
  (4, 2, NULL, NULL, 0, 0, 0, 1, 0, 788292980, 'B1', '200@s.whatsapp.net', 'Burn this letter'),
  (5, 2, NULL, NULL, 1, 0, 0, 2, 0, 788293040, 'B2', NULL, 'Done'),
  (6, 3, 1, NULL, 0, 0, 0, 1, 0, 788293100, 'C1', '9-9@g.us', 'The roses need water'),
  (7, 3, 2, NULL, 0, 0, 0, 2, 0, 788293160, 'C2', '9-9@g.us', 'I never liked roses');
INSERT INTO ZWAMEDIAITEM(Z_PK, ZMESSAGE, ZFILESIZE, ZMEDIALOCALPATH, ZTITLE, ZVCARDSTRING) VALUES(1, 3, 3, 'Media/1.jpg', 'The cake', 'image/jpeg');
";

pub(crate) const IPHONE_DAYS: [&str; 4] = [
    "INSERT INTO ZWAMESSAGE VALUES(8, 1, NULL, NULL, 0, 0, 0, 4, 0, 788392800, 'A4', '100@s.whatsapp.net', 'Thank you!');",
    "DELETE FROM ZWAMESSAGE WHERE ZCHATSESSION = 2; UPDATE ZWACHATSESSION SET ZREMOVED = 1 WHERE Z_PK = 2;",
    "UPDATE ZWAMESSAGE SET ZMESSAGETYPE = 14, ZTEXT = NULL WHERE ZSTANZAID IN ('C2', 'A1');",
    "UPDATE ZWAMESSAGE SET ZTEXT = 'Yes, without the cake' WHERE ZSTANZAID = 'A2';",
];

/// Exports of the same conversations, one for each day; an export has one conversation.
pub(crate) fn export(name: &str, day: usize) -> Option<String> {
    let header =
        |minute: &str, who: &str, text: &str| format!("24/12/2025, {minute} - {who}: {text}\n");
    let lines = match name {
        "Mia" => {
            let first =
                if day < 3 { "Are you coming tomorrow?" } else { "This message was deleted" };
            let second = if day < 4 {
                "Yes, with the cake"
            } else {
                "Yes, without the cake <This message was edited>"
            };
            let mut text = header("18:13", "Mia", first) + &header("18:14", "Ada", second);
            text += &header("18:15", "Mia", "IMG-20251224-WA0001.jpg (file attached)");
            if day > 0 {
                text += "25/12/2025, 22:00 - Mia: Thank you!\n";
            }
            text
        }
        "Ben" if day >= 2 => return None,
        "Ben" => header("18:16", "Ben", "Burn this letter") + &header("18:17", "Ada", "Done"),
        _ => {
            let second = if day < 3 { "I never liked roses" } else { "This message was deleted" };
            header("18:18", "Mia", "The roses need water") + &header("18:19", "Ben", second)
        }
    };
    Some(lines)
}
