//! Databases of a messenger, of every generation: the statements that build them.

/// A message store of today, with an index for conversations or, as in many backups, without.
pub fn modern(has_indexes: bool) -> String {
    let indexes = "CREATE INDEX message_chat_sort_id_index ON message(chat_row_id, sort_id);
        CREATE INDEX message_type_chat_index ON message(chat_row_id, message_type);
        CREATE INDEX message_add_on_parent_index ON message_add_on(parent_message_row_id);";
    format!("{MODERN} {}", if has_indexes { indexes } else { "" })
}

const MODERN: &str = r"
CREATE TABLE jid(_id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, server TEXT NOT NULL, agent INTEGER, device INTEGER, type INTEGER, raw_string TEXT);
CREATE TABLE jid_map(lid_row_id INTEGER PRIMARY KEY NOT NULL, jid_row_id INTEGER NOT NULL, sort_id INTEGER);
CREATE TABLE chat(_id INTEGER PRIMARY KEY AUTOINCREMENT, jid_row_id INTEGER UNIQUE, hidden INTEGER, subject TEXT, archived INTEGER, sort_timestamp INTEGER);
CREATE TABLE message(_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL, key_id TEXT NOT NULL, sender_jid_row_id INTEGER, origination_flags INTEGER, origin INTEGER, timestamp INTEGER, message_type INTEGER, text_data TEXT, starred INTEGER, sort_id INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message_media(message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, file_path TEXT, file_size INTEGER, file_length INTEGER, mime_type TEXT, file_hash TEXT, media_name TEXT, media_caption TEXT, media_duration INTEGER);
CREATE TABLE message_quoted(message_row_id INTEGER PRIMARY KEY AUTOINCREMENT, from_me INTEGER NOT NULL, sender_jid_row_id INTEGER, key_id TEXT NOT NULL, text_data TEXT);
CREATE TABLE message_add_on(_id INTEGER PRIMARY KEY AUTOINCREMENT, from_me INTEGER, key_id TEXT, sender_jid_row_id INTEGER, parent_message_row_id INTEGER, timestamp INTEGER, message_add_on_type INTEGER);
CREATE TABLE message_add_on_reaction(message_add_on_row_id INTEGER PRIMARY KEY, reaction TEXT);
CREATE TABLE message_add_on_poll_vote_selected_option(_id INTEGER PRIMARY KEY AUTOINCREMENT, message_add_on_row_id INTEGER, message_poll_option_id INTEGER);
CREATE TABLE message_poll_option(_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER, option_name TEXT, vote_total INTEGER);
CREATE TABLE message_edit_info(message_row_id INTEGER PRIMARY KEY, original_key_id TEXT NOT NULL, edited_timestamp INTEGER NOT NULL);
CREATE TABLE message_revoked(message_row_id INTEGER PRIMARY KEY, revoked_key_id TEXT NOT NULL, revoke_timestamp INTEGER);
CREATE TABLE message_system(message_row_id INTEGER PRIMARY KEY, action_type INTEGER NOT NULL);
CREATE TABLE message_system_chat_participant(message_row_id INTEGER, user_jid_row_id INTEGER);
CREATE TABLE message_call_log(message_row_id INTEGER PRIMARY KEY, call_log_row_id INTEGER);
CREATE TABLE call_log(_id INTEGER PRIMARY KEY AUTOINCREMENT, video_call INTEGER, duration INTEGER, call_result INTEGER);
CREATE TABLE message_vcard(_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER, vcard TEXT);
CREATE TABLE message_product(message_row_id INTEGER PRIMARY KEY, title TEXT, description TEXT, currency_code TEXT, amount_1000 INTEGER);
CREATE TABLE group_participant_user(_id INTEGER PRIMARY KEY AUTOINCREMENT, group_jid_row_id INTEGER, user_jid_row_id INTEGER, rank INTEGER);
CREATE TABLE labels(_id INTEGER PRIMARY KEY AUTOINCREMENT, label_name TEXT);
CREATE TABLE labeled_jid(_id INTEGER PRIMARY KEY AUTOINCREMENT, label_id INTEGER, jid_row_id INTEGER);
CREATE TABLE quick_replies(_id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, content TEXT);
CREATE TABLE quick_reply_keywords(_id INTEGER PRIMARY KEY AUTOINCREMENT, quick_reply_id INTEGER, keyword_id INTEGER);
CREATE TABLE keywords(_id INTEGER PRIMARY KEY AUTOINCREMENT, keyword TEXT);
CREATE TABLE away_messages(_id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT);
CREATE TABLE props(_id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, value TEXT);
INSERT INTO message(_id, chat_row_id, from_me, key_id) VALUES(1, -1, 0, '-1');
INSERT INTO props(key, value) VALUES('user_push_name', 'Ada');
INSERT INTO jid(_id, user, server, raw_string) VALUES
  (1, '100', 's.whatsapp.net', '100@s.whatsapp.net'), (2, '200', 's.whatsapp.net', '200@s.whatsapp.net'),
  (3, '777', 'lid', '777@lid'), (4, '9-9', 'g.us', '9-9@g.us'), (5, '777', 'lid', '777.0:4@lid');
INSERT INTO jid_map VALUES(3, 2, 1);
INSERT INTO chat(_id, jid_row_id, hidden, subject, archived) VALUES(1, 1, 0, NULL, 0), (2, 2, 0, NULL, 0), (3, 3, 0, NULL, 1), (4, 4, 0, 'Garden', 1);
INSERT INTO group_participant_user(group_jid_row_id, user_jid_row_id) VALUES(4, 1), (4, 5);
";

/// Messages of every kind, in the group and between two people.
pub const MESSAGES: &str = r"
INSERT INTO message(_id, chat_row_id, from_me, key_id, sender_jid_row_id, origination_flags, origin, timestamp, message_type, text_data, starred, sort_id) VALUES
  (2, 4, 1, 'S1', 1, 0, 0, 1000, 7, NULL, 0, 2),
  (3, 4, 0, 'K3', 5, 1, 0, 2000, 0, 'Hello', 1, 3),
  (4, 4, 1, 'K4', 0, 0, 0, 3000, 0, 'Answer', 0, 4),
  (5, 4, 0, 'K5', 1, 0, 0, 4000, 1, NULL, 0, 5),
  (6, 4, 0, 'K6', 1, 0, 1, 5000, 2, NULL, 0, 6),
  (7, 4, 0, 'K7', 1, 0, 0, 6000, 66, 'Where?', 0, 7),
  (8, 4, 0, 'K8new', 1, 0, 0, 7000, 15, NULL, 0, 8),
  (9, 4, 0, 'K9', 1, 0, 0, 8000, 90, NULL, 0, 9),
  (10, 4, 0, 'K10', 1, 0, 0, 9000, 42, NULL, 0, 10),
  (11, 4, 0, 'K11', 1, 0, 0, 10000, 4, NULL, 0, 11),
  (12, 4, 0, 'K12', 1, 0, 0, 11000, 23, NULL, 0, 12),
  (13, 4, 0, 'K13', 1, 0, 0, 12000, 1234, NULL, 0, 13),
  (14, 2, 0, 'P1', 0, 0, 0, 500, 0, 'by number', 0, 14),
  (15, 3, 0, 'P2', 0, 0, 0, 600, 0, 'by hidden address', 0, 15),
  (16, 77, 0, 'O1', 0, 0, 0, 700, 0, 'of nobody', 0, 16),
  (17, 1, 0, 'Q1', 0, 0, 0, 800, 0, CAST(x'61ff62' AS TEXT), 0, 17);
INSERT INTO message_system VALUES(2, 12);
INSERT INTO message_system_chat_participant VALUES(2, 1);
INSERT INTO message_quoted(message_row_id, from_me, sender_jid_row_id, key_id, text_data) VALUES(4, 0, 5, 'K3', 'Hello');
INSERT INTO message_edit_info VALUES(4, 'K4', 3500);
INSERT INTO message_media(message_row_id, chat_row_id, file_path, file_size, mime_type, file_hash, media_caption, media_duration) VALUES
  (5, 4, 'Media/WhatsApp Images/IMG-1.jpg', 3, 'image/jpeg', 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=', 'Roses', 0),
  (6, 4, '/storage/emulated/0/WhatsApp/Media/WhatsApp Voice Notes/PTT-1.opus', 9, 'audio/ogg', NULL, NULL, 7);
INSERT INTO message_add_on(_id, from_me, sender_jid_row_id, parent_message_row_id, timestamp, message_add_on_type) VALUES
  (1, 1, 0, 3, 2100, 56), (2, 0, 1, 3, 2200, 56), (3, 0, 1, 7, 6100, 67), (4, 1, 0, 7, 6200, 67), (5, 0, 5, 3, 2300, 56);
INSERT INTO message_add_on_reaction VALUES(1, '❤'), (2, '👍'), (5, '');
INSERT INTO message_poll_option(_id, message_row_id, option_name, vote_total) VALUES(1, 7, 'Lake', 2), (2, 7, 'Hill', 0);
INSERT INTO message_add_on_poll_vote_selected_option(message_add_on_row_id, message_poll_option_id) VALUES(3, 1), (4, 1);
INSERT INTO message_revoked VALUES(8, 'K8', 7500);
INSERT INTO call_log VALUES(1, 1, 62, 5);
INSERT INTO message_call_log VALUES(9, 1);
INSERT INTO message_vcard(message_row_id, vcard) VALUES(11, 'BEGIN:VCARD' || char(10) || 'FN:Eve' || char(10) || 'item1.TEL;waid=1:+1 23' || char(10) || 'END:VCARD');
INSERT INTO message_product VALUES(12, 'Rake', 'for leaves', 'EUR', 12500);
";

/// A message store of the first generation.
pub const LEGACY: &str = r"
CREATE TABLE messages(_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT NOT NULL, key_from_me INTEGER, key_id TEXT NOT NULL, status INTEGER, data TEXT, timestamp INTEGER, media_mime_type TEXT, media_wa_type TEXT, media_size INTEGER, media_name TEXT, media_caption TEXT, media_hash TEXT, media_duration INTEGER, origin INTEGER, latitude REAL, longitude REAL, thumb_image TEXT, remote_resource TEXT, starred INTEGER, quoted_row_id INTEGER, forwarded INTEGER);
CREATE TABLE messages_quotes(_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT, key_from_me INTEGER, key_id TEXT, data TEXT, remote_resource TEXT);
CREATE TABLE chat_list(_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT UNIQUE, message_table_id INTEGER, subject TEXT, archived INTEGER);
CREATE TABLE group_participants(_id INTEGER PRIMARY KEY AUTOINCREMENT, gjid TEXT NOT NULL, jid TEXT NOT NULL, admin INTEGER);
INSERT INTO messages(_id, key_remote_jid, key_from_me, key_id, status, timestamp, media_wa_type) VALUES(1, '-1', 0, '-1', -1, 0, '-1');
INSERT INTO chat_list(key_remote_jid, subject, archived) VALUES('9-9@g.us', 'Garden', 1);
INSERT INTO group_participants(gjid, jid) VALUES('9-9@g.us', '100@s.whatsapp.net'), ('9-9@g.us', '');
INSERT INTO messages(_id, key_remote_jid, key_from_me, key_id, status, data, timestamp, media_wa_type, media_size, media_mime_type, media_hash, media_caption, media_duration, origin, latitude, longitude, thumb_image, remote_resource, starred, quoted_row_id, forwarded) VALUES
  (2, '9-9@g.us', 0, 'S', 6, 'Garden', 1000, '0', 11, NULL, NULL, NULL, 0, 0, 0, 0, NULL, '100@s.whatsapp.net', 0, 0, 0),
  (3, '9-9@g.us', 0, 'A', 0, 'Hello', 2000, '0', 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL, '100@s.whatsapp.net', 1, 0, 1),
  (4, '9-9@g.us', 1, 'B', 13, 'Answer', 3000, '0', 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, 0, 1, 0),
  (5, '9-9@g.us', 0, 'C', 0, NULL, 4000, '2', 9, 'audio/ogg', 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=', NULL, 7, 1, 0, 0, x'ACED0005740017' || CAST('Media/WhatsApp/PTT.opus' AS BLOB), '100@s.whatsapp.net', 0, 0, 0),
  (6, '200@s.whatsapp.net', 0, 'D', 0, NULL, 5000, '5', 0, NULL, NULL, NULL, 0, 0, 48.5, 2.25, NULL, NULL, 0, 0, 0);
INSERT INTO messages_quotes(_id, key_remote_jid, key_from_me, key_id, data, remote_resource) VALUES(1, '9-9@g.us', 0, 'A', 'Hello', '100@s.whatsapp.net');
";

/// A book of contacts.
pub const CONTACTS: &str = r"
CREATE TABLE wa_contacts(_id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT NOT NULL, number TEXT, display_name TEXT, given_name TEXT, family_name TEXT, wa_name TEXT, nickname TEXT);
CREATE TABLE wa_biz_profiles(_id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT, email TEXT, address TEXT);
CREATE TABLE wa_biz_profiles_websites(_id INTEGER PRIMARY KEY AUTOINCREMENT, wa_biz_profile_id INTEGER, websites TEXT);
INSERT INTO wa_contacts(jid, display_name, wa_name) VALUES('100@s.whatsapp.net', 'Bob', 'bobby'), ('777@lid', NULL, 'cy');
INSERT INTO wa_biz_profiles(_id, jid, email) VALUES(1, '100@s.whatsapp.net', 'bob@example.org');
INSERT INTO wa_biz_profiles_websites(wa_biz_profile_id, websites) VALUES(1, 'https://bob.example.org');
";
