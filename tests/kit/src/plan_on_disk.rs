//! Makes a planned tree on disk.

use std::fs::{self, File, Permissions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::xattr;
use crate::{Node, NodeKind, TreePlan};

impl TreePlan {
    /// Makes the tree in an existing folder; returns how many attributes the file system did not take.
    pub fn create(&self, root: &Path) -> io::Result<usize> {
        for node in &self.nodes {
            make(root, node).map_err(|error| io::Error::other(format!("{node:?}: {error}")))?;
        }
        let mut refused = 0;
        // From the last to the first: finishing a folder may close it, and making its children changes its time.
        for node in
            self.nodes.iter().rev().filter(|node| !matches!(node.kind, NodeKind::HardLink(_)))
        {
            refused += finish(&root.join(&node.path), node)
                .map_err(|error| io::Error::other(format!("{node:?}: {error}")))?;
        }
        Ok(refused)
    }
}

fn make(root: &Path, node: &Node) -> io::Result<()> {
    let path = root.join(&node.path);
    match &node.kind {
        NodeKind::Folder => fs::create_dir(path),
        NodeKind::Link(target) => symlink(std::ffi::OsStr::from_bytes(target), path),
        NodeKind::HardLink(to) => fs::hard_link(root.join(to), path),
        NodeKind::Fifo => Ok(mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0)?),
        NodeKind::File(runs) => {
            let mut file = File::create_new(path)?;
            let mut size = 0;
            for (bytes, content) in runs {
                size += bytes;
                match content {
                    Some(content) => {
                        let count = usize::try_from(*bytes).map_err(io::Error::other)?;
                        file.write_all(&content.bytes(count))?;
                    }
                    None => file.seek(SeekFrom::Start(size)).map(drop)?,
                }
            }
            file.set_len(size)
        }
    }
}

fn finish(path: &Path, node: &Node) -> io::Result<usize> {
    if let Some((user, group)) = node.owner {
        lchown(path, Some(user), Some(group))?;
    }
    let mut refused = 0;
    if !matches!(node.kind, NodeKind::Link(_)) {
        // After the owner, whose change takes the special bits away.
        fs::set_permissions(path, Permissions::from_mode(node.mode | 0o600))?;
        for (name, value) in &node.attributes {
            refused += usize::from(!xattr::set(path, name, value)?);
        }
        // An access control list speaks for the group bits, and they must not be overruled.
        let listed = node.attributes.iter().any(|(name, _)| name.starts_with(b"system."));
        if !listed {
            fs::set_permissions(path, Permissions::from_mode(node.mode))?;
        }
    }
    let time = Timespec { tv_sec: node.modified.0, tv_nsec: node.modified.1 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(refused)
}
