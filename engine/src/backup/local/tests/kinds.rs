//! Every kind of entry with all its attributes.

use std::ffi::OsStr;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, IFlags, Mode, XattrFlags, makedev, mknodat};

use super::*;
use crate::tree::{Kind, Xattr, XattrValue};

#[test]
fn a_file_has_what_stat_says() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let entry = entry(&path);
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(entry.kind, Kind::File);
    assert_eq!(entry.mode, meta.mode() & 0o7777);
    assert_eq!((entry.uid, entry.gid), (meta.uid(), meta.gid()));
    assert_eq!((entry.size, entry.links), (4, 0));
    assert_eq!((entry.inode, entry.device), (meta.ino(), meta.dev()));
    let ns = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
    assert_eq!(entry.mtime_ns, ns(meta.mtime(), meta.mtime_nsec()));
    assert_eq!(entry.ctime_ns, Some(ns(meta.ctime(), meta.ctime_nsec())));
    assert_eq!(entry.btime_ns.is_some(), meta.created().is_ok());
    if is_root() {
        assert_eq!(entry.user.as_deref(), Some(&b"root"[..]));
    }
}

#[test]
fn every_kind_of_entry_is_found() {
    let folder = tree(&["folder/"]);
    let at = |name: &str| folder.path().join(name);
    symlink("no/such/target", at("link")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    let listener = UnixListener::bind(at("socket")).unwrap();

    assert_eq!(entry(&at("folder")).kind, Kind::Folder);
    assert_eq!(entry(&at("folder")).links, 0);
    let link = entry(&at("link"));
    assert_eq!((link.kind, link.size), (Kind::Symlink, 0));
    assert_eq!(link.target.as_deref(), Some(&b"no/such/target"[..]));
    assert_eq!(entry(&at("fifo")).kind, Kind::Fifo);
    assert_eq!(entry(&at("socket")).kind, Kind::Socket);
    drop(listener);
}

#[test]
fn devices_have_their_numbers() {
    let folder = tree(&[]);
    for (name, file_type, kind) in [
        ("char", FileType::CharacterDevice, Kind::CharDevice),
        ("block", FileType::BlockDevice, Kind::BlockDevice),
    ] {
        let path = folder.path().join(name);
        let device = makedev(7, 300);
        if mknodat(CWD, &path, file_type, Mode::from_raw_mode(0o600), device).is_err() {
            return;
        }
        let entry = entry(&path);
        assert_eq!((entry.kind, entry.rdev), (kind, Some((7, 300))));
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert_eq!(entry(Path::new("/dev/null")).rdev, Some((1, 3)));
}

#[test]
fn names_and_targets_may_be_any_bytes() {
    let folder = tree(&[]);
    let name = OsStr::from_bytes(b"\xff\xfe \n\x01");
    let path = folder.path().join(name);
    fs::create_dir(&path).unwrap();
    let link = path.join(OsStr::from_bytes(b"\x80"));
    symlink(OsStr::from_bytes(b"\xf0\x28"), &link).unwrap();
    assert_eq!(entry(&link).target.as_deref(), Some(&b"\xf0\x28"[..]));
    let walked = walk_all(&[folder.path()]);
    assert!(walked.found.last().unwrap().key.ends_with(b"\0\xff\xfe \n\x01\0\x80"));
}

#[test]
fn hard_links_share_device_and_inode() {
    let folder = tree(&["a"]);
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    fs::hard_link(&a, &b).unwrap();
    let (a, b) = (entry(&a), entry(&b));
    assert_eq!((a.links, a.device, a.inode), (2, b.device, b.inode));
}

#[test]
fn a_sparse_file_is_its_data_and_its_holes() {
    let folder = tree(&[]);
    let path = folder.path().join("sparse");
    let file = fs::File::create(&path).unwrap();
    file.write_all_at(&vec![1; 65536], 1 << 20).unwrap();
    file.write_all_at(&vec![2; 65536], 5 << 20).unwrap();
    file.set_len(10 << 20).unwrap();
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    let data = read_all(&mut *content);
    assert!(content.unchanged_or_rewind(&mut found.entry).unwrap());
    assert_eq!(found.entry.size, 10 << 20);
    assert_eq!(content.holes(), found.entry.holes);
    assert_eq!(fill_holes(&data, &found.entry), fs::read(&path).unwrap());
    let sparse = fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20;
    assert!(!sparse || data.len() < 1 << 20, "holes were read");
}

#[test]
fn a_file_that_is_all_hole_has_no_data() {
    let folder = tree(&[]);
    let path = folder.path().join("hole");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    if fs::metadata(&path).unwrap().blocks() == 0 {
        let mut found = walk_all(&[&path]).take(&path);
        let mut content = open(&mut found).unwrap();
        assert_eq!(content.holes(), [(0, 1 << 40)]);
        assert_eq!(content.read(&mut [0; 16]).unwrap(), 0);
        assert!(content.unchanged(&mut found.entry).unwrap());
        assert_eq!(found.entry.size, 1 << 40);
    }
}

#[test]
fn a_file_with_countless_holes_names_the_large_ones() {
    let folder = tree(&[]);
    let path = folder.path().join("comb");
    let file = fs::File::create(&path).unwrap();
    for tooth in 0..3000_u64 {
        file.write_all_at(&[3; 4096], tooth * 12288).unwrap();
    }
    file.write_all_at(&[4; 10], 100 << 20).unwrap();
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    assert!(content.holes().len() <= 2048);
    let data = read_all(&mut *content);
    assert_eq!(fill_holes(&data, &found.entry), fs::read(&path).unwrap());
}

fn fill_holes(mut data: &[u8], entry: &Entry) -> Vec<u8> {
    let mut all = Vec::new();
    for (before, hole) in &entry.holes {
        let (run, rest) = data.split_at(usize::try_from(*before).unwrap());
        all.extend_from_slice(run);
        all.resize(all.len() + usize::try_from(*hole).unwrap(), 0);
        data = rest;
    }
    all.extend_from_slice(data);
    all
}

fn set(path: &Path, name: &str, value: &[u8]) -> bool {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).is_ok()
}

fn inline(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.as_bytes().to_vec(), value: XattrValue::Inline(value.to_vec()) }
}

