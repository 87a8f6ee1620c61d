//! Why nothing was mounted, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::Failure;
use crate::render::names;

const ELSE: &str = "`heirloom serve webdav` shows the snapshots without a mount";

/// Why nothing was mounted.
#[derive(Debug)]
pub(crate) enum MountFailure {
    /// There is no such folder.
    NoFolder {
        /// As it was given.
        folder: PathBuf,
    },
    /// Something else than a folder.
    NotAFolder {
        /// As it was given.
        folder: PathBuf,
    },
    /// What is in it would be hidden.
    NotEmpty {
        /// As it was given.
        folder: PathBuf,
    },
    /// Something was mounted there, and its program is gone.
    Stale {
        /// As it was given.
        folder: PathBuf,
    },
    /// The folder cannot be used.
    Folder {
        /// As it was given.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel offers no FUSE here.
    Device {
        /// Why.
        source: io::Error,
    },
    /// The program that mounts for users is not there.
    NoHelper,
    /// The administrator does not let users let others in.
    OthersNotAllowed,
    /// The system refused.
    Refused {
        /// Where.
        folder: PathBuf,
        /// What it said.
        what: String,
    },
}

impl From<MountFailure> for Failure {
    fn from(failure: MountFailure) -> Self {
        Self::Mount(failure)
    }
}

/// What to say about it.
pub(crate) fn message(failure: &MountFailure) -> Message {
    match failure {
        MountFailure::NoFolder { folder } => Message::new(
            Exit::Failed,
            format!("there is no folder {}", names::path(folder)),
            "make it with mkdir, and run the command again",
        ),
        MountFailure::NotAFolder { folder } => Message::new(
            Exit::Failed,
            format!("{} is not a folder", names::path(folder)),
            "name an empty folder",
        ),
        MountFailure::NotEmpty { folder } => Message::new(
            Exit::Failed,
            format!("{} is not empty, and what is in it would be hidden", names::path(folder)),
            "name an empty folder",
        ),
        MountFailure::Stale { folder } => Message::new(
            Exit::Failed,
            format!("{} is a mount whose program is gone", names::path(folder)),
            "run `fusermount3 -u` on it, or `umount` as root",
        ),
        MountFailure::Folder { folder, source } => Message::new(
            Exit::Failed,
            format!("{} cannot be used: {}", names::path(folder), explain::io(source)),
            "name an empty folder that belongs to you",
        ),
        MountFailure::Device { source } => Message::new(
            Exit::Failed,
            format!("there is no FUSE here: /dev/fuse: {}", explain::io(source)),
            format!("install fuse3, or run `modprobe fuse` as root; {ELSE}"),
        ),
        MountFailure::NoHelper => Message::new(
            Exit::Failed,
            "only root may mount without the program fusermount3",
            format!("install fuse3; {ELSE}"),
        ),
        MountFailure::OthersNotAllowed => Message::new(
            Exit::Permission,
            "users of this machine may not let others into their mounts",
            "leave out --allow-other, or let root add the line user_allow_other to /etc/fuse.conf",
        ),
        MountFailure::Refused { folder, what } => Message::new(
            Exit::Failed,
            format!(
                "nothing was mounted at {}: {}",
                names::path(folder),
                names::shown(what.as_bytes())
            ),
            format!("name an empty folder that belongs to you; {ELSE}"),
        ),
    }
}
