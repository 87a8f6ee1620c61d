//! Going on in the background: the first process waits until the second has mounted, and hands its exit code on.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};

use nix::unistd::Pid;
use rustix::process::{WaitOptions, waitpid};

use super::process::{self, Half};
use crate::exit::Exit;

pub(super) enum Side {
    Front(Waits),
    Back(Ready),
}

/// Still in the terminal.
pub(super) struct Waits {
    pipe: PipeReader,
    other: Pid,
}

/// To be told that the snapshots are there.
pub(super) struct Ready(PipeWriter);

pub(super) fn start() -> io::Result<Side> {
    let (reader, writer) = io::pipe()?;
    Ok(match process::split()? {
        Half::First(other) => Side::Front(Waits { pipe: reader, other }),
        Half::Second => Side::Back(Ready(writer)),
    })
}

impl Waits {
    pub(super) fn run(mut self) -> io::Result<Exit> {
        if self.pipe.read_exact(&mut [0]).is_ok() {
            return Ok(Exit::Success);
        }
        let other = rustix::process::Pid::from_raw(self.other.as_raw());
        let ended = waitpid(other, WaitOptions::empty())?;
        let code = ended.and_then(|(_, status)| status.exit_status());
        let exit = Exit::ALL.into_iter().find(|exit| Some(i32::from(exit.code())) == code);
        Ok(exit.unwrap_or(Exit::Failed))
    }
}

impl Ready {
    /// From now on nobody sees what is said, unless standard error is a file.
    pub(super) fn detach(mut self) -> io::Result<()> {
        process::leave_terminal(process::has_error_file())?;
        self.0.write_all(b"r")
    }
}
