//! Entries of a snapshot, as lines and as JSON.

use std::os::unix::ffi::OsStrExt as _;

use heirloom_engine::tree::{Entry, FileContent, Kind, Transform, TreeTotals, path_from_key};
use serde_json::{Value, json};

use super::{names, numbers, time};

/// How to write a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Also mode, owner, size and time.
    pub(crate) long: bool,
    /// For eyes, not for programs.
    pub(crate) on_screen: bool,
}

/// One line, ended. On a screen nothing that a terminal could obey; elsewhere the exact bytes of the name.
pub(crate) fn line(key: &[u8], entry: &Entry, form: Form) -> Vec<u8> {
    let details = if form.long { details(entry, entry.size) } else { String::new() };
    line_after(details, key, entry, form)
}

/// The same with what the entry takes with everything in it.
pub(crate) fn line_with_tree(key: &[u8], entry: &Entry, totals: TreeTotals, form: Form) -> Vec<u8> {
    let details = if form.long {
        details(entry, totals.bytes)
    } else {
        format!("{:>10}  ", numbers::bytes(totals.bytes))
    };
    line_after(details, key, entry, form)
}

fn line_after(details: String, key: &[u8], entry: &Entry, form: Form) -> Vec<u8> {
    let path = path_from_key(key);
    let mut line = details.into_bytes();
    let name = |bytes: &[u8]| {
        if form.on_screen { names::shown(bytes).into_bytes() } else { bytes.to_vec() }
    };
    line.extend(name(path.as_os_str().as_bytes()));
    match &entry.target {
        Some(target) if form.long => {
            line.extend_from_slice(b" -> ");
            line.extend(name(target));
        }
        _ => {}
    }
    line.push(b'\n');
    line
}

/// `-rw-r--r-- me users 1234 2026-11-01 18:30:00 `
fn details(entry: &Entry, size: u64) -> String {
    let owner = |name: Option<&[u8]>, id: u32| name.map_or_else(|| id.to_string(), names::shown);
    format!(
        "{} {:<8} {:<8} {:>12} {} ",
        mode(entry),
        owner(entry.user.as_deref(), entry.uid),
        owner(entry.group.as_deref(), entry.gid),
        size,
        time::local(entry.mtime_ns)
    )
}

/// As `ls -l` writes it.
pub(crate) fn mode(entry: &Entry) -> String {
    let mut text = String::with_capacity(10);
    text.push(match entry.kind {
        Kind::File => '-',
        Kind::Folder => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    });
    for (shift, special, set, unset) in
        [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = entry.mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (entry.mode & special > 0, bits & 1 > 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// What a kind is called in JSON.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Symlink => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice => "character-device",
        Kind::BlockDevice => "block-device",
    }
}

/// The entry as JSON.
pub(crate) fn fields(key: &[u8], entry: &Entry) -> Value {
    let path = path_from_key(key);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut fields = names::path_fields(path.as_os_str().as_bytes());
    let rest = json!({
        "kind": kind(entry.kind),
        "mode": format!("{:04o}", entry.mode),
        "uid": entry.uid,
        "gid": entry.gid,
        "user": entry.user.as_deref().map(text),
        "group": entry.group.as_deref().map(text),
        "size": entry.size,
        "mtime": time::rfc3339(entry.mtime_ns),
        "ctime": entry.ctime_ns.map(time::rfc3339),
        "btime": entry.btime_ns.map(time::rfc3339),
        "inode": entry.inode,
        "device": entry.device,
        "links": entry.links.max(1),
        "target": entry.target.as_deref().map(text),
        "transform": entry.transform.as_ref().map(|transform| &transform.name),
    });
    if let Value::Object(rest) = rest {
        fields.extend(rest.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(fields)
}

/// The entry as JSON, a folder with what is in it if that is known.
pub(crate) fn fields_with_tree(key: &[u8], entry: &Entry, totals: Option<TreeTotals>) -> Value {
    let mut fields = fields(key, entry);
    if let (Value::Object(fields), Some(totals), Kind::Folder) = (&mut fields, totals, entry.kind) {
        fields.insert("tree_bytes".to_owned(), json!(totals.bytes));
        fields.insert("tree_entries".to_owned(), json!(totals.entries));
    }
    fields
}

/// The entry as JSON with everything in it, for experts.
pub(crate) fn all_fields(key: &[u8], entry: &Entry) -> Value {
    let mut fields = fields(key, entry);
    let xattrs: Vec<Value> =
        entry.xattrs.iter().map(|xattr| json!(String::from_utf8_lossy(&xattr.name))).collect();
    let more = json!({
        "content": content(&entry.content),
        "hash": entry.hash.map(|hash| hex(&hash)),
        "stored": entry.transform.as_ref().map(stored),
        "rdev": entry.rdev,
        "flags": entry.flags,
        "holes": entry.holes,
        "xattrs": xattrs,
        "changed": entry.changed,
        "unknown_fields": entry.unknown.iter().map(|field| field.number).collect::<Vec<_>>(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

/// What is stored instead of the file.
fn stored(transform: &Transform) -> Value {
    json!({
        "bytes": transform.stored_bytes,
        "hash": hex(&transform.stored_hash),
        "decoded_bytes": transform.decoded_bytes,
    })
}

fn content(content: &FileContent) -> Value {
    match content {
        FileContent::Empty => Value::Null,
        FileContent::Inline(bytes) => json!({ "inline_hex": hex(bytes) }),
        FileContent::List(blobs) => {
            let blobs: Vec<Value> = blobs
                .iter()
                .map(|blob| json!({ "blob": blob.id.to_string(), "bytes": blob.bytes }))
                .collect();
            json!({ "blobs": blobs })
        }
        FileContent::Tree(root) => json!({ "list": root.to_string() }),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_like_those_of_ls() {
        let mut entry = Entry::new(Kind::File);
        entry.mode = 0o644;
        assert_eq!(mode(&entry), "-rw-r--r--");
        entry.kind = Kind::Folder;
        entry.mode = 0o1777;
        assert_eq!(mode(&entry), "drwxrwxrwt");
        entry.kind = Kind::File;
        entry.mode = 0o4750;
        assert_eq!(mode(&entry), "-rwsr-x---");
        entry.mode = 0o2640;
        assert_eq!(mode(&entry), "-rw-r-S---");
    }

    #[test]
    fn only_a_screen_is_protected_from_names() {
        let entry = Entry::new(Kind::File);
        let form = |on_screen| Form { long: false, on_screen };
        assert_eq!(line(b"a\0b\x1b", &entry, form(true)), b"/a/b\\x1b\n");
        assert_eq!(line(b"a\0b\x1b", &entry, form(false)), b"/a/b\x1b\n");
    }

    #[test]
    fn what_is_not_known_is_left_out_of_json() {
        let fields = fields(b"a", &Entry::new(Kind::Fifo));
        assert_eq!(fields["path"], "/a");
        assert_eq!(fields["kind"], "fifo");
        assert!(fields.get("target").is_none());
    }
}
