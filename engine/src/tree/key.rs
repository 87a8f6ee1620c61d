//! Keys of the manifest: path components joined with a zero byte.
//!
//! A folder sorts before its content, and nothing else sorts between them: the keys below `k` are exactly those from
//! `k 00` up to, but without, `k 01`. The root of the file system has the empty key.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// The key of a path; a leading `/` and components `.` do not count.
pub fn key_from_path(path: &Path) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.as_os_str().len());
    for component in path.components() {
        let name = match component {
            Component::Normal(name) => name.as_bytes(),
            Component::ParentDir => b"..",
            Component::CurDir | Component::RootDir | Component::Prefix(_) => continue,
        };
        if !key.is_empty() {
            key.push(0);
        }
        key.extend_from_slice(name);
    }
    key
}

/// The absolute path of a key, for people; check it with [`safe_key`] before it touches a file system.
pub fn path_from_key(key: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(key.len() + 1);
    path.push(b'/');
    path.extend(key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }));
    PathBuf::from(OsStr::from_bytes(&path))
}

/// The key of the folder that holds this one; `None` for the root.
pub fn parent_key(key: &[u8]) -> Option<&[u8]> {
    if key.is_empty() {
        return None;
    }
    let end = key.iter().rposition(|byte| *byte == 0).unwrap_or(0);
    key.get(..end)
}

/// The last component; empty for the root.
pub fn file_name(key: &[u8]) -> &[u8] {
    key.rsplit(|byte| *byte == 0).next().unwrap_or_default()
}

/// The components of a key, outermost first; none for the root.
pub fn components(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == 0).skip(usize::from(key.is_empty()))
}

/// Whether this can be the name of something in a folder: a hostile tree must not leave the target.
pub fn safe_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// Whether every component is a [`safe_component`].
pub fn safe_key(key: &[u8]) -> bool {
    components(key).all(safe_component)
}

/// The first key after all keys equal to or below `key`; `None` if that is everything.
pub fn subtree_end(key: &[u8]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    let mut end = Vec::with_capacity(key.len() + 1);
    end.extend_from_slice(key);
    end.push(1);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_joins_components_with_zero_bytes() {
        assert_eq!(key_from_path(Path::new("/home/me")), b"home\0me");
        assert_eq!(key_from_path(Path::new("//home/./me/")), b"home\0me");
        assert_eq!(key_from_path(Path::new("/")), b"");
        assert_eq!(key_from_path(Path::new("/a/../b")), b"a\0..\0b");
    }

    #[test]
    fn non_utf8_paths_survive_a_round_trip() {
        let path = PathBuf::from(OsStr::from_bytes(b"/a\xff\xfe/\x01"));
        assert_eq!(path_from_key(&key_from_path(&path)), path);
        assert_eq!(path_from_key(b""), PathBuf::from("/"));
    }

    #[test]
    fn parents_and_names_come_apart_at_the_last_zero() {
        assert_eq!(parent_key(b"home\0me"), Some(&b"home"[..]));
        assert_eq!(parent_key(b"home"), Some(&b""[..]));
        assert_eq!(parent_key(b""), None);
        assert_eq!(file_name(b"home\0me"), b"me");
        assert_eq!(file_name(b"home"), b"home");
        assert_eq!(components(b"").count(), 0);
        assert_eq!(components(b"a\0b").collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn names_that_leave_the_folder_are_unsafe() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0b"] {
            assert!(!safe_component(bad), "{bad:?}");
        }
        for bad in [&b"a\0..\0b"[..], b"a\0\0b", b"\0", b"a\0", b"\0a", b"a/b"] {
            assert!(!safe_key(bad), "{bad:?}");
        }
        for good in [&b"a"[..], b"...", b"\xff\x01", b"a\\b"] {
            assert!(safe_component(good), "{good:?}");
        }
        assert!(safe_key(b""));
    }

    #[test]
    fn the_end_of_a_subtree_excludes_names_that_only_begin_alike() {
        let end = subtree_end(b"home").expect("not the root");
        assert!(b"home\0zzz\xff"[..] < end[..]);
        assert!(b"home.txt"[..] > end[..]);
        assert!(b"home\x01"[..] >= end[..]);
    }
}
