//! The process of a plugin: how it is started, what it writes to standard error, how it is ended.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use crate::scrub::Scrubber;
use crate::settings::Watcher;
use crate::{PluginError, PluginSettings};

/// How long a plugin may take to end once nobody needs it, or once it has closed its standard output.
const END_TIME: Duration = Duration::from_secs(2);

/// How long what it wrote before its end may take to arrive.
const STDERR_TIME: Duration = Duration::from_millis(300);

/// Longer lines are cut into several.
const LINE_BYTES_MAX: usize = 4096;

/// Lines that are kept for the error that tells of its end.
const LAST_LINES: usize = 8;

/// More lines per second are not shown.
const LINES_PER_SECOND: u32 = 200;

/// A running plugin. Dropping it kills it and everything that it has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    pub(crate) speech: Arc<Speech>,
    listener: tokio::task::JoinHandle<()>,
}

/// The ends of the pipes.
pub(crate) type Pipes = (ChildStdin, ChildStdout);

impl Process {
    /// Starts the program itself, never a shell, with a small environment and nothing else of ours.
    pub(crate) fn start(
        settings: &PluginSettings,
        scrubber: &Scrubber,
    ) -> Result<(Self, Pipes), PluginError> {
        let failed = |source| {
            let plugin = settings.name.clone();
            PluginError::Start { plugin, source: Arc::new(source) }
        };
        let mut command = Command::new(&settings.program);
        command
            .env_clear()
            .envs(settings.child_environment()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        close_inherited(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let group = pid.and_then(Pid::from_raw);
        let speech = Arc::new(Speech::new(settings, scrubber.clone()));
        let listener = tokio::spawn(listen(stderr, Arc::clone(&speech)));
        Ok((Self { child, group, speech, listener }, (stdin, stdout)))
    }

    /// Waits for its end, for a while; then ends it. Gives what there is to say about that.
    pub(crate) async fn end(mut self) -> Ending {
        let status = timeout(END_TIME, self.child.wait()).await;
        timeout(STDERR_TIME, &mut self.listener).await.ok();
        let (said, killed) = match status {
            Ok(Ok(status)) => (status.to_string(), status.code().is_none()),
            Ok(Err(error)) => (error.to_string(), false),
            Err(_) => ("it closed its standard output and went on".to_owned(), false),
        };
        Ending { said, killed, lines: self.speech.last() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.listener.abort();
        // As long as its first process is not waited for, nobody else can get its number; afterwards what it started
        // keeps the number of the group.
        if let Some(group) = self.group {
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) said: String,
    /// By a signal.
    pub(crate) killed: bool,
    pub(crate) lines: Vec<String>,
}

/// Ours are closed anyway; those that whoever started us left open are not.
#[expect(
    unsafe_code,
    reason = "only the child itself can close its files before it becomes another program"
)]
fn close_inherited(command: &mut Command) {
    let numbers = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<RawFd>().ok();
    let open: Vec<RawFd> = fs::read_dir("/dev/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(numbers)
        .filter(|number| *number > 2)
        .collect();
    let close = move || {
        for number in &open {
            // SAFETY: the number is not -1. If it is closed by now, the call fails and nothing else happens.
            let file = unsafe { BorrowedFd::borrow_raw(*number) };
            fcntl_setfd(file, FdFlags::CLOEXEC).ok();
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(close) };
}

/// What a plugin says besides its answers.
#[derive(Debug)]
pub(crate) struct Speech {
    plugin: String,
    scrubber: Scrubber,
    watcher: Watching,
    heard: Mutex<Heard>,
}

struct Watching(Option<Watcher>);

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watching")
    }
}

#[derive(Debug)]
struct Heard {
    last: VecDeque<String>,
    second: Instant,
    lines: u32,
}

impl Speech {
    fn new(settings: &PluginSettings, scrubber: Scrubber) -> Self {
        Self {
            plugin: settings.name.clone(),
            scrubber,
            watcher: Watching(settings.watcher.clone()),
            heard: Mutex::new(Heard { last: VecDeque::new(), second: Instant::now(), lines: 0 }),
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of standard error, or a LOG.
    pub(crate) fn hear(&self, level: &str, bytes: &[u8]) {
        let line = self.scrubber.clean(bytes);
        if line.is_empty() {
            return;
        }
        let mut heard = self.heard();
        heard.last.push_back(line.clone());
        if heard.last.len() > LAST_LINES {
            heard.last.pop_front();
        }
        if heard.second.elapsed() >= Duration::from_secs(1) {
            heard.second = Instant::now();
            heard.lines = 0;
        }
        heard.lines = heard.lines.saturating_add(1);
        let shown = heard.lines <= LINES_PER_SECOND;
        drop(heard);
        if shown {
            self.show(level, &line);
        }
    }

    fn show(&self, level: &str, line: &str) {
        let plugin = &self.plugin;
        match level {
            "error" => tracing::error!(target: "heirloom::plugin", "{plugin}: {line}"),
            "warn" => tracing::warn!(target: "heirloom::plugin", "{plugin}: {line}"),
            "debug" => tracing::debug!(target: "heirloom::plugin", "{plugin}: {line}"),
            _ => tracing::info!(target: "heirloom::plugin", "{plugin}: {line}"),
        }
        if let Some(watcher) = &self.watcher.0 {
            watcher(&format!("{plugin}: {line}"));
        }
    }

    fn last(&self) -> Vec<String> {
        self.heard().last.iter().cloned().collect()
    }
}

/// Reads standard error until its end, line by line, and never more than a line at once.
async fn listen(mut stderr: ChildStderr, speech: Arc<Speech>) {
    let mut line = Vec::new();
    let mut buffer = vec![0; LINE_BYTES_MAX];
    while let Ok(read) = stderr.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        for byte in bytes {
            if *byte == b'\n' || line.len() >= LINE_BYTES_MAX {
                speech.hear("info", &line);
                line.clear();
            }
            if *byte != b'\n' {
                line.push(*byte);
            }
        }
    }
    speech.hear("info", &line);
}