#[test]
fn extended_attributes_are_sorted_and_complete() {
    let folder = tree(&["file", "folder/"]);
    for path in [folder.path().join("file"), folder.path().join("folder")] {
        if !set(&path, "user.b", b"two\0") {
            return;
        }
        assert!(set(&path, "user.a", b""));
        let mut expected = vec![inline("user.a", b""), inline("user.b", b"two\0")];
        // Not every file system takes the large one.
        let large = [7; 3000];
        if set(&path, "user.large", &large) {
            expected.push(inline("user.large", &large));
        }
        let ours = |xattr: &Xattr| xattr.name.starts_with(b"user.");
        let found: Vec<_> = entry(&path).xattrs.into_iter().filter(ours).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn values_larger_than_any_buffer_are_read() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "x").unwrap();
    let value: Vec<u8> = (0..20_000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    if set(&path, "user.large", &value) {
        assert!(entry(&path).xattrs.contains(&inline("user.large", &value)));
    }
}

#[test]
fn acls_are_extended_attributes() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (0x01_u16, 6_u16, u32::MAX),
        (0x02, 4, 12345),
        (0x04, 4, u32::MAX),
        (0x10, 4, u32::MAX),
        (0x20, 0, u32::MAX),
    ] {
        acl.extend(tag.to_le_bytes());
        acl.extend(rights.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    if set(&path, "system.posix_acl_access", &acl) {
        assert!(entry(&path).xattrs.contains(&inline("system.posix_acl_access", &acl)));
    }
}

#[test]
fn links_and_pipes_have_attributes_too() {
    let folder = tree(&[]);
    let link = folder.path().join("link");
    symlink("nowhere", &link).unwrap();
    let fifo = folder.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for path in [link, fifo] {
        if set(&path, "trusted.heirloom", b"t") {
            assert!(entry(&path).xattrs.contains(&inline("trusted.heirloom", b"t")));
        }
    }
}

#[test]
fn flags_are_only_those_that_a_user_sets() {
    let folder = tree(&["file", "plain", "folder/"]);
    for name in ["file", "folder"] {
        let path = folder.path().join(name);
        let file = fs::File::open(&path).unwrap();
        let Ok(flags) = rustix::fs::ioctl_getflags(&file) else { return };
        if rustix::fs::ioctl_setflags(&file, flags | IFlags::NODUMP).is_ok() {
            assert_eq!(entry(&path).flags, IFlags::NODUMP.bits());
        }
    }
    assert_eq!(entry(&folder.path().join("plain")).flags, 0);
}

#[test]
fn reading_leaves_no_access_time() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let long_ago = fs::FileTimes::new().set_accessed(std::time::UNIX_EPOCH);
    fs::File::options().write(true).open(&path).unwrap().set_times(long_ago).unwrap();
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    assert_eq!(read_all(&mut *content), b"file");
    assert_eq!(fs::metadata(&path).unwrap().atime(), 0);
}
