//! The names that objects may have: `[0-9a-z.-]`, at most one `/`, no part that is empty, longer than 128 bytes, or begins
//! or ends with a dot. Such a name is a safe relative path, and means the same on every store.

const PART_BYTES_MAX: usize = 128;

/// Whether an object can have this name.
pub fn is_name(name: &str) -> bool {
    let (folder, file) = name.split_once('/').unwrap_or(("a", name));
    is_part(folder) && is_part(file)
}

/// Whether this can be listed: nothing, or a folder with its slash.
pub fn is_prefix(prefix: &str) -> bool {
    prefix.is_empty() || prefix.strip_suffix('/').is_some_and(is_part)
}

fn is_part(part: &str) -> bool {
    let known = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'-');
    !part.is_empty()
        && part.len() <= PART_BYTES_MAX
        && !part.starts_with('.')
        && !part.ends_with('.')
        && part.bytes().all(known)
}
