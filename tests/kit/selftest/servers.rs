//! The real servers start, hold what they are given, know their user, and are gone when they are dropped.

use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, ensure};
use heirloom_kit::raw_http;
use heirloom_kit::servers::{
    Apache, Garage, Login, Moto, Nginx, RcloneDav, Sshd, Wsgidav, all_stores,
};

/// "anna:pa%ss-w0rd+7f3a9c1e"
const BASIC: (&str, &str) = ("authorization", "Basic YW5uYTpwYSVzcy13MHJkKzdmM2E5YzFl");

fn put_and_get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<()> {
    let put = raw_http(server, ("PUT", path), headers, b"some bytes")?;
    ensure!(matches!(put.status, 200 | 201), "put: {put:?}");
    let got = raw_http(server, ("GET", path), headers, b"")?;
    ensure!(got.status == 200 && got.body == b"some bytes", "get: {got:?}");
    Ok(())
}

#[test]
fn moto_holds_objects_and_ends() -> Result<()> {
    let moto = Moto::start()?;
    let address = moto.address();
    ensure!(moto.ask("PUT", "a/b", b"some bytes")?.status == 200, "it takes no object");
    ensure!(moto.ask("GET", "a/b", b"")?.body == b"some bytes", "it lost the object");
    drop(moto);
    ensure!(TcpStream::connect(address).is_err(), "it is still there");
    Ok(())
}

#[test]
fn apache_holds_files_and_asks_for_passwords() -> Result<()> {
    let open = Apache::start(Login::Open)?;
    put_and_get(open.address(), "/dav/a", &[])?;
    ensure!(open.files().join("a").is_file(), "the file lies elsewhere");
    let basic = Apache::start(Login::Basic)?;
    put_and_get(basic.address(), "/dav/a", &[BASIC])?;
    ensure!(raw_http(basic.address(), ("GET", "/dav/a"), &[], b"")?.status == 401, "it is open");
    let digest = Apache::start(Login::Digest)?;
    let refused = raw_http(digest.address(), ("GET", "/dav/a"), &[BASIC], b"")?;
    let question = refused.header("www-authenticate").unwrap_or_default();
    ensure!(refused.status == 401 && question.starts_with("Digest"), "{refused:?}");
    Ok(())
}

#[test]
fn nginx_holds_files_and_asks_for_passwords() -> Result<()> {
    let open = Nginx::start(Login::Open)?;
    put_and_get(open.address(), "/a/b", &[])?;
    ensure!(open.files().join("a/b").is_file(), "the file lies elsewhere");
    let listing = raw_http(open.address(), ("PROPFIND", "/a/"), &[("depth", "1")], b"")?;
    ensure!(listing.status == 207 && listing.text().contains("/a/b"), "{listing:?}");
    let basic = Nginx::start(Login::Basic)?;
    put_and_get(basic.address(), "/a", &[BASIC])?;
    ensure!(raw_http(basic.address(), ("GET", "/a"), &[], b"")?.status == 401, "it is open");
    Ok(())
}

#[test]
fn the_servers_behind_the_switch_start() -> Result<()> {
    if !all_stores() {
        return Ok(());
    }
    put_and_get(RcloneDav::start()?.address(), "/a", &[BASIC])?;
    ensure!(!Wsgidav::start()?.place("x").address.is_empty(), "no address");
    let garage = Garage::start()?;
    let refused = raw_http(garage.address(), ("GET", "/heirloom-tests/a"), &[], b"")?;
    ensure!(refused.status == 403, "{refused:?}");
    ensure!(Sshd::start()?.place("x")?.address.starts_with("sftp://"), "no address");
    Ok(())
}
