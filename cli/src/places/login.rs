//! `heirloom login`.

use std::path::PathBuf;

use heirloom_backends::gdrive::login::{Login, LoginError};
use heirloom_backends::{Address, StoreSettings};
use serde_json::json;
use tokio::runtime::Builder;

use crate::args::login::LoginArgs;
use crate::exit::Exit;
use crate::failure::{Failure, LoginFailure};
use crate::output::{Event, Output};
use crate::render::login as words;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, arguments: &LoginArgs) -> Result<Exit, Failure> {
    let address = Address::parse(&arguments.store)?;
    let Address::Remote { scheme, rest } = &address else { return Err(not_offered()) };
    if scheme != "gdrive" {
        return Err(not_offered());
    }
    let store = settings_of(settings, arguments);
    let login =
        Login::new(rest, &store).map_err(|error| Failure::Login(LoginFailure::Settings(error)))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::System)?;
    let kept = runtime.block_on(async {
        if arguments.device {
            on_another_device(&login, settings.output).await
        } else {
            in_the_browser(&login, settings.output).await
        }
    })?;
    settings.output.done(&words::done(&kept))?;
    settings.output.event(Event::Summary, "login.done", json!({ "file": kept }))?;
    Ok(Exit::Success)
}

/// The flags of this command are options like any other.
fn settings_of(settings: &Settings, arguments: &LoginArgs) -> StoreSettings {
    let mut store = settings.store.clone();
    if let Some(id) = &arguments.client_id {
        store.options.insert("client_id".to_owned(), id.clone());
    }
    if let Some(path) = &arguments.client_secret_file {
        let path = path.to_string_lossy().into_owned();
        store.options.insert("client_secret_file".to_owned(), path);
    }
    store
}

fn not_offered() -> Failure {
    Failure::Login(LoginFailure::NotOffered)
}

async fn in_the_browser(login: &Login, output: Output) -> Result<PathBuf, Failure> {
    let waiting = login.with_browser().await.map_err(failed)?;
    output.text(&words::browser(waiting.url()))?;
    output.event(Event::Status, "login.waiting", json!({ "url": waiting.url() }))?;
    waiting.finish(words::PAGE).await.map_err(failed)
}

async fn on_another_device(login: &Login, output: Output) -> Result<PathBuf, Failure> {
    let waiting = login.with_device().await.map_err(failed)?;
    output.text(&words::device(waiting.url(), waiting.code()))?;
    let fields = json!({ "url": waiting.url(), "code": waiting.code() });
    output.event(Event::Status, "login.waiting", fields)?;
    waiting.finish().await.map_err(failed)
}

fn failed(error: LoginError) -> Failure {
    Failure::Login(LoginFailure::Store(error))
}
