//! What names say. Names are compared in lower case.

use std::path::Path;

use super::Part;
use crate::crypt::Form;
use crate::export;
use crate::model::{App, MessageKind};

/// Names of the database in a backup by Finder or iTunes: hashes of domain and path, the same on every phone.
const IN_PHONE: [(&str, App); 2] = [
    ("7c7fba66680ef796b916b067077cc246adacf01d", App::WhatsApp),
    ("724bd3b98b18518b455a87c1f3ac3a0d189c4466", App::WhatsAppBusiness),
];

/// What the name of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// An encrypted file of WhatsApp.
    Encrypted(Part),
    /// A database of messages.
    Messages,
    /// A database of names, where there are messages.
    Names,
    /// The database of an iPhone.
    Storage,
    /// The same, in a backup of the phone.
    InPhone(App),
    Export,
    Discord,
    SignalBackup,
    /// The list of a backup of a phone.
    Manifest,
    /// What else such a backup has.
    PhoneInfo,
    /// Perhaps an export of Telegram.
    Result,
    /// A part of a conversation, if it is in the right place.
    Thread,
    Other,
}

impl Name {
    pub(super) fn of(lower: &str, name: &str) -> Self {
        if let Some((stem, form)) = crypt(lower) {
            return Self::Encrypted(encrypted(stem, form));
        }
        if let Some((_, app)) = IN_PHONE.iter().find(|(hash, _)| *hash == lower) {
            return Self::InPhone(*app);
        }
        match lower {
            "wa.db" => Self::Names,
            "chatstorage.sqlite" => Self::Storage,
            "manifest.db" => Self::Manifest,
            "info.plist" | "manifest.plist" | "status.plist" => Self::PhoneInfo,
            "result.json" => Self::Result,
            _ if is_of_messages(lower) && has_end(lower, "db") => Self::Messages,
            _ if export::is_called_export(Path::new(name)) => Self::Export,
            _ if is_discord(lower) => Self::Discord,
            _ if is_signal_backup(lower) => Self::SignalBackup,
            _ if is_thread(lower) => Self::Thread,
            _ => Self::Other,
        }
    }
}

/// Whether a name is worth a closer look, wherever it lies. Asked of every file of a disk: cheap, and nearly always false.
pub(super) fn may_say_something(name: &[u8]) -> bool {
    // Lower case is a matter of more than single bytes then.
    if !name.is_ascii() {
        return true;
    }
    let first = name.first().copied().unwrap_or_default();
    // `IMG-20220323-WA0002.jpg`, `00000047-Resume.pdf`
    if (first.is_ascii_uppercase() || first.is_ascii_digit()) && name.contains(&b'-') {
        return true;
    }
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else {
        return IN_PHONE.iter().any(|(hash, _)| hash.len() == name.len());
    };
    let end = name.get(dot + 1..).unwrap_or_default();
    let is_end = |wanted: &[u8]| end.eq_ignore_ascii_case(wanted);
    let has = |wanted: [u8; 2]| name.iter().any(|byte| wanted.contains(byte));
    match end.first().map(u8::to_ascii_lowercase) {
        Some(b'b') => is_end(b"backup"),
        Some(b'c') => end.len() >= 5,
        Some(b'd') => is_end(b"db"),
        Some(b'j') => {
            is_end(b"json") && (matches!(first, b'r' | b'R' | b'm' | b'M') || has(*b"[]"))
        }
        Some(b'p') => is_end(b"plist"),
        Some(b's') => is_end(b"sqlite"),
        Some(b't') => is_end(b"txt") && (has(*b"wW") || has(*b"__")),
        Some(b'z') => is_end(b"zip"),
        _ => false,
    }
}

/// In lower case; what is no text is no name of a messenger either.
pub(super) fn lower(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_lowercase()
}

pub(super) fn is_unfinished(lower: &str) -> bool {
    [".tmp", ".part", ".crdownload"].iter().any(|end| lower.ends_with(end))
}

/// `msgstore.db` of `msgstore.db.crypt15` and of `msgstore.db.crypt15 (1)`.
fn crypt(lower: &str) -> Option<(&str, Form)> {
    let (stem, end) = lower.rsplit_once(".crypt")?;
    let (number, rest) = end.split_at_checked(2)?;
    let form = match number {
        "12" => Form::Crypt12,
        "14" => Form::Crypt14,
        "15" => Form::Crypt15,
        _ => return None,
    };
    let copy = rest.trim_start().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let is_copy = copy.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    (rest.is_empty() || is_copy).then_some((stem, form))
}

fn has_end(lower: &str, end: &str) -> bool {
    Path::new(lower).extension().is_some_and(|found| found == end)
}

fn encrypted(stem: &str, form: Form) -> Part {
    if stem.starts_with("msgstore-increment") {
        Part::Increment
    } else if has_end(stem, "db") {
        Part::Encrypted(form)
    } else {
        Part::OtherBackup
    }
}

/// `msgstore.db`, `msgstore-2026-11-01.1.db`, with whatever ending.
pub(super) fn is_of_messages(lower: &str) -> bool {
    lower.strip_prefix("msgstore").is_some_and(|rest| {
        (rest.starts_with('.') || rest.starts_with('-')) && rest.contains(".db")
    }) && !lower.starts_with("msgstore-increment")
}

