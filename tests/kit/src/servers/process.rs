//! A server's process: started, awaited, and gone with the test, however that ends.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// Python programs read thousands of files before they listen, on a busy machine slowly.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// Another program may take the port between our looking and the server's binding.
const START_ATTEMPTS: usize = 4;

/// Holds a pipe for as long as the test lives. When that ends, killed or not, so does the whole process group.
const GUARDED: &str = r#"exec 3<&0 </dev/null
(cat <&3 >/dev/null 2>&1; kill -KILL 0) &
exec 3<&-
exec "$@""#;

/// A running server.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts a server on a free port, and waits until it takes connections. `command` gets the port.
    pub(super) fn start(
        log: &Path,
        mut command: impl FnMut(u16) -> Result<Command>,
    ) -> Result<Self> {
        let mut last = None;
        for _ in 0..START_ATTEMPTS {
            let port = free_port()?;
            let mut process = Self::spawn(log, port, &command(port)?)?;
            match process.wait_until_ready() {
                Ok(()) => return Ok(process),
                Err(error) => last = Some(error),
            }
        }
        let shown = fs::read_to_string(log).unwrap_or_default();
        Err(last.context("no attempt was made")?).with_context(|| format!("its log:\n{shown}"))
    }

    fn spawn(log: &Path, port: u16, command: &Command) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let mut guarded = Command::new("sh");
        guarded.arg("-c").arg(GUARDED).arg("guard").arg(command.get_program());
        guarded.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        guarded.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let child = guarded.spawn().with_context(|| format!("start {command:?}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { child, address, log: log.to_owned() })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                // Who answers may be another program that took the port; then ours ends by itself, soon.
                thread::sleep(Duration::from_millis(50));
                if self.child.try_wait()?.is_none() {
                    return Ok(());
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the server does not listen after {START_PATIENCE:?}")
    }

    /// What it wrote so far, for a message.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may be gone already, which is what we want.
            let _ended = kill_process_group(group, Signal::KILL);
        }
        let _status = self.child.wait();
    }
}

/// A port that nobody listened on a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A program, also where only root's path leads; an error says which package has it.
#[expect(clippy::disallowed_methods, reason = "a suite has no command line of its own")]
pub(super) fn find_program(name: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = env::var_os("HEIRLOOM_TEST_SERVERS").map(PathBuf::from);
    let folders = own.into_iter().chain(env::split_paths(&path));
    let folders = folders.chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("{name} is missing; install {package}, or run tests/run.sh"))
}

/// The programs of the Python packages that tests/run.sh installs, else whatever the path leads to.
pub(super) fn find_python_program(name: &str) -> Result<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the folder of tests")?;
    let own = tests.join("servers/.venv/bin").join(name);
    if own.is_file() { Ok(own) } else { find_program(name, "tests/servers/requirements.txt") }
}

/// Runs a helper to its end; its words are the error.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{command:?}: {}\n{words}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
