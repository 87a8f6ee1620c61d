//! Logins: by the browser of this machine, by a code on another device, and what is kept of them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use heirloom_backends::gdrive::login::{Login, LoginError};
use heirloom_backends::{Address, StoreSettings, open};
use heirloom_kit::{DRIVE_CLIENT_SECRET, DriveEmulator, block_on};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PAGE: &str = "<p>you may close this page</p>";

/// As the command would set it up: nothing but the client and its secret.
fn settings(drive: &DriveEmulator, tokens: &Path) -> StoreSettings {
    let mut settings = crate::settings(drive);
    tokens.clone_into(&mut settings.tokens);
    settings.environment = std::sync::Arc::new(|name: &str| {
        (name == "HEIRLOOM_STORE_CLIENT_SECRET").then(|| DRIVE_CLIENT_SECRET.to_owned())
    });
    settings
}

/// What a browser does when it is sent to this address.
async fn browse(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").context("not plain HTTP")?;
    let (host, path) = rest.split_once('/').context("no path")?;
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn open_with(settings: &StoreSettings) -> Result<crate::Store> {
    // Neither the environment nor the options hold anything but what is no secret.
    let settings = StoreSettings {
        options: settings.options.clone(),
        tokens: settings.tokens.clone(),
        ..StoreSettings::default()
    };
    Ok(open(&Address::parse("gdrive:/r".as_ref())?, &settings)?.storage)
}

#[test]
fn a_login_by_browser_opens_the_store() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let home = tempfile::tempdir()?;
    let tokens = home.path().join("config/heirloom/tokens");
    let settings = settings(&drive, &tokens);
    ensure!(open_with(&settings).is_err(), "nobody has logged in");
    let path = block_on(async {
        let login = Login::new("", &settings)?;
        let waiting = login.with_browser().await?;
        let back = drive.consent(waiting.url())?;
        let strangers = async {
            let forged = back.replace("state=", "state=f");
            let answer = browse(&forged).await?;
            ensure!(answer.starts_with("HTTP/1.1 404"), "{answer}");
            let icon = back.split_once('?').context("no query")?.0.to_owned() + "favicon.ico";
            ensure!(browse(&icon).await?.starts_with("HTTP/1.1 404"));
            browse(&back).await
        };
        let (path, page) = tokio::join!(waiting.finish(PAGE), strangers);
        ensure!(page?.ends_with(PAGE));
        Ok(path?)
    })?;
    ensure!(fs::metadata(&path)?.mode() & 0o777 == 0o600);
    ensure!(fs::metadata(&tokens)?.mode() & 0o777 == 0o700);
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains("1//") && !text.contains("ya29."), "only lasting tokens are kept");
    let store = open_with(&settings)?;
    block_on(async { store.put("packs/a", Bytes::from_static(b"a")).await })?;
    for request in drive.requests() {
        let secret = drive.secrets().into_iter().find(|secret| request.target.contains(secret));
        ensure!(secret.is_none(), "{request:?}");
    }
    Ok(())
}

#[test]
fn a_login_by_another_device_waits_for_the_code() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let home = tempfile::tempdir()?;
    let settings = settings(&drive, home.path());
    block_on(async {
        let login = Login::new("?account=other", &settings)?;
        let waiting = login.with_device().await?;
        ensure!(waiting.url() == "https://www.google.com/device");
        let code = waiting.code().to_owned();
        let type_it = async {
            while drive.count("token") < 3 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            drive.approve(&code)
        };
        let (path, typed) = tokio::join!(waiting.finish(), type_it);
        typed?;
        ensure!(path?.ends_with("gdrive-other.json"));
        Ok(())
    })
}

#[test]
fn a_no_is_a_no() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let home = tempfile::tempdir()?;
    let settings = settings(&drive, home.path());
    block_on(async {
        let login = Login::new("", &settings)?;
        let waiting = login.with_browser().await?;
        let back = drive.deny(waiting.url())?;
        let (denied, page) = tokio::join!(waiting.finish(PAGE), browse(&back));
        page?;
        ensure!(matches!(denied, Err(LoginError::Denied)), "{denied:?}");
        ensure!(fs::read_dir(home.path())?.next().is_none());
        Ok(())
    })
}

#[test]
fn a_wrong_client_is_refused_without_its_secret_being_told() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let home = tempfile::tempdir()?;
    let mut settings = settings(&drive, home.path());
    settings.environment = std::sync::Arc::new(|name: &str| {
        (name == "HEIRLOOM_STORE_CLIENT_SECRET").then(|| "a wrong secret".to_owned())
    });
    block_on(async {
        let login = Login::new("", &settings)?;
        let waiting = login.with_browser().await?;
        let back = drive.consent(waiting.url())?;
        let (refused, page) = tokio::join!(waiting.finish(PAGE), browse(&back));
        page?;
        let error = refused.err().context("it was accepted")?;
        ensure!(matches!(&error, LoginError::Refused { code } if code == "invalid_client"));
        ensure!(!format!("{error} {error:?} {login:?}").contains("a wrong secret"));
        Ok(())
    })
}

#[test]
fn a_login_that_others_can_read_is_not_used() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let home = tempfile::tempdir()?;
    let settings = settings(&drive, home.path());
    let path = block_on(async {
        let login = Login::new("", &settings)?;
        let waiting = login.with_browser().await?;
        let back = drive.consent(waiting.url())?;
        let (path, page) = tokio::join!(waiting.finish(PAGE), browse(&back));
        page?;
        anyhow::Ok(path?)
    })?;
    open_with(&settings)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    let error = open_with(&settings).err().context("it was used")?;
    ensure!(error.to_string().contains("others can read"), "{error}");
    Ok(())
}
