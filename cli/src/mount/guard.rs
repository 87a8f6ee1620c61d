//! A second process that unmounts when the first one dies without having done so.

use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::point;
use super::process::{self, Half};
use crate::exit::Exit;

/// The kernel notices a death late.
const LOOKS: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) enum Side {
    Guard(Watch),
    Program(Guard),
}

/// While somebody has this, nothing happens.
#[derive(Debug)]
pub(super) struct Guard {
    _pipe: PipeWriter,
}

/// Waits for the end of the other process.
pub(super) struct Watch(PipeReader);

impl Guard {
    pub(super) fn start() -> io::Result<Side> {
        let (reader, writer) = io::pipe()?;
        Ok(match process::split()? {
            Half::First(_) => Side::Program(Self { _pipe: writer }),
            Half::Second => {
                drop(writer);
                Side::Guard(Watch(reader))
            }
        })
    }
}

impl Watch {
    pub(super) fn run(mut self, folder: &Path) -> Exit {
        // Neither a Ctrl-C nor whoever waits for the output of the program is its business.
        if process::leave_terminal(false).is_err() {
            return Exit::Failed;
        }
        self.0.read_to_end(&mut Vec::new()).ok();
        for _ in 0..LOOKS {
            // A mount that answers is somebody else's.
            match rustix::fs::statvfs(folder) {
                Err(Errno::NOTCONN | Errno::CONNABORTED) => {
                    if point::unmount(folder).is_ok() {
                        return Exit::Success;
                    }
                }
                Ok(_) | Err(_) => return Exit::Success,
            }
            #[expect(clippy::disallowed_methods, reason = "it has nothing else to do")]
            thread::sleep(LOOK_EVERY);
        }
        Exit::Failed
    }
}
