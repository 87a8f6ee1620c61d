//! Credentials: wrong ones are said to be wrong, and right ones go nowhere but to their store.

use anyhow::{Result, ensure};
use heirloom_engine::error::ErrorKind;
use heirloom_kit::servers::{Apache, Garage, Login, Nginx, all_stores};
use heirloom_kit::{Place, Proxy, ProxyFault, Times};

use crate::bad_input::{
    check_round_trip, dav_line, expect, fail_to_put, fail_to_read, s3_line, words,
};

const WRONG: &str = "not-the-password-5d1e";

fn check_refused(place: &Place) -> Result<()> {
    for error in [fail_to_read(place)?, fail_to_put(place)?] {
        expect(&error, ErrorKind::PermissionDenied)?;
        ensure!(!error.temporary, "it would be tried again and again: {}", words(&error));
        ensure!(!words(&error).contains(WRONG), "it is printed: {}", words(&error));
    }
    Ok(())
}

#[test]
fn a_wrong_webdav_password_is_refused_and_the_right_one_is_not() -> Result<()> {
    let (basic, digest) = (Apache::start(Login::Basic)?, Apache::start(Login::Digest)?);
    let nginx = Nginx::start(Login::Basic)?;
    for place in [basic.place("a"), digest.place("a"), nginx.place("a")] {
        check_round_trip(&place)?;
        check_refused(&place.variable("HEIRLOOM_STORE_PASSWORD", WRONG))?;
    }
    let stranger = Place::new(basic.place("a").address.replace("anna@", ""));
    check_refused(&stranger)
}

/// As AWS answers; the status of an expired token is 400.
fn s3_refusal(status: u16, code: &str) -> ProxyFault {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>The provided token is of no use.</Message><RequestId>0</RequestId></Error>"
    );
    ProxyFault::Answer {
        status,
        headers: vec![("content-type", "application/xml".to_owned())],
        body,
    }
}

#[test]
fn wrong_and_expired_s3_keys_are_refused_by_name() -> Result<()> {
    let line = s3_line()?;
    for (status, code) in [
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (403, "AccessDenied"),
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
    ] {
        line.proxy.heal();
        line.proxy.inject(s3_refusal(status, code), Times::Always, |_| true);
        for error in [fail_to_read(&line.place)?, fail_to_put(&line.place)?] {
            expect(&error, ErrorKind::PermissionDenied)?;
            ensure!(words(&error).contains(code), "which is it? {}", words(&error));
        }
    }
    Ok(())
}

#[test]
fn garage_refuses_a_wrong_key() -> Result<()> {
    if !all_stores() {
        return Ok(());
    }
    let garage = Garage::start()?;
    let place = garage.place("a");
    check_round_trip(&place)?;
    check_refused(&place.variable("AWS_SECRET_ACCESS_KEY", WRONG))
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        for status in [301, 302, 307, 308] {
            let thief = Proxy::alone()?;
            proxy.heal();
            let location = format!("http://{}/folder/packs/a", thief.address());
            proxy.inject(ProxyFault::redirect(status, location), Times::Always, |_| true);
            let hasty = place.clone().option("retries", "0");
            let errors = [fail_to_put(&hasty)?, fail_to_read(&hasty)?];
            let log = thief.log();
            ensure!(!log.iter().any(heirloom_kit::Exchange::has_credentials), "{status}: {log:?}");
            ensure!(log.iter().all(|asked| asked.sent_bytes == 0), "{status}: {log:?}");
            for error in errors {
                ensure!(error.kind != ErrorKind::NotFound, "{status}: {}", words(&error));
            }
        }
    }
    Ok(())
}

#[test]
fn a_webdav_login_goes_only_where_it_is_asked_for() -> Result<()> {
    let line = dav_line()?;
    check_round_trip(&line.place)?;
    ensure!(
        line.proxy.log().iter().any(heirloom_kit::Exchange::has_credentials),
        "nobody logged in"
    );
    let open = Place::new(line.place.address.replace("anna@", ""));
    line.proxy.forget_log();
    ensure!(fail_to_read(&open).is_ok(), "it let a stranger in");
    ensure!(
        !line.proxy.log().iter().any(heirloom_kit::Exchange::has_credentials),
        "whose were they?"
    );
    Ok(())
}
