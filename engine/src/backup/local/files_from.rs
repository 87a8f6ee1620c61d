//! Lists of paths to back up (`--files-from`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// How the paths of a list are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One path a line; empty lines and lines that begin with `#` do not count.
    Lines,
    /// Each path ends with a zero byte.
    Raw,
}

/// The paths in a list, in its order, as they are written there.
pub fn parse_path_list(text: &[u8], format: ListFormat) -> Vec<PathBuf> {
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    match format {
        ListFormat::Lines => text
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
            .map(path)
            .collect(),
        ListFormat::Raw => {
            text.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(path).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(paths: &[PathBuf]) -> Vec<&[u8]> {
        paths.iter().map(|path| path.as_os_str().as_bytes()).collect()
    }

    #[test]
    fn lines_may_hold_any_bytes_and_comments_do_not_count() {
        let list = parse_path_list(b"# mine\n/a b \r\n\n  \n/\xff\n/c", ListFormat::Lines);
        assert_eq!(bytes(&list), [&b"/a b "[..], b"/\xff", b"/c"]);
    }

    #[test]
    fn raw_lists_take_everything_but_zero_bytes_literally() {
        let list = parse_path_list(b"#x\n\0/a\0\0/b", ListFormat::Raw);
        assert_eq!(bytes(&list), [&b"#x\n"[..], b"/a", b"/b"]);
    }
}
