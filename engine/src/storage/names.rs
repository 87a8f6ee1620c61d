//! The names that objects may have; every store checks them before it does anything.
//!
//! Stores disagree about everything else: blanks at the ends, dots, case, doubled slashes (`trim`, `..` and hidden files
//! change their meaning or vanish). A name that passes here is stored, listed and found again unchanged everywhere, and
//! cannot leave the repository.

/// Longest folder or file part of a name, in bytes. Leaves room for what stores append to temporary files.
pub const PART_BYTES_MAX: usize = 128;

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A part between slashes is empty or longer than [`PART_BYTES_MAX`].
    #[error("a part of the name is empty or too long")]
    Length,
    /// Something else than digits, lower-case letters, dot and hyphen, or a part that begins or ends with a dot.
    #[error("the name has a character that not every store keeps")]
    Character,
    /// More than one folder deep, or a folder where an object is meant.
    #[error("the name has a slash too many, or lacks one at the end")]
    Depth,
}

/// Accepts `[0-9a-z.-]` with at most one `/`; no part begins or ends with a dot.
pub fn check_name(name: &str) -> Result<(), NameError> {
    match name.split_once('/') {
        None => check_part(name),
        Some((_, file)) if file.contains('/') => Err(NameError::Depth),
        Some((folder, file)) => check_part(folder).and_then(|()| check_part(file)),
    }
}

/// Accepts what can be listed: `""`, or a folder with its slash.
pub fn check_prefix(prefix: &str) -> Result<(), NameError> {
    if prefix.is_empty() {
        return Ok(());
    }
    let folder = prefix.strip_suffix('/').ok_or(NameError::Depth)?;
    if folder.contains('/') { Err(NameError::Depth) } else { check_part(folder) }
}

fn check_part(part: &str) -> Result<(), NameError> {
    if part.is_empty() || part.len() > PART_BYTES_MAX {
        return Err(NameError::Length);
    }
    let known = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'-');
    if part.starts_with('.') || part.ends_with('.') || !part.bytes().all(known) {
        return Err(NameError::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_repository_format_are_accepted() {
        let hash = "0123456789abcdef".repeat(4);
        for name in
            ["heirloom.json", "slots/0f", "index/00ff.12", "fences/0f.0e", &format!("packs/{hash}")]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_some_store_would_change_or_lose_are_refused() {
        let long = "a".repeat(PART_BYTES_MAX + 1);
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a/b/c",
            ".",
            "..",
            "../a",
            "a/..",
            ".tmp/a",
            "a/.b",
            "a.",
            "A",
            "a b",
            "a_b",
            "trailing ",
            "ä",
            "a\0",
            "a\n",
            "a\\b",
            "a%20",
            &long,
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn only_the_top_and_single_folders_can_be_listed() {
        assert_eq!(check_prefix(""), Ok(()));
        assert_eq!(check_prefix("packs/"), Ok(()));
        for prefix in ["packs", "/", "a/b/", "../", ".tmp/", "packs//"] {
            assert!(check_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
