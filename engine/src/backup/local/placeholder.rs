//! Files that are not on this machine although their folder is.
//!
//! iCloud Drive removes the content of files that were not used for long, and leaves `.NAME.icloud`, a small binary
//! property list, in the place of `NAME`. To store that and say nothing would be a backup of nothing. Since macOS 14 such
//! files keep their name and are fetched when they are read, so that nothing is special about them.

/// Placeholders have a few hundred bytes.
pub(super) const BYTES_MAX: u64 = 16 << 10;

/// What a binary property list begins with.
const MAGIC: &[u8] = b"bplist00";

/// The name of the file that a placeholder of this name would stand for.
pub(super) fn stands_for(name: &[u8]) -> Option<&[u8]> {
    let name = name.strip_prefix(b".")?.strip_suffix(b".icloud")?;
    (!name.is_empty()).then_some(name)
}

/// Whether a file of such a name is a placeholder indeed.
pub(super) fn is_placeholder(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hidden_names_with_the_ending_stand_for_others() {
        assert_eq!(stands_for(b".photo.jpg.icloud"), Some(&b"photo.jpg"[..]));
        for name in [&b".icloud"[..], b"..icloud", b"photo.icloud", b".photo", b""] {
            assert_eq!(stands_for(name), None, "{}", name.escape_ascii());
        }
    }
}
