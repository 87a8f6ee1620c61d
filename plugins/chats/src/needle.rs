//! What is searched for, without regard to case and accents.

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::model::Message;

/// Words to search for.
#[derive(Debug, Clone)]
pub struct Needle {
    folded: String,
}

impl Needle {
    /// Searches for this.
    pub fn new(words: &str) -> Self {
        Self { folded: fold(words) }
    }

    /// Whether a text contains it.
    pub fn is_in(&self, text: &str) -> bool {
        // Most texts are ASCII; they need no tables.
        if text.is_ascii() && self.folded.is_ascii() {
            let needle = self.folded.as_bytes();
            return needle.is_empty()
                || text
                    .as_bytes()
                    .windows(needle.len())
                    .any(|part| part.eq_ignore_ascii_case(needle));
        }
        fold(text).contains(&self.folded)
    }

    /// Whether a message says it, answers it or has a file of this name.
    pub fn is_in_message(&self, message: &Message) -> bool {
        let names = message.media.iter().filter_map(|media| media.name.as_deref());
        let quoted = message.quote.iter().filter_map(|quote| quote.text.as_deref());
        let options = message.poll.iter().map(|option| option.text.as_str());
        message
            .text
            .as_deref()
            .into_iter()
            .chain(names)
            .chain(quoted)
            .chain(options)
            .any(|text| self.is_in(text))
    }
}

/// Small letters without accents, and without the marks that say which way a text is written.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.to_lowercase();
    DecomposingNormalizerBorrowed::new_nfkd()
        .normalize_iter(lower.chars())
        .filter(|character| !is_combining(*character) && !is_mark(*character))
        .collect()
}

/// Accents that stand over Latin, Greek and Cyrillic letters. Vowel signs of other scripts are letters to those who read them.
fn is_combining(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{64b}'..='\u{652}')
}

/// Marks that nobody sees.
pub(crate) fn is_mark(character: char) -> bool {
    matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        let needle = Needle::new("Café ÉTÉ");
        assert!(needle.is_in("un cafe été à Paris"));
        assert!(needle.is_in("CAFE\u{301} ETE"));
        assert!(!needle.is_in("un café"));
        assert!(Needle::new("strasse").is_in("DIE STRASSE"));
        assert!(Needle::new("приве").is_in("ПРИВЕТ"));
    }

    #[test]
    fn marks_that_nobody_sees_are_not_in_the_way() {
        assert!(Needle::new("123 45").is_in("\u{202a}+123\u{202c} 45"));
    }
}
