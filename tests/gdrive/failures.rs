//! What refusals mean, and that no failure tells a secret.

use std::error::Error;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_kit::{DriveEmulator, DriveFault, Trouble, block_on};

use crate::{Store, failure, names, store};

fn words(error: &StorageError) -> String {
    let mut words = vec![format!("{error} {error:?}")];
    let mut next = error.source();
    while let Some(below) = next {
        words.push(format!("{below} {below:?}"));
        next = below.source();
    }
    words.join(" ")
}

async fn put(store: &Store, name: &str) -> Result<(), StorageError> {
    store.put(name, Bytes::from_static(b"some bytes")).await
}

#[test]
fn every_refusal_has_its_kind() -> Result<()> {
    for (status, reason, kind, temporary) in [
        (403, "rateLimitExceeded", ErrorKind::RateLimited, true),
        (403, "userRateLimitExceeded", ErrorKind::RateLimited, true),
        (429, "rateLimitExceeded", ErrorKind::RateLimited, true),
        (403, "storageQuotaExceeded", ErrorKind::NoSpace, false),
        (403, "insufficientFilePermissions", ErrorKind::PermissionDenied, false),
        (403, "appNotAuthorizedToFile", ErrorKind::PermissionDenied, false),
        (500, "internalError", ErrorKind::Unreachable, true),
        (503, "backendError", ErrorKind::Unreachable, true),
        (400, "badRequest", ErrorKind::Protocol, false),
    ] {
        let drive = DriveEmulator::start()?;
        let store = store(&drive)?;
        block_on(async {
            put(&store, "packs/a").await?;
            for request in ["upload", "media", "delete", "list"] {
                drive.inject(DriveFault::new(request, Trouble::Refuse(status, reason)));
            }
            failure(put(&store, "packs/b").await, kind, temporary)?;
            failure(store.read("packs/a", None).await, kind, temporary)?;
            let listed = store.list("packs/").try_collect::<Vec<_>>().await;
            failure(listed, kind, temporary)?;
            failure(store.delete("packs/a").await, kind, temporary)?;
            ensure!(drive.all_struck());
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_full_drive_is_no_space() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.set_quota(Some(15));
    let store = store(&drive)?;
    block_on(async {
        put(&store, "packs/a").await?;
        failure(put(&store, "packs/b").await, ErrorKind::NoSpace, false)?;
        let large = Bytes::from(vec![0; 6 << 20]);
        failure(store.put("packs/c", large).await, ErrorKind::NoSpace, false)?;
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        Ok(())
    })
}

#[test]
fn a_client_that_asks_too_often_gets_through_in_the_end() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        put(&store, "packs/a").await?;
        drive.set_rate(Some(10));
        let more = ["packs/b", "packs/c", "packs/d", "packs/e", "packs/f"];
        let puts = more.map(async |name| {
            let mut limited = 0;
            while let Err(error) = put(&store, name).await {
                ensure!(error.kind == ErrorKind::RateLimited && error.temporary, "{error:?}");
                limited += 1;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            Ok(limited)
        });
        let limited: u32 = futures::future::try_join_all(puts).await?.into_iter().sum();
        drive.set_rate(None);
        ensure!(limited > 0, "nobody was slowed down");
        ensure!(names(&store, "packs/").await?.len() == 6);
        Ok(())
    })
}

#[test]
fn a_token_that_expires_is_replaced_without_anybody_noticing() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        put(&store, "packs/a").await?;
        ensure!(drive.count("token") == 1);
        drive.expire_tokens();
        let puts = ["packs/b", "packs/c", "packs/d"].map(|name| put(&store, name));
        futures::future::try_join_all(puts).await?;
        ensure!(drive.count("token") == 2, "{} tokens", drive.count("token"));
        drive.expire_tokens();
        ensure!(names(&store, "packs/").await?.len() == 4);
        Ok(())
    })
}

#[test]
fn a_token_is_replaced_before_it_expires() -> Result<()> {
    let drive = DriveEmulator::start()?;
    // Shorter than the two minutes that it is replaced early.
    drive.set_token_lifetime(Duration::from_secs(100));
    let store = store(&drive)?;
    block_on(async {
        put(&store, "packs/a").await?;
        ensure!(drive.requests().iter().all(|request| request.status != Some(401)));
        ensure!(drive.count("token") > 1);
        Ok(())
    })
}

#[test]
fn a_login_that_was_revoked_must_be_repeated() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        put(&store, "packs/a").await?;
        drive.revoke();
        let error = failure(put(&store, "packs/b").await, ErrorKind::PermissionDenied, false)?;
        ensure!(words(&error).contains("log in again"), "{}", words(&error));
        Ok(())
    })
}

#[test]
fn no_failure_and_no_address_holds_a_secret() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    let mut said = Vec::new();
    block_on(async {
        put(&store, "packs/a").await?;
        for trouble in [
            Trouble::Refuse(500, "backendError"),
            Trouble::Refuse(403, "forbidden"),
            Trouble::Refuse(400, "x"),
            Trouble::LoseAnswer,
            Trouble::Cut(0),
        ] {
            for kind in ["upload", "media", "list", "delete", "token", "session", "send"] {
                drive.inject(DriveFault::new(kind, trouble.clone()));
            }
            drive.expire_tokens();
            for _ in 0..3 {
                said.extend(put(&store, "packs/b").await.err());
                said.extend(store.put("packs/c", vec![0; 6 << 20].into()).await.err());
                said.extend(store.read("packs/a", None).await.err());
                said.extend(store.list("packs/").try_collect::<Vec<_>>().await.err());
                said.extend(store.delete("packs/d").await.err());
            }
        }
        drive.revoke();
        said.extend(put(&store, "packs/b").await.err());
        anyhow::Ok(())
    })?;
    ensure!(said.len() > 20, "only {} failures", said.len());
    let mut texts: Vec<String> = said.iter().map(words).collect();
    texts.extend(drive.requests().into_iter().map(|request| request.target));
    texts.push(format!("{store:?}"));
    for secret in drive.secrets() {
        let found = texts.iter().find(|text| text.contains(&secret));
        ensure!(found.is_none(), "{found:?}");
    }
    Ok(())
}

#[test]
fn a_server_that_is_gone_is_unreachable() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    drop(drive);
    block_on(async { failure(put(&store, "packs/a").await, ErrorKind::Unreachable, true) })?;
    Ok(())
}
