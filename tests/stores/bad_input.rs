//! Lines that break, servers that are down, slow or full: what can be repeated is repeated, and the rest is said clearly.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_kit::servers::Moto;
use heirloom_kit::{DavHabits, Place, Proxy, ProxyFault, TearingDav, Times, block_on};

/// A server with a proxy before it, and the store as it is reached through the proxy.
pub(crate) struct Line<S> {
    pub(crate) server: S,
    pub(crate) proxy: Proxy,
    pub(crate) place: Place,
}

pub(crate) fn s3_line() -> Result<Line<Moto>> {
    let server = Moto::start()?;
    let proxy = Proxy::before(server.address())?;
    let place = Moto::place_at(proxy.address(), "folder");
    Ok(Line { server, proxy, place })
}

pub(crate) fn dav_line() -> Result<Line<TearingDav>> {
    let habits = DavHabits { wants_password: true, ..DavHabits::default() };
    let server = TearingDav::start(habits)?;
    let proxy = Proxy::before(server.address())?;
    let place = server.place_at(proxy.address(), "folder");
    Ok(Line { server, proxy, place })
}

/// What an error says, with everything below it.
pub(crate) fn words(error: &StorageError) -> String {
    let mut words = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        words = format!("{words}: {source}");
        next = source.source();
    }
    words
}

pub(crate) fn object() -> Bytes {
    (0..300_000_u32).map(|n| u8::try_from(n % 251).expect("below 251")).collect::<Vec<_>>().into()
}

/// Puts, reads and lists one object; all of it must be right.
pub(crate) fn check_round_trip(place: &Place) -> Result<()> {
    block_on(async {
        let store = place.open()?.storage;
        let explain = |error: StorageError| anyhow::anyhow!("{}", words(&error));
        store.put("packs/a", object()).await.map_err(explain)?;
        ensure!(store.read("packs/a", None).await.map_err(explain)? == object(), "other bytes");
        let part = store.read("packs/a", Some(1000..2000)).await.map_err(explain)?;
        ensure!(part == object().slice(1000..2000), "another part");
        let listed: Vec<_> = store.list("packs/").try_collect().await.map_err(explain)?;
        ensure!(listed.len() == 1 && listed[0].size == 300_000, "{listed:?}");
        store.delete("packs/a").await.map_err(explain)
    })
}

/// Puts an object, which must fail.
pub(crate) fn fail_to_put(place: &Place) -> Result<StorageError> {
    block_on(async {
        let store = place.open()?.storage;
        store.put("packs/a", object()).await.err().context("the put succeeded")
    })
}

/// Reads an object, which must fail.
pub(crate) fn fail_to_read(place: &Place) -> Result<StorageError> {
    block_on(async {
        let store = place.open()?.storage;
        store.read("packs/a", None).await.err().context("the read succeeded")
    })
}

pub(crate) fn expect(error: &StorageError, kind: ErrorKind) -> Result<()> {
    ensure!(error.kind == kind, "expected {kind:?}, got {:?}: {}", error.kind, words(error));
    ensure!(error.object == "packs/a", "another object: {error}");
    Ok(())
}

#[test]
fn a_closed_port_is_a_store_that_cannot_be_reached() -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let dav = Place::new(format!("webdav+http://{nobody}/folder"));
    for place in [Moto::place_at(nobody, "folder"), dav] {
        let place = place.option("retries", "1");
        expect(&fail_to_put(&place)?, ErrorKind::Unreachable)?;
        expect(&fail_to_read(&place)?, ErrorKind::Unreachable)?;
    }
    Ok(())
}

/// Each fault strikes every request's first attempt; with the usual retries nothing is noticed.
fn check_that_it_passes(place: &Place, proxy: &Proxy, fault: &ProxyFault) -> Result<()> {
    proxy.heal();
    proxy.forget_log();
    proxy.inject(fault.clone(), Times::First(1), |asked| asked.method == "PUT");
    proxy.inject(fault.clone(), Times::First(2), |asked| asked.method == "GET");
    check_round_trip(place).with_context(|| format!("{fault:?}"))?;
    let puts = proxy.count(|asked| asked.method == "PUT");
    ensure!(puts >= 2, "{fault:?}: {puts} puts; was it repeated?");
    Ok(())
}

fn passing_faults() -> [ProxyFault; 6] {
    [
        ProxyFault::CutRequest { after: 100_000 },
        ProxyFault::LoseAnswer,
        ProxyFault::status(500),
        ProxyFault::status(503),
        ProxyFault::status(502),
        ProxyFault::slow_down(1),
    ]
}

#[test]
fn an_s3_store_that_falters_is_asked_again() -> Result<()> {
    let line = s3_line()?;
    passing_faults().iter().try_for_each(|f| check_that_it_passes(&line.place, &line.proxy, f))
}

