//! A repository with two snapshots of a folder that has everything, and the program that shows it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::{RawAnswer, raw_http, scratch_folder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::samples;

/// A name that would be a script if anybody took it for HTML.
pub(crate) const HOSTILE: &str =
    "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'<.txt";
/// Names that are hard to carry in an address or a header.
pub(crate) const ODD: &[&[u8]] = &[
    b"not \xff\xfe text",
    b"new\nline and \"quotes\".txt",
    b"100% ?x=1&y=2#z;.txt",
    b"back\\slash",
    "\u{4f60}\u{597d} Gr\u{fc}\u{df}e.txt".as_bytes(),
];
/// Files of the folder `many`.
pub(crate) const MANY: usize = 600;

/// A repository, and what was backed up into it.
pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) source: PathBuf,
    /// Ids of the snapshots, oldest first.
    pub(crate) snapshots: Vec<String>,
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let mut stage = Self::empty()?;
        stage.fill()?;
        stage.snapshot(&["--tag", "first", "--label", "home"])?;
        fs::write(stage.source.join("documents/notes.txt"), "changed\n")?;
        fs::remove_file(stage.source.join("documents/old.txt"))?;
        fs::write(stage.source.join("documents/new.txt"), "new\n")?;
        stage.snapshot(&["--label", "home"])?;
        Ok(stage)
    }

    /// Without a snapshot, and with nothing to back up.
    pub(crate) fn empty() -> Result<Self> {
        let folder = scratch_folder()?;
        let source = folder.path().join("source");
        fs::create_dir(&source)?;
        let stage = Self { folder, source, snapshots: Vec::new() };
        // Opens faster than a passphrase, which takes a second on purpose.
        let (secret, recipient) = generate_identity();
        fs::write(stage.path("identity"), secret.expose_secret())?;
        stage.run(&["init", "--recovery-key", "none", "--recipient", &recipient])?;
        Ok(stage)
    }

    fn fill(&self) -> Result<()> {
        for folder in ["pictures", "documents", "many", "odd"] {
            fs::create_dir_all(self.source.join(folder))?;
        }
        let put = |name: &str, bytes: &[u8]| fs::write(self.source.join(name), bytes);
        for number in 0..6_u8 {
            let path = self.source.join(format!("pictures/photo {number}.jpg"));
            samples::picture(&path, (900, 600), number)?;
        }
        put("pictures/broken.jpg", b"\xff\xd8\xff\xe0 and no more")?;
        put("video.mp4", &samples::video())?;
        put("documents/notes.txt", "Line one\nand \u{e4}\tmore\n".repeat(300).as_bytes())?;
        put("documents/old.txt", b"old\n")?;
        put(
            "documents/page.html",
            b"<!DOCTYPE html><html><script>document.title='hacked'</script>",
        )?;
        put("documents/drawing.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>document.title='hacked'</script></svg>")?;
        put("documents/empty", b"")?;
        put("documents/binary", &[0, 1, 2, 255])?;
        std::os::unix::fs::symlink("notes.txt", self.source.join("documents/link"))?;
        for number in 0..MANY {
            put(&format!("many/file {number:04}"), b"x")?;
        }
        fs::write(self.source.join("odd").join(HOSTILE.replace('/', "")), b"hostile")?;
        for name in ODD {
            fs::write(self.source.join("odd").join(OsStr::from_bytes(name)), name)?;
        }
        fs::write(self.source.join("odd").join("l".repeat(255)), b"long")?;
        Ok(())
    }

    pub(crate) fn snapshot(&mut self, flags: &[&str]) -> Result<()> {
        let source = self.source.to_string_lossy().into_owned();
        let told = self.run(&[&["snapshot", "--json", &source], flags].concat())?;
        let last = told.lines().last().context("a summary")?;
        let id = serde_json::from_str::<Value>(last)?["snapshot"].as_str().map(str::to_owned);
        self.snapshots.push(id.context("a snapshot")?);
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        // The test lies in `deps`, beside what the workspace's programs are built into.
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null());
        command
            .env("HEIRLOOM_REPOSITORY", self.path("repository"))
            .env("HEIRLOOM_CACHE_DIR", self.path("cache"))
            .env("HEIRLOOM_IDENTITY_FILE", self.path("identity"));
        Ok(command)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {}\n{errors}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts the page.
    pub(crate) fn browse(&self, arguments: &[&str]) -> Result<Browse> {
        let mut command = self.command(&[&["browse"], arguments].concat())?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut url)?;
        let url = url.trim().to_owned();
        let rest = url.strip_prefix("http://").context("an address")?;
        let (address, _) = rest.split_once('/').context("an address")?;
        Ok(Browse { child, address: address.parse()?, url: url.clone() })
    }

    /// The address of what lies at a path of the source, in a snapshot by its number.
    pub(crate) fn link(&self, verb: &str, snapshot: usize, path: impl AsRef<Path>) -> String {
        let mut link = format!("{verb}/{}", self.snapshots[snapshot]);
        for byte in self.source.join(path).as_os_str().as_bytes() {
            match byte {
                b'/' => link.push('/'),
                byte => write!(link, "%{byte:02X}").expect("a String takes it"),
            }
        }
        link
    }
}

/// The program, listening. Killed when dropped.
pub(crate) struct Browse {
    child: Child,
    pub(crate) address: SocketAddr,
    /// With the token.
    pub(crate) url: String,
}

impl Browse {
    pub(crate) fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Result<RawAnswer> {
        raw_http(self.address, ("GET", path), headers, b"")
    }

    /// The path with the token.
    pub(crate) fn entrance(&self) -> &str {
        self.url.find("/?").map_or("/", |at| &self.url[at..])
    }

    /// Exchanges the token.
    pub(crate) fn enter(&self) -> Result<Session<'_>> {
        let answer = self.ask(self.entrance(), &[])?;
        ensure!(answer.status == 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").context("a cookie")?;
        let (pair, rest) = cookie.split_once("; ").context("a pair")?;
        let base =
            rest.split("; ").find_map(|part| part.strip_prefix("Path=")).context("a path")?;
        ensure!(rest.contains("HttpOnly") && rest.contains("SameSite=Strict"), "{cookie}");
        Ok(Session { browse: self, cookie: pair.to_owned(), base: base.to_owned() })
    }

    /// Presses Ctrl-C; gives the exit code.
    pub(crate) fn interrupt(&mut self) -> Result<i32> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("an id")?;
        kill_process(id, Signal::INT)?;
        let pressed = Instant::now();
        while pressed.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait()? {
                return status.code().context("it was killed");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("it goes on after Ctrl-C")
    }
}

impl Drop for Browse {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A browser that was let in.
pub(crate) struct Session<'b> {
    pub(crate) browse: &'b Browse,
    pub(crate) cookie: String,
    pub(crate) base: String,
}

impl Session<'_> {
    pub(crate) fn ask(&self, link: &str, headers: &[(&str, &str)]) -> Result<RawAnswer> {
        let path = format!("{}{link}", self.base);
        self.browse.ask(&path, &[&[("cookie", self.cookie.as_str())], headers].concat())
    }

    /// What must be there.
    pub(crate) fn get(&self, link: &str) -> Result<RawAnswer> {
        let answer = self.ask(link, &[])?;
        ensure!(answer.status == 200, "{link}: {} {}", answer.status, answer.text());
        Ok(answer)
    }
}
