//! No credential is in any error or log line, however a store fails.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_kit::servers::{Apache, Login};
use heirloom_kit::{Place, Proxy, ProxyFault, Times, block_on};

use crate::bad_input::{dav_line, s3_line, words};

/// What the secrets of the kit's servers look like, in part and in their usual encodings.
const NEEDLES: [&str; 6] = [
    "7f3a9c1e",
    "pa%ss",
    "pa%25ss",
    "YW5uYTpwYSVzcy13MHJkKzdmM2E5YzFl",
    "0123456789abcdefghijkl",
    "s3cr3t",
];

pub(crate) fn search(text: &str, place: &str) -> Result<()> {
    for needle in NEEDLES {
        let found = text.lines().find(|line| line.contains(needle));
        ensure!(found.is_none(), "{place} has {needle}: {found:?}");
    }
    Ok(())
}

/// Everything that is logged in this process from here on.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can go wrong with any request.
fn faults(elsewhere: &Proxy) -> Vec<ProxyFault> {
    let location = format!("http://{}/elsewhere", elsewhere.address());
    vec![
        ProxyFault::status(400),
        ProxyFault::status(401),
        ProxyFault::status(403),
        ProxyFault::status(404),
        ProxyFault::status(409),
        ProxyFault::status(503),
        ProxyFault::status(507),
        ProxyFault::redirect(302, location.clone()),
        ProxyFault::redirect(307, location),
        ProxyFault::LoseAnswer,
        ProxyFault::CutRequest { after: 0 },
        ProxyFault::CutAnswer { after: 3 },
        ProxyFault::WrongLength { announce: 500_000 },
        ProxyFault::Stall,
        ProxyFault::Answer {
            status: 200,
            headers: vec![("content-type", "text/xml".into())],
            body: "<no sense".into(),
        },
    ]
}

/// Everything that a store can be asked, and everything that it and its errors print.
async fn print_all(place: &Place) -> String {
    let opened = match place.open() {
        Ok(opened) => opened,
        Err(error) => return format!("{error} {error:?}"),
    };
    let mut printed = format!("{opened:?} {:?}", place.settings());
    let store = &opened.storage;
    let results = futures::join!(
        // A larger one would be given more time than a test has.
        store.put("packs/a", Bytes::from_static(b"some bytes")),
        store.read("packs/a", None),
        store.read("packs/a", Some(5..10)),
        store.list("packs/").try_collect::<Vec<_>>(),
        store.delete("packs/b"),
    );
    let (put, read, part, list, delete) = results;
    let errors = [put.err(), read.err(), part.err(), list.err(), delete.err()];
    for error in errors.into_iter().flatten() {
        printed = format!("{printed}\n{} {error:?} {error:#?}", words(&error));
    }
    printed
}

#[test]
fn errors_and_logs_of_failing_stores_hold_no_credentials() -> Result<()> {
    let log = Log::start();
    let (s3, dav) = (s3_line()?, dav_line()?);
    let digest = Apache::start(Login::Digest)?;
    let before_digest = Proxy::before(digest.address())?;
    let digest = digest.place_at(before_digest.address(), "folder");
    let elsewhere = Proxy::alone()?;
    let lines = [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy), (&digest, &before_digest)];
    for (place, proxy) in lines {
        let hasty = place.clone().option("retries", "0").option("timeout", "1");
        search(&block_on(print_all(&hasty)), "a good day")?;
        for fault in faults(&elsewhere) {
            proxy.heal();
            proxy.inject(fault.clone(), Times::Always, |_| true);
            let printed = block_on(print_all(&hasty));
            search(&printed, &format!("{fault:?}"))?;
        }
        let nowhere = Place { address: hasty.address.replace("127.0.0.1", "127.0.0.1.x"), ..hasty };
        search(&block_on(print_all(&nowhere)), "a host that is not there")?;
    }
    let logged = log.text();
    ensure!(logged.contains("heirloom"), "nothing of ours was logged:\n{logged}");
    search(&logged, "the log")
}