#[test]
fn a_webdav_store_that_falters_is_asked_again() -> Result<()> {
    let line = dav_line()?;
    passing_faults().iter().try_for_each(|f| check_that_it_passes(&line.place, &line.proxy, f))
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        let cut = ProxyFault::CutAnswer { after: 500 };
        proxy.inject(cut, Times::First(2), |asked| asked.method == "GET");
        check_round_trip(place)?;
    }
    Ok(())
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() -> Result<()> {
    let line = s3_line()?;
    line.proxy.inject(ProxyFault::slow_down(3), Times::First(1), |asked| asked.method == "PUT");
    let started = Instant::now();
    check_round_trip(&line.place)?;
    ensure!(
        started.elapsed() >= Duration::from_secs(3),
        "asked again after {:?}",
        started.elapsed()
    );
    Ok(())
}

#[test]
fn a_long_storm_is_reported_with_what_the_server_says() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        proxy.inject(ProxyFault::status(503), Times::Always, |_| true);
        let error = fail_to_put(&place.clone().option("retries", "2"))?;
        expect(&error, ErrorKind::Unreachable)?;
        ensure!(words(&error).contains("503"), "nobody learns why: {}", words(&error));
        let asked = proxy.count(|_| true);
        ensure!(asked == 3, "{asked} requests for one attempt and two more");
    }
    Ok(())
}

#[test]
fn a_line_that_always_breaks_is_a_store_that_cannot_be_reached() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        let cut = ProxyFault::CutRequest { after: 1000 };
        proxy.inject(cut, Times::Always, |asked| asked.method == "PUT");
        let error = fail_to_put(&place.clone().option("retries", "1"))?;
        expect(&error, ErrorKind::Unreachable)?;
    }
    ensure!(s3.server.ask("GET", "folder/packs/a", b"")?.status == 404, "it got there");
    ensure!(!dav.server.files().join("folder/packs/a").exists(), "it got there");
    Ok(())
}

#[test]
fn a_server_that_never_answers_is_named_with_the_object() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy, kind) in [(&s3.place, &s3.proxy, "s3"), (&dav.place, &dav.proxy, "webdav")] {
        block_on(async { place.open()?.storage.put("packs/a", object()).await.context("put") })?;
        let hasty = place.clone().option("retries", "0").option("timeout", "1");
        for fault in [ProxyFault::Stall, ProxyFault::StallAnswer { after: 500 }] {
            proxy.heal();
            proxy.inject(fault.clone(), Times::Always, |_| true);
            let started = Instant::now();
            let error = fail_to_read(&hasty).with_context(|| format!("{fault:?}"))?;
            expect(&error, ErrorKind::Unreachable)?;
            let words = words(&error);
            // Its kind, or where it is, depending on who lost patience first.
            let host = proxy.address().to_string();
            let is_named = words.contains(kind) || words.contains(&host);
            ensure!(is_named && words.contains("packs/a"), "{fault:?}: {words}");
            let waited = started.elapsed();
            ensure!(waited < Duration::from_secs(20), "{fault:?}: {waited:?} for 1 s of patience");
        }
    }
    Ok(())
}

#[test]
fn a_bucket_that_is_not_there_is_not_an_empty_repository() -> Result<()> {
    let line = s3_line()?;
    let address = line.place.address.replace("heirloom-tests", "no-such-bucket");
    let place = Place { address, ..line.place.clone() };
    for error in [fail_to_read(&place)?, fail_to_put(&place)?] {
        expect(&error, ErrorKind::Configuration)?;
        ensure!(
            words(&error).contains("bucket"),
            "nobody learns what is missing: {}",
            words(&error)
        );
    }
    Ok(())
}

#[test]
fn a_repository_may_lie_at_the_top_of_a_bucket() -> Result<()> {
    let moto = Moto::start()?;
    check_round_trip(&moto.place(""))?;
    check_round_trip(&moto.place("folder/"))
}

#[test]
fn a_folder_that_is_not_there_is_made() -> Result<()> {
    let server = TearingDav::start(DavHabits::default())?;
    let place = server.place("not/there/yet");
    expect(&fail_to_read(&place)?, ErrorKind::NotFound)?;
    check_round_trip(&place)
}

#[test]
fn a_full_store_is_full_and_is_not_asked_again() -> Result<()> {
    let server =
        TearingDav::start(DavHabits { quota_bytes: Some(100_000), ..DavHabits::default() })?;
    let proxy = Proxy::before(server.address())?;
    let place = server.place_at(proxy.address(), "folder");
    expect(&fail_to_put(&place)?, ErrorKind::NoSpace)?;
    let refused = proxy.count(|asked| asked.status == Some(507));
    ensure!(refused == 1, "it was asked {refused} times");
    Ok(())
}
