//! The same tree by WebDAV: read by whoever knows the token, written by nobody.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::raw_http;
use rustix::process::Signal;

use crate::stage::{Program, Stage, run};

struct Served {
    stage: Stage,
    program: Program,
    server: SocketAddr,
    token: String,
}

impl Served {
    fn new() -> Result<Self> {
        let stage = Stage::new()?;
        stage.fill(3, 800_000)?;
        fs::write(stage.source().join("a <b> & c"), "name")?;
        std::os::unix::fs::symlink("file0", stage.source().join("link"))?;
        stage.back_up()?;
        let program = stage.start(&["serve", "webdav"])?;
        let address = program.said.trim().strip_prefix("http://").context("an address")?;
        let (server, token) = address.split_once('/').context("a path")?;
        let (server, token) = (server.parse()?, token.trim_end_matches('/').to_owned());
        Ok(Self { stage, program, server, token })
    }

    /// The path of a file of the source.
    fn path(&self, name: &str) -> Result<String> {
        let source = fs::canonicalize(self.stage.source())?;
        Ok(format!("/{}/latest{}/{name}", self.token, source.display()))
    }
}

#[test]
fn files_and_parts_of_them_are_read() -> Result<()> {
    let served = Served::new()?;
    let plain = fs::read(served.stage.source().join("file1"))?;
    let path = served.path("file1")?;
    let whole = raw_http(served.server, ("GET", &path), &[], b"")?;
    ensure!(whole.status == 200 && whole.complete && whole.body == plain);
    ensure!(whole.header("x-content-type-options") == Some("nosniff"));
    for (range, part) in [("bytes=100-199", &plain[100..200]), ("bytes=-5", &plain[799_995..])] {
        let answer = raw_http(served.server, ("GET", &path), &[("range", range)], b"")?;
        ensure!(answer.status == 206 && answer.body == part, "{range}: {}", answer.status);
    }
    let beyond = raw_http(served.server, ("GET", &path), &[("range", "bytes=900000-")], b"")?;
    ensure!(beyond.status == 416, "{}", beyond.status);
    Ok(())
}

#[test]
fn rclone_finds_the_source() -> Result<()> {
    let served = Served::new()?;
    fs::remove_file(served.stage.source().join("link"))?;
    let remote = format!(":webdav,url='http://{}{}':", served.server, served.path("")?);
    run(Command::new("rclone")
        .args(["check", "--download", &remote])
        .arg(served.stage.source())
        .env("RCLONE_CONFIG", "/dev/null"))?;
    Ok(())
}

#[test]
fn nobody_can_write() -> Result<()> {
    let served = Served::new()?;
    let path = served.path("file1")?;
    for method in ["PUT", "DELETE", "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK", "POST", "PATCH"] {
        let answer = raw_http(served.server, (method, &path), &[("destination", "/x")], b"x")?;
        ensure!([405, 501].contains(&answer.status), "{method}: {}", answer.status);
    }
    Ok(())
}

#[test]
fn nobody_comes_in_without_the_token_or_under_another_name() -> Result<()> {
    let served = Served::new()?;
    let path = served.path("file1")?;
    let guessed = path.replace(&served.token, &"0".repeat(32));
    for path in ["/", "/latest/", &guessed] {
        let answer = raw_http(served.server, ("GET", path), &[], b"")?;
        ensure!(answer.status == 404, "{path}: {}", answer.status);
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", ""] {
        let mut connection = TcpStream::connect(served.server)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
    }
    Ok(())
}

#[test]
fn only_this_machine_is_let_in_and_an_interrupt_ends_it() -> Result<()> {
    let mut served = Served::new()?;
    ensure!(served.server.ip().is_loopback());
    let said = served.stage.fails(2, &["serve", "webdav", "--listen", "0.0.0.0:0"])?;
    ensure!(said.contains("--allow-remote"), "{said}");
    let taken = served.server.to_string();
    let said = served.stage.fails(1, &["serve", "webdav", "--listen", &taken])?;
    ensure!(said.contains(&taken) && said.contains("--listen"), "{said}");
    served.program.signal(Signal::TERM)?;
    ensure!(served.program.end()?.success());
    Ok(())
}
