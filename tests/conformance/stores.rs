//! Stores over the network keep the contract too, as they are opened by their addresses, on the servers that they meet.

use anyhow::Result;
use heirloom_kit::servers::{
    Apache, Garage, Login, Moto, Nginx, RcloneDav, Sshd, Wsgidav, all_stores,
};
use heirloom_kit::{DavHabits, Place, TearingDav, storage_conformance};

fn check(place: &Place) -> Result<()> {
    storage_conformance(|| Ok(place.open()?.storage))
}

#[test]
fn s3_on_moto_keeps_the_contract() -> Result<()> {
    check(&Moto::start()?.place("deep/folder"))
}

#[test]
fn webdav_on_apache_keeps_the_contract() -> Result<()> {
    check(&Apache::start(Login::Open)?.place("deep/folder"))
}

#[test]
fn webdav_on_apache_with_digests_keeps_the_contract() -> Result<()> {
    check(&Apache::start(Login::Digest)?.place("folder"))
}

#[test]
fn webdav_on_nginx_keeps_the_contract() -> Result<()> {
    check(&Nginx::start(Login::Basic)?.place("deep/folder"))
}

#[test]
fn webdav_on_a_server_that_tears_keeps_the_contract() -> Result<()> {
    check(&TearingDav::start(DavHabits::default())?.place("deep/folder"))
}

#[test]
fn webdav_on_a_server_with_odd_habits_keeps_the_contract() -> Result<()> {
    let odd = DavHabits {
        absolute_hrefs: true,
        deletes_with_200: true,
        locked_puts: 2,
        wants_password: true,
        ..DavHabits::default()
    };
    check(&TearingDav::start(odd)?.place(""))
}

#[test]
fn s3_on_garage_keeps_the_contract() -> Result<()> {
    if all_stores() { check(&Garage::start()?.place("deep/folder")) } else { Ok(()) }
}

#[test]
fn webdav_on_wsgidav_keeps_the_contract() -> Result<()> {
    if all_stores() { check(&Wsgidav::start()?.place("deep/folder")) } else { Ok(()) }
}

#[test]
fn webdav_on_rclone_keeps_the_contract() -> Result<()> {
    if all_stores() { check(&RcloneDav::start()?.place("deep/folder")) } else { Ok(()) }
}

#[test]
fn sftp_on_openssh_keeps_the_contract() -> Result<()> {
    if all_stores() { check(&Sshd::start()?.place("deep/folder")?) } else { Ok(()) }
}
