//! Names for what transformed files hold.

/// Endings that tell how a file is encrypted, and say nothing about what it holds.
const ENDINGS: [&[u8]; 3] = [b".crypt12", b".crypt14", b".crypt15"];
const APPENDED: &[u8] = b".decoded";
/// More names than this are not tried.
const TRIES: usize = 8;

/// The name of what the file holds: without the ending, or with another one where the snapshot has that name, or where
/// another file may get it. `None` to keep the name.
pub(super) fn name(name: &[u8], is_taken: &mut dyn FnMut(&[u8]) -> bool) -> Option<Box<[u8]>> {
    let plain = ENDINGS.iter().find_map(|ending| name.strip_suffix(*ending))?;
    if matches!(plain, b"" | b"." | b"..") {
        return None;
    }
    let rivals = ENDINGS.iter().map(|ending| [plain, *ending].concat());
    let mut others = rivals.filter(|rival| rival != name).chain([plain.to_vec()]);
    if !others.any(|other| is_taken(&other)) {
        return Some(plain.into());
    }
    let mut longer = name.to_vec();
    for _ in 0..TRIES {
        longer.extend_from_slice(APPENDED);
        if !is_taken(&longer) {
            return Some(longer.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, others: &[&str]) -> Option<String> {
        let mut is_taken = |name: &[u8]| others.iter().any(|other| other.as_bytes() == name);
        let found = name(file.as_bytes(), &mut is_taken)?;
        Some(String::from_utf8(found.into()).unwrap())
    }

    #[test]
    fn the_ending_goes_unless_the_snapshot_has_that_name_or_another_file_may_get_it() {
        let decoded = |file, others: &[&str]| named(file, others).unwrap();
        assert_eq!(decoded("msgstore.db.crypt15", &[]), "msgstore.db");
        assert_eq!(decoded("a.crypt12", &["a.crypt12", "b"]), "a");
        assert_eq!(decoded("a.crypt14", &["a"]), "a.crypt14.decoded");
        assert_eq!(decoded("a.crypt14", &["a.crypt15"]), "a.crypt14.decoded");
        assert_eq!(decoded("a.crypt14", &["a", "a.crypt14.decoded"]), "a.crypt14.decoded.decoded");
    }

    #[test]
    fn other_names_stay() {
        for file in ["chat.zip", ".crypt15", "..crypt15", "...crypt12", "a.crypt16", "a.CRYPT15"] {
            assert_eq!(named(file, &[]), None, "{file}");
        }
    }
}
