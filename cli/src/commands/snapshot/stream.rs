//! Standard input, or what a command prints, as the one file of a snapshot.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use heirloom_engine::backup::source::Source;
use heirloom_engine::backup::stdin::{StreamMetadata, StreamSource};
use heirloom_engine::clock::Clock as _;

use crate::failure::{Failure, InputFailure, Usage};
use crate::system::SystemClock;

/// The source, and the absolute path of its file.
pub(super) fn source(
    path: &Path,
    command: Option<&[OsString]>,
) -> Result<(Box<dyn Source>, PathBuf), Failure> {
    let reader: Box<dyn Read + Send> = match command {
        None => Box::new(io::stdin()),
        Some(command) => Box::new(CommandOutput::start(command)?),
    };
    let metadata = StreamMetadata {
        mtime_ns: SystemClock.now_ns(),
        mode: 0o600,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
    };
    let path = Path::new("/").join(path);
    let source =
        StreamSource::new(&path, reader, metadata).or(Err(Failure::Usage(Usage::StdinFilename)))?;
    Ok((Box::new(source), path))
}

/// What a command prints. Its failure is an error at the end of what it printed, so that half a dump is not kept.
#[derive(Debug)]
struct CommandOutput {
    program: PathBuf,
    child: Child,
    output: ChildStdout,
}

impl CommandOutput {
    fn start(words: &[OsString]) -> Result<Self, Failure> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::Usage(Usage::NothingToBackUp));
        };
        let program = PathBuf::from(program);
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::inherit()).stdout(Stdio::piped());
        let failure =
            |source| Failure::Input(InputFailure::Command { program: program.clone(), source });
        let mut child = command.spawn().map_err(failure)?;
        let Some(output) = child.stdout.take() else {
            return Err(failure(io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Self { program, child, output })
    }
}

impl Read for CommandOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let status = self.child.wait()?;
        if status.success() {
            return Ok(0);
        }
        let program = self.program.display();
        Err(io::Error::other(format!("the command {program} failed ({status})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(words: &[&str]) -> io::Result<Vec<u8>> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut output = CommandOutput::start(&words).expect("it starts");
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn a_command_that_fails_spoils_its_output() {
        assert_eq!(output(&["printf", "abc"]).expect("it succeeds"), b"abc");
        let error = output(&["sh", "-c", "printf abc; exit 3"]).expect_err("it fails");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_command_that_does_not_exist_is_named() {
        let words = [OsString::from("/nowhere/at/all")];
        assert!(matches!(
            CommandOutput::start(&words),
            Err(Failure::Input(InputFailure::Command { .. }))
        ));
    }
}
