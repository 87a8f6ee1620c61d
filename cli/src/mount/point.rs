//! The folder in which the snapshots appear: what can be wrong with it, and how it becomes a plain folder again.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::MountFailure;

/// Through this the kernel asks.
const DEVICE: &str = "/dev/fuse";
/// What unmounts for who is not root; also found where no path leads.
const HELPERS: [&str; 4] =
    ["fusermount3", "/usr/bin/fusermount3", "/bin/fusermount3", "fusermount"];
/// The kernel asks for so much at once when a file is read from front to back.
const READ_AHEAD_KIB: &str = "1024";

/// The folder, with an absolute path.
pub(super) fn check(folder: &Path) -> Result<PathBuf, MountFailure> {
    let unusable = |source: io::Error| {
        let folder = folder.to_owned();
        if source.kind() == ErrorKind::NotFound {
            MountFailure::NoFolder { folder }
        } else if source.kind() == ErrorKind::NotConnected {
            MountFailure::Stale { folder }
        } else {
            MountFailure::Folder { folder, source }
        }
    };
    let whole = fs::canonicalize(folder).map_err(unusable)?;
    if !fs::metadata(&whole).map_err(unusable)?.is_dir() {
        return Err(MountFailure::NotAFolder { folder: folder.to_owned() });
    }
    if fs::read_dir(&whole).map_err(unusable)?.next().is_some() {
        return Err(MountFailure::NotEmpty { folder: folder.to_owned() });
    }
    if let Err(source) = OpenOptions::new().read(true).write(true).open(DEVICE) {
        return Err(MountFailure::Device { source });
    }
    Ok(whole)
}

/// Why the system did not mount.
pub(super) fn refused(folder: &Path, source: &io::Error) -> MountFailure {
    let what = source.to_string();
    if source.kind() == ErrorKind::NotFound {
        MountFailure::NoHelper
    } else if what.contains("user_allow_other") {
        MountFailure::OthersNotAllowed
    } else {
        MountFailure::Refused { folder: folder.to_owned(), what: what.trim().to_owned() }
    }
}

/// Takes the mount away at once; who has files open in it learns that it is gone.
pub(super) fn unmount(folder: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mount::{UnmountFlags, unmount};
        match unmount(folder, UnmountFlags::DETACH) {
            Err(rustix::io::Errno::PERM) => {}
            // Somebody else was faster.
            Ok(()) | Err(rustix::io::Errno::INVAL) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    let mut last = io::Error::from(ErrorKind::NotFound);
    for helper in HELPERS {
        let mut command = Command::new(helper);
        command.args(["-u", "-z", "-q", "--"]).arg(folder);
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => return Err(io::Error::other(format!("{helper} ended with {status}"))),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Makes the kernel ask for more at once, which only root may do.
pub(super) fn read_ahead(folder: &Path) {
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else {
        return;
    };
    // "36 35 0:53 / /mnt ro,nosuid ..."; a path with spaces is escaped and goes without.
    let wanted = folder.to_string_lossy();
    let device = mounts.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let device = fields.next()?;
        (fields.nth(1)? == wanted).then_some(device)
    });
    if let Some(device) = device {
        fs::write(format!("/sys/class/bdi/{device}/read_ahead_kb"), READ_AHEAD_KIB).ok();
    }
}
