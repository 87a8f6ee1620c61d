//! What WhatsApp's numbers for messages mean. They are the same in every generation of its databases.

use crate::model::MessageKind;

/// What a message of this type is, and whether it was to be seen once only.
pub(super) fn kind(number: i64, origin: i64) -> (MessageKind, bool) {
    let kind = match number {
        0 | 27 | 30 | 45 | 46 | 85 => MessageKind::Text,
        1 | 25 | 42 => MessageKind::Image,
        2 if origin == 1 => MessageKind::VoiceNote,
        2 => MessageKind::Audio,
        3 | 28 | 43 => MessageKind::Video,
        4 | 14 => MessageKind::Contact,
        5 => MessageKind::Location,
        7 | 36 | 112 => MessageKind::System,
        8 | 10 | 90 => MessageKind::Call,
        9 | 26 => MessageKind::Document,
        13 | 29 => MessageKind::Gif,
        15 | 64 => MessageKind::Deleted,
        16 => MessageKind::LiveLocation,
        20 => MessageKind::Sticker,
        23 | 44 => MessageKind::Product,
        24 => MessageKind::Invitation,
        66 | 106 => MessageKind::Poll,
        81 => MessageKind::VideoNote,
        82 => MessageKind::VoiceNote,
        92 => MessageKind::Event,
        99 => MessageKind::Album,
        _ => MessageKind::Other,
    };
    (kind, matches!(number, 42 | 43 | 82))
}

/// Types whose messages have a file, for sums over a database.
pub(super) fn has_media(number: i64) -> bool {
    matches!(number, 1 | 2 | 3 | 9 | 13 | 20 | 25 | 26 | 28 | 29 | 42 | 43 | 81 | 82)
}
