//! What the names of files say that the app writes.

use crate::model::MessageKind;

/// `IMG-20220323-WA0002.jpg` and the like, as Android names them.
pub(super) fn is_of_app(name: &str) -> bool {
    let Some((kind, rest)) = name.split_once('-') else { return false };
    let Some((day, rest)) = rest.split_once("-WA") else { return false };
    let Some((number, end)) = rest.split_once('.') else { return false };
    let is_kind =
        (2..=4).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_uppercase());
    is_kind
        && day.len() == 8
        && is_number(day)
        && number.len() >= 4
        && is_number(number)
        && !end.contains(' ')
}

/// `00000035-PHOTO-2022-03-27-21-41-55.jpg` or `00000047-Resume.pdf`, as iOS names them.
pub(super) fn is_numbered(name: &str) -> bool {
    name.split_once('-')
        .is_some_and(|(number, rest)| number.len() == 8 && is_number(number) && rest.contains('.'))
        && !name.contains(['/', '\\', '<'])
        && name.len() < 256
}

/// Without the number that iOS puts before it.
pub(super) fn without_number(name: &str) -> &str {
    match name.split_once('-') {
        Some((_, rest)) if is_numbered(name) => rest,
        Some(_) | None => name,
    }
}

/// What a file is, by its name.
pub(super) fn kind(name: &str) -> MessageKind {
    let plain = without_number(name);
    let begins = |words: &[&str]| {
        words.iter().any(|word| plain.strip_prefix(word).is_some_and(|rest| rest.starts_with('-')))
    };
    let end = plain.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    if begins(&["STK", "STICKER"]) {
        MessageKind::Sticker
    } else if begins(&["GIF"]) {
        MessageKind::Gif
    } else if begins(&["PTT"]) {
        MessageKind::VoiceNote
    } else if begins(&["PTV"]) {
        MessageKind::VideoNote
    } else if begins(&["DOC"]) {
        MessageKind::Document
    } else {
        kind_of_end(&end)
    }
}

fn kind_of_end(end: &str) -> MessageKind {
    match end {
        "jpg" | "jpeg" | "png" | "heic" | "heif" | "bmp" | "tif" | "tiff" | "avif" => {
            MessageKind::Image
        }
        "webp" => MessageKind::Sticker,
        "mp4" | "mov" | "3gp" | "mkv" | "avi" | "webm" | "m4v" => MessageKind::Video,
        "gif" => MessageKind::Gif,
        "opus" => MessageKind::VoiceNote,
        "mp3" | "m4a" | "aac" | "ogg" | "oga" | "wav" | "amr" | "flac" => MessageKind::Audio,
        "vcf" => MessageKind::Contact,
        _ => MessageKind::Document,
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_app_are_known_by_their_names() {
        assert!(is_of_app("IMG-20220323-WA0002.jpg"));
        assert!(is_of_app("PTT-20220323-WA0000.opus"));
        assert!(!is_of_app("IMG-2022-WA0002.jpg"));
        assert!(!is_of_app("IMG_20220323.jpg"));
        assert!(is_numbered("00000047-Resume.pdf"));
        assert!(!is_numbered("2022-Resume.pdf"));
        assert_eq!(without_number("00000047-Resume.pdf"), "Resume.pdf");
        assert_eq!(kind("00000047-Resume.pdf"), MessageKind::Document);
        assert_eq!(kind("00000051-GIF-2022-03-27-21-51-57.mp4"), MessageKind::Gif);
        assert_eq!(kind("00000042-TR.vcf"), MessageKind::Contact);
    }
}
