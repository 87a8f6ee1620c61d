//! The WebDAV server that tears writes, and its habits.

use std::time::Duration;

use anyhow::{Result, ensure};
use heirloom_kit::{DavHabits, RawAnswer, TearingDav, raw_http};

fn ask(server: &TearingDav, method: &str, path: &str, body: &[u8]) -> Result<RawAnswer> {
    let depth: &[_] = if method == "PROPFIND" { &[("depth", "1")] } else { &[] };
    raw_http(server.address(), (method, path), depth, body)
}

#[test]
fn a_reader_sees_the_beginning_of_an_upload() -> Result<()> {
    let slow = DavHabits { piece_delay: Duration::from_millis(20), ..DavHabits::default() };
    let server = TearingDav::start(slow)?;
    let address = server.address();
    let upload =
        std::thread::spawn(move || raw_http(address, ("PUT", "/a"), &[], &vec![1; 2 << 20]));
    let mut partial = 0;
    while !upload.is_finished() {
        let seen = ask(&server, "GET", "/a", b"")?.body.len();
        partial += usize::from(0 < seen && seen < 2 << 20);
    }
    ensure!(upload.join().expect("no panic")?.status == 201, "the upload failed");
    ensure!(partial > 0, "nobody saw a part of the upload");
    ensure!(ask(&server, "GET", "/a", b"")?.body.len() == 2 << 20, "the object is not whole");
    Ok(())
}

#[test]
fn habits_are_those_that_were_asked_for() -> Result<()> {
    let server = TearingDav::start(DavHabits::default())?;
    ask(&server, "PUT", "/a", b"12345")?;
    let listing = ask(&server, "PROPFIND", "/", b"")?.text();
    ensure!(listing.contains("href>/a<"), "{listing}");
    server.habits().absolute_hrefs = true;
    let listing = ask(&server, "PROPFIND", "/", b"")?.text();
    ensure!(listing.contains(&format!("href>http://{}/a<", server.address())), "{listing}");
    server.habits().deletes_with_200 = true;
    ensure!(ask(&server, "DELETE", "/a", b"")?.status == 200, "not as asked");
    server.habits().locked_puts = 1;
    ensure!(ask(&server, "PUT", "/a", b"12345")?.status == 423, "not locked");
    server.habits().quota_bytes = Some(8);
    ensure!(ask(&server, "PUT", "/a", b"12345")?.status == 201, "locked twice");
    ensure!(ask(&server, "PUT", "/b", b"12345")?.status == 507, "there is no quota");
    server.habits().wants_password = true;
    ensure!(ask(&server, "GET", "/a", b"")?.status == 401, "everybody may read");
    // "anna:pa%ss-w0rd+7f3a9c1e"
    let login = [("authorization", "Basic YW5uYTpwYSVzcy13MHJkKzdmM2E5YzFl")];
    let known = raw_http(server.address(), ("GET", "/a"), &login, b"")?;
    ensure!(known.status == 200, "nobody may read: {known:?}");
    Ok(())
}
