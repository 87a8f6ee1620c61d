//! A second process of this program, while it has one thread.

use std::io;

use nix::unistd::{ForkResult, Pid};
use rustix::fs::{Mode, OFlags};

/// Which of the two this is; the first knows the second.
pub(super) enum Half {
    First(Pid),
    Second,
}

pub(super) fn split() -> io::Result<Half> {
    #[expect(
        unsafe_code,
        reason = "a passphrase that was taken from the environment cannot be handed on otherwise"
    )]
    // SAFETY: called before there is a second thread, so that no lock is held and nothing is half done.
    let halves = unsafe { nix::unistd::fork() }?;
    Ok(match halves {
        ForkResult::Parent { child } => Half::First(child),
        ForkResult::Child => Half::Second,
    })
}

/// Lets go of the terminal and of the current folder. A standard error that is a file is kept, for warnings.
pub(super) fn leave_terminal(keep_errors: bool) -> io::Result<()> {
    // Fails for the leader of a group, which has left already.
    rustix::process::setsid().ok();
    rustix::process::chdir("/")?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    if !keep_errors {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}

/// Whether standard error goes into a file.
pub(super) fn has_error_file() -> bool {
    let stat = rustix::fs::fstat(rustix::stdio::stderr());
    stat.is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file())
}