/// 3 of `msgstore-increment-3.db.crypt14`. With a date behind it, the number is that of a day.
pub(super) fn increment_number(lower: &str) -> Option<u64> {
    lower.strip_prefix("msgstore-increment-")?.split_once(".db")?.0.parse().ok()
}

/// `Guild - general [123456789012345678].json`, as `DiscordChatExporter` calls them.
fn is_discord(lower: &str) -> bool {
    let id = lower.strip_suffix("].json").and_then(|rest| rest.rsplit_once('['));
    id.is_some_and(|(_, id)| {
        (17..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `signal-2026-11-01-03-00-00.backup`.
fn is_signal_backup(lower: &str) -> bool {
    let date = lower.strip_prefix("signal-").and_then(|rest| rest.strip_suffix(".backup"));
    date.is_some_and(|date| {
        date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

fn is_thread(lower: &str) -> bool {
    let number = lower.strip_prefix("message_").and_then(|rest| rest.strip_suffix(".json"));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What a file is, by the name that the app gave it.
pub(super) fn part_of(name: &str) -> Part {
    match export::kind_of_attachment(name) {
        MessageKind::Image => Part::Photo,
        MessageKind::Video | MessageKind::VideoNote => Part::Video,
        MessageKind::Gif => Part::Gif,
        MessageKind::VoiceNote => Part::VoiceNote,
        MessageKind::Audio => Part::Audio,
        MessageKind::Sticker => Part::Sticker,
        MessageKind::Text
        | MessageKind::Document
        | MessageKind::Contact
        | MessageKind::Location
        | MessageKind::LiveLocation
        | MessageKind::Link
        | MessageKind::Poll
        | MessageKind::Event
        | MessageKind::Album
        | MessageKind::Call
        | MessageKind::Invitation
        | MessageKind::Product
        | MessageKind::System
        | MessageKind::Deleted
        | MessageKind::Other => Part::Document,
    }
}

/// The app that a folder is called after.
pub(super) fn app_folder(lower: &str) -> Option<App> {
    let is_shared = lower.contains("net.whatsapp.");
    match lower {
        "com.whatsapp.w4b" | "whatsapp business" => Some(App::WhatsAppBusiness),
        "com.whatsapp" | "whatsapp" => Some(App::WhatsApp),
        "signal" | "org.thoughtcrime.securesms" => Some(App::Signal),
        _ if is_shared && lower.contains("whatsappsmb") => Some(App::WhatsAppBusiness),
        _ if is_shared => Some(App::WhatsApp),
        _ if lower.contains("instagram") => Some(App::Instagram),
        _ if lower.contains("facebook") => Some(App::Messenger),
        _ if lower.contains("telegram")
            || lower.starts_with("chatexport_")
            || lower.starts_with("dataexport_") =>
        {
            Some(App::Telegram)
        }
        _ => None,
    }
}

/// What is in a folder of `Media`: `WhatsApp Images`, `WhatsApp Business Images`.
pub(super) fn whatsapp_folder(lower: &str) -> Option<Part> {
    let rest = lower.strip_prefix("whatsapp ")?;
    match rest.strip_prefix("business ").unwrap_or(rest) {
        "images" | "profile photos" | "ai media" => Some(Part::Photo),
        "video" | "video notes" => Some(Part::Video),
        "animated gifs" => Some(Part::Gif),
        "voice notes" => Some(Part::VoiceNote),
        "audio" => Some(Part::Audio),
        "documents" => Some(Part::Document),
        "stickers" => Some(Part::Sticker),
        _ => None,
    }
}

pub(super) fn telegram_folder(lower: &str) -> Option<Part> {
    match lower.strip_prefix("telegram ")? {
        "images" => Some(Part::Photo),
        "video" => Some(Part::Video),
        "audio" => Some(Part::Audio),
        "documents" | "files" => Some(Part::Document),
        _ => None,
    }
}

/// What is in a folder of a conversation that was downloaded.
pub(super) fn download_folder(lower: &str) -> Option<Part> {
    match lower {
        "photos" => Some(Part::Photo),
        "videos" => Some(Part::Video),
        "gifs" => Some(Part::Gif),
        "audio" => Some(Part::Audio),
        "files" => Some(Part::Document),
        "stickers_used" => Some(Part::Sticker),
        _ => None,
    }
}

/// What a folder of an export of Telegram holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Files of this kind.
    Files(Part),
    /// Other such folders.
    Folders,
}

/// What is in a folder that is called as in an export of Telegram.
pub(super) fn export_folder(lower: &str) -> Option<Sent> {
    match lower {
        "photos" => Some(Sent::Files(Part::Photo)),
        "video_files" | "round_video_messages" => Some(Sent::Files(Part::Video)),
        "voice_messages" => Some(Sent::Files(Part::VoiceNote)),
        "stickers" => Some(Sent::Files(Part::Sticker)),
        "files" => Some(Sent::Files(Part::Document)),
        "chats" => Some(Sent::Folders),
        _ => {
            let number = lower.strip_prefix("chat_")?;
            number.parse::<u32>().is_ok().then_some(Sent::Folders)
        }
    }
}
