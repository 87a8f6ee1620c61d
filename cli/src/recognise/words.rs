//! Words about what was recognised.

use std::collections::BTreeMap;

use heirloom_chats::crypt::Form;
use heirloom_chats::model::App;
use heirloom_chats::recognise::{Incomplete, Lack, Locked, Part, Tally};
use serde_json::{Map, Value, json};

use crate::chats::app_name;
use crate::render::names;
use crate::render::numbers::{bytes, counted};

type Parts = BTreeMap<Part, Tally>;

/// `WhatsApp: 3 databases (encrypted, crypt15), 1,204 photos`.
pub(super) fn line(app: App, parts: &Parts) -> String {
    let mut words = Vec::new();
    words.extend(databases(parts));
    for (part, tally) in parts {
        if let Some((single, many)) = noun(*part) {
            words.push(counted(tally.files, single, many));
        }
    }
    format!("{}: {}", app_name(app), words.join(", "))
}

/// `None` for databases, which are told together.
fn noun(part: Part) -> Option<(&'static str, &'static str)> {
    Some(match part {
        Part::Database | Part::Encrypted(_) => return None,
        Part::Increment => ("increment", "increments"),
        Part::OtherBackup => ("other encrypted backup", "other encrypted backups"),
        Part::Export => ("export", "exports"),
        Part::Conversation => ("conversation", "conversations"),
        Part::Photo => ("photo", "photos"),
        Part::Video => ("video", "videos"),
        Part::Gif => ("gif", "gifs"),
        Part::VoiceNote => ("voice note", "voice notes"),
        Part::Audio => ("sound file", "sound files"),
        Part::Document => ("document", "documents"),
        Part::Sticker => ("sticker", "stickers"),
    })
}

fn databases(parts: &Parts) -> Option<String> {
    let of = |part| parts.get(&part).map_or(0, |tally| tally.files);
    let forms: Vec<(&str, u64)> = [Form::Crypt12, Form::Crypt14, Form::Crypt15]
        .into_iter()
        .map(|form| (form_name(form), of(Part::Encrypted(form))))
        .filter(|(_, files)| *files > 0)
        .collect();
    let (plain, encrypted) =
        (of(Part::Database), forms.iter().map(|(_, files)| files).sum::<u64>());
    let all = counted(plain + encrypted, "database", "databases");
    let names: Vec<&str> = forms.iter().map(|(name, _)| *name).collect();
    match (plain, encrypted) {
        (0, 0) => None,
        (_, 0) => Some(all),
        (0, _) => Some(format!("{all} (encrypted, {})", names.join(", "))),
        _ => Some(format!("{all} ({encrypted} encrypted, {})", names.join(", "))),
    }
}

fn form_name(form: Form) -> &'static str {
    match form {
        Form::Crypt12 => "crypt12",
        Form::Crypt14 => "crypt14",
        Form::Crypt15 => "crypt15",
    }
}

fn part_id(part: Part) -> &'static str {
    match part {
        Part::Database => "databases",
        Part::Encrypted(form) => form_name(form),
        Part::Increment => "increments",
        Part::OtherBackup => "other_backups",
        Part::Export => "exports",
        Part::Conversation => "conversations",
        Part::Photo => "photos",
        Part::Video => "videos",
        Part::Gif => "gifs",
        Part::VoiceNote => "voice_notes",
        Part::Audio => "sounds",
        Part::Document => "documents",
        Part::Sticker => "stickers",
    }
}

/// The same for programs.
pub(super) fn fields(app: App, parts: &Parts) -> Value {
    let tally = |(part, tally): (&Part, &Tally)| {
        (part_id(*part).to_owned(), json!({ "files": tally.files, "bytes": tally.bytes }))
    };
    let found = parts.iter().map(tally).collect::<Map<_, _>>();
    json!({ "app": app_name(app), "found": found })
}

/// Backups of whole phones.
pub(super) fn phones(phones: u64) -> String {
    format!("iPhone: {} by Finder or iTunes", counted(phones, "backup", "backups"))
}

/// Increments that cannot be used.
pub(super) fn incomplete(incomplete: &Incomplete) -> (String, Value) {
    let Incomplete { folder, increments, lack } = incomplete;
    let what = counted(*increments, "incremental backup", "incremental backups");
    let lacking = match lack {
        Lack::Base => "without the msgstore.db that they add to".to_owned(),
        Lack::Increment(number) => format!("without number {number}, which later ones add to"),
    };
    let text = format!(
        "{} has {what} {lacking}: WhatsApp cannot use them; back up the whole folder Databases",
        names::path(folder)
    );
    let missing = match lack {
        Lack::Base => Value::Null,
        Lack::Increment(number) => json!(number),
    };
    let mut fields = json!({ "increments": increments, "missing": missing });
    if let Value::Object(map) = &mut fields {
        use std::os::unix::ffi::OsStrExt as _;
        map.extend(names::path_fields(folder.as_os_str().as_bytes()));
    }
    (text, fields)
}

/// What a key would be good for.
pub(super) fn locked(locked: &Locked) -> String {
    let what = counted(locked.all.files, "encrypted backup", "encrypted backups");
    let now = if locked.repeated_bytes > 0 {
        format!("about {} less here, and ", bytes(locked.repeated_bytes))
    } else {
        String::new()
    };
    format!(
        "{what} ({}) stored as they are: each has to be stored whole, every night.\n  With their key: {now}little more than what changed from then on. Give it once with `heirloom chats key add`.",
        bytes(locked.all.bytes)
    )
}

/// The same for programs.
pub(super) fn locked_fields(locked: &Locked) -> Value {
    json!({
        "files": locked.all.files,
        "bytes": locked.all.bytes,
        "repeated_bytes": locked.repeated_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(Part, u64)]) -> Parts {
        parts.iter().map(|(part, files)| (*part, Tally { files: *files, bytes: 1000 })).collect()
    }

    #[test]
    fn an_app_is_one_line() {
        let found = parts(&[
            (Part::Encrypted(Form::Crypt15), 3),
            (Part::Photo, 1204),
            (Part::Video, 88),
            (Part::VoiceNote, 1),
        ]);
        let expected =
            "WhatsApp: 3 databases (encrypted, crypt15), 1,204 photos, 88 videos, 1 voice note";
        assert_eq!(line(App::WhatsApp, &found), expected);
        let mixed = parts(&[
            (Part::Database, 2),
            (Part::Encrypted(Form::Crypt14), 1),
            (Part::Encrypted(Form::Crypt15), 1),
            (Part::Increment, 1),
        ]);
        let expected =
            "WhatsApp Business: 4 databases (2 encrypted, crypt14, crypt15), 1 increment";
        assert_eq!(line(App::WhatsAppBusiness, &mixed), expected);
        assert_eq!(line(App::Telegram, &parts(&[(Part::Export, 1)])), "Telegram: 1 export");
    }

    #[test]
    fn what_a_key_would_save_is_said_only_where_there_is_something_to_save() {
        let all = Tally { files: 7, bytes: 7 << 20 };
        let text = locked(&Locked { all, repeated_bytes: 6 << 20 });
        assert!(text.contains("7 encrypted backups (7.00 MiB)"), "{text}");
        assert!(text.contains("about 6.00 MiB less here"), "{text}");
        assert!(!locked(&Locked { all, repeated_bytes: 0 }).contains("less here"));
    }
}
