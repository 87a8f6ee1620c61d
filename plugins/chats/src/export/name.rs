//! What a conversation is called, by the name of its export.

use std::path::Path;

/// What stands before the name, in the languages that are known; `_`, `.` and `+` stand for blanks after some ways of copying.
const BEFORE: &[&str] = &[
    "whatsapp chat with ",
    "whatsapp chat - ",
    "whatsapp-chat mit ",
    "whatsapp chat mit ",
    "chat de whatsapp con ",
    "chat whatsapp con ",
    "chat di whatsapp con ",
    "conversa do whatsapp com ",
    "conversa no whatsapp com ",
    "discussion whatsapp avec ",
    "whatsapp-chat met ",
    "whatsapp chat met ",
    "чат whatsapp с контактом ",
    "чат whatsapp с ",
    "чат whatsapp із ",
    "чат whatsapp з ",
    "chat whatsapp s uživatelem ",
    "chat whatsapp s ",
    "czat whatsapp z ",
    "chat whatsapp dengan ",
    "whatsapp chat dengan ",
    "whatsapp-chatt med ",
    "whatsapp-chat med ",
    "whatsapp-keskustelu: ",
    "conversație whatsapp cu ",
    "xat de whatsapp amb ",
    "whatsapp चैट: ",
    "whatsapp対話: ",
    "دردشة واتساب مع ",
    "محادثة واتساب مع ",
    "whatsapp 聊天记录：",
    "«whatsapp» ",
    "whatsapp csevegés: ",
    "συνομιλία whatsapp με ",
    "cuộc trò chuyện whatsapp với ",
    "แชท whatsapp กับ ",
];

/// What stands behind the name in languages that have it there.
const BEHIND: &[&str] = &[
    " ile whatsapp sohbeti",
    "님과의 whatsapp 대화",
    "的whatsapp聊天",
    "的 whatsapp 聊天记录",
    "的whatsapp 聊天记录",
];

/// The name of a file without what says only that it is an export; `None` if nothing is left.
pub(super) fn from_path(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let stem = ["txt", "zip"]
        .iter()
        .find_map(|end| {
            let (stem, found) = name.rsplit_once('.')?;
            found.eq_ignore_ascii_case(end).then(|| stem.to_owned())
        })
        .unwrap_or_else(|| name.into_owned());
    from_words(without_number(&stem))
}

/// Whether a file is called as an export is, in one of the languages that are known.
pub(super) fn is_of_export(path: &Path) -> bool {
    let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy()) else { return false };
    let stem = without_number(&stem);
    [stem.to_owned(), stem.replace(['_', '+'], " "), stem.replace('.', " ")]
        .iter()
        .any(|form| in_known_language(form).is_some())
}

/// The name in the words that an export is called.
pub(super) fn from_words(words: &str) -> Option<String> {
    let words = words.trim_matches(|character: char| {
        character.is_whitespace() || crate::needle::is_mark(character)
    });
    for form in [
        words.to_owned(),
        words.replace(['_', '+'], " "),
        words.replace('.', " "),
        words.replace("%20", " "),
    ] {
        if let Some(name) = in_known_language(&form) {
            return Some(name);
        }
    }
    in_unknown_language(words)
}

fn in_known_language(words: &str) -> Option<String> {
    let lower = words.to_lowercase();
    // Small letters of some languages have other lengths; where those are cut would not be a border.
    if lower.len() != words.len() {
        return None;
    }
    let name = BEFORE
        .iter()
        .find_map(|before| lower.starts_with(before).then(|| words.get(before.len()..)))
        .or_else(|| {
            BEHIND.iter().find_map(|behind| {
                lower.ends_with(behind).then(|| words.get(..words.len() - behind.len()))
            })
        })??;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Everything after `WhatsApp` but small words: prepositions. Names begin with capitals, digits or letters of scripts that have none.
fn in_unknown_language(words: &str) -> Option<String> {
    let at = words.to_lowercase().find("whatsapp").filter(|_| words.is_ascii())?;
    let after = words.get(at + "whatsapp".len()..)?;
    if !after.starts_with([' ', '_']) {
        return None;
    }
    let after = after.trim_start_matches([' ', '-', '_', ':']);
    let mut rest = after;
    while let Some((word, next)) = rest.split_once([' ', '_']) {
        let is_small = word.chars().all(char::is_lowercase) || word.eq_ignore_ascii_case("chat");
        if !is_small {
            break;
        }
        rest = next.trim_start_matches([' ', '-', '_']);
    }
    let is_name = !rest.is_empty()
        && !rest.eq_ignore_ascii_case("chat")
        && !rest.chars().all(char::is_lowercase);
    is_name.then(|| rest.trim().to_owned())
}

/// Without the ` (1)` of a second copy.
fn without_number(stem: &str) -> &str {
    let Some((before, number)) = stem.rsplit_once(" (") else { return stem };
    let is_number = number
        .strip_suffix(')')
        .is_some_and(|number| number.len() < 3 && number.chars().all(|c| c.is_ascii_digit()));
    if is_number { before } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_conversation_is_in_the_name_of_its_export() {
        for (file, name) in [
            ("WhatsApp Chat with +123 45 6789.txt", Some("+123 45 6789")),
            ("WhatsApp Chat - Anna B.zip", Some("Anna B")),
            ("WhatsApp_Chat_with_Anna.txt", Some("Anna")),
            ("WhatsApp Chat with Anna (1).txt", Some("Anna")),
            ("WhatsApp.Chat.with.Anna.txt", Some("Anna")),
            ("Чат WhatsApp с контактом Dmitry S.txt", Some("Dmitry S")),
            ("Chat WhatsApp s uživatelem Dmitry S.txt", Some("Dmitry S")),
            ("Anna ile WhatsApp Sohbeti.txt", Some("Anna")),
            ("Pogovor WhatsApp s Ana.txt", Some("Ana")),
            ("_chat.txt", None),
            ("whatsapp_chat.txt", None),
            ("WhatsApp.txt", None),
        ] {
            assert_eq!(from_path(Path::new(file)).as_deref(), name, "{file}");
        }
    }
}
